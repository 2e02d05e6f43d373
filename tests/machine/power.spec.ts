// Power that is cut while the box writes: whatever was written at that moment, it starts again with all that it had said.
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ask } from '../browser/support/appliance.ts'
import { test, expect } from '../browser/support/playwright.ts'
import { Guest, parts } from './guest.ts'

const cuts = 10

/** How long it writes before the power is cut, in ms at most. */
const writingMax = 4_000

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

const configuration = (number: number) => `[room]\nname = "Aspen ${number}"\n`

/** Writes one configuration after the other as an administrator does, and tells the number of each that is kept. */
const write = (first: number) => `n=${first}; while :; do
  printf '[room]\\nname = "Aspen %s"\\n' $n > /etc/alcove/new && sync /etc/alcove/new &&
  mv /etc/alcove/new /etc/alcove/alcove.toml && sync /etc/alcove && echo $n && n=$((n + 1))
done`

/** Has the daemon make a key and a certificate anew, time and again. */
const renew = 'while :; do rm -f /var/lib/alcove/tls/leaf.pem; systemctl restart alcove; done'

test(`${cuts} power cuts while a bundle arrives, keys are made and the configuration is written`, async () => {
  test.setTimeout(3_000_000)
  const seed = Number(process.env.ALCOVE_SEED ?? Date.now() % 1_000_000)
  console.log(`  ALCOVE_SEED=${seed}`)
  const next = random(seed)
  const guest = await Guest.make()
  try {
    await guest.boot({ slotA: true })
    // A slot takes updates once it is confirmed, which takes longer than is waited for here.
    await guest.run(`printf '%s' '${configuration(0)}' > /etc/alcove/alcove.toml && touch /data/slots/proven-A && sync && systemctl restart alcove`)
    const authority = Buffer.from(await guest.run('cat /var/lib/alcove/tls/ca.pem'))
    const token = (await guest.run('cat /var/lib/alcove/admin-token')).trim()
    const api = (method: string, path: string, body?: unknown) =>
      ask(`https://localhost:${guest.ports.https}/api/v1/${path}`, method, authority, token, body)

    let [found, told] = [configuration(0), 0]
    for (let cut = 1; cut <= cuts; cut++) {
      const first = cut * 1000
      const written = guest.run(write(first)).catch((cause: { stdout?: string }) => cause.stdout ?? '')
      // Neither's end is waited for: the power goes before.
      const busy = cut % 2 === 1
        ? api('POST', 'updates', createReadStream(join(parts, 'alcove-qemu.raucb'))).then((answer) => `${answer.status} ${answer.body}`, () => 'under way')
        : guest.run(renew).catch(() => 'under way')
      const writing = next() * writingMax
      await pause(writing)
      await guest.cutPower()
      const kept = (await written).trim().split('\n').filter(Boolean).map(Number)
      console.log(`  cut ${cut} after ${(writing / 1000).toFixed(1)} s and ${kept.length} configurations`)
      told += kept.length
      expect(await busy, 'it was interrupted').toBe('under way')

      await guest.boot({ slotA: true })
      expect(await guest.run('systemctl is-system-running --wait || true'), 'no unit has failed').toBe('running\n')
      const status = await api('GET', 'status')
      expect(status.status, 'the authority and the token are those that were told').toBe(200)
      expect(status.json().troubles).toEqual([])
      expect(await guest.run('ls /var/lib/alcove'), 'nothing is left of the bundle').not.toContain('updates')
      const last = kept.at(-1)
      // One more may have been kept than was told.
      const possible = last === undefined ? [found, configuration(first)] : [configuration(last), configuration(last + 1)]
      found = await guest.run('cat /etc/alcove/alcove.toml')
      expect(possible).toContain(found)
    }
    expect(told, 'configurations that were kept').toBeGreaterThan(cuts)
  } finally {
    await guest.discard()
  }
})
