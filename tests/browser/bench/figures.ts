// Figures for people and for files, with the machine and its load beside them.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release } from 'node:os'
import { join } from 'node:path'

const folder = process.env.BENCH_OUT ?? '../../target/bench'

/** The value that so many per cent of the values do not exceed; null of none. */
export function percentile(values: readonly number[], perCent: number): number | null {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(Math.ceil(sorted.length * perCent / 100) - 1, 0)] ?? null
}

export function summary(values: readonly number[]) {
  return { count: values.length, median: percentile(values, 50), p95: percentile(values, 95) }
}

/** The machine, and how busy it is: figures mean little without it. */
const machine = () => ({ cores: cpus().length, cpu: cpus()[0]?.model ?? 'unknown', kernel: release(), load: loadavg() })

function write(name: string, document: object, lines: readonly (readonly [string, string])[]): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(document, null, 2)}\n`)
  for (const [what, value] of lines) console.log(`  ${what.padEnd(48)} ${value}`)
}

/** Writes what was measured, and prints it. */
export function publish(name: string, measured: object, lines: readonly (readonly [string, string])[]): void {
  write(name, { machine: machine(), measured }, lines)
}

/** What was measured before: nothing where there is no such file, or none that can be read. */
function read(path: string): object {
  if (!existsSync(path)) return {}
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (why) {
    console.log(`  ${path} cannot be read, and is written anew: ${why}`)
    return {}
  }
}

/**
 * Writes one of the measurements of a file that has several, and prints it. Each can be taken alone: the others stay as
 * they were taken last, with the machine as it was then, or are said to be absent.
 */
export function publishOneOf<Name extends string>(
  file: string, names: readonly Name[], name: Name, measured: object, lines: readonly (readonly [string, string])[],
): void {
  const known: Partial<Record<Name, object>> = read(join(folder, `${file}.json`))
  const taken = { at: new Date().toISOString(), machine: machine(), measured }
  const section = (one: Name) => one === name ? taken : known[one] ?? { absent: 'not measured yet' }
  write(file, Object.fromEntries(names.map((one) => [one, section(one)])), lines)
}

/** A figure in ms as a table shows it. */
export const ms = (value: number | null) => value === null ? 'not measured' : `${value.toFixed(0)} ms`
