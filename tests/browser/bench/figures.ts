// Figures for people and for files, with the machine and its load beside them.
import { mkdirSync, writeFileSync } from 'node:fs'
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

/** Writes what was measured, and prints it. */
export function publish(name: string, measured: object, lines: readonly (readonly [string, string])[]): void {
  const machine = { cores: cpus().length, cpu: cpus()[0]?.model ?? 'unknown', kernel: release(), load: loadavg() }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify({ machine, measured }, null, 2)}\n`)
  for (const [what, value] of lines) console.log(`  ${what.padEnd(48)} ${value}`)
}

/** A figure in ms as a table shows it. */
export const ms = (value: number | null) => value === null ? 'not measured' : `${value.toFixed(0)} ms`
