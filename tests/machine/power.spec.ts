// Power that is cut while the box writes: whatever was written at that moment, it starts again with all that it had said.
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { ask, type Answer } from '../browser/support/appliance.ts'
import { test, expect } from '../browser/support/playwright.ts'
import { Guest, parts } from './guest.ts'

const cuts = 10

/** How long it writes before the power is cut, in ms at most: a bundle takes longer to arrive and to be written. */
const writingMax = 12_000

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

test(`${cuts} power cuts while a bundle arrives and is written, and while keys are made anew`, async () => {
  test.setTimeout(3_000_000)
  const seed = Number(process.env.ALCOVE_SEED ?? Date.now() % 1_000_000)
  console.log(`  ALCOVE_SEED=${seed}`)
  const next = random(seed)
  const guest = await Guest.make()
  try {
    await guest.boot()
    await guest.run(`printf '[room]\\nname = "Aspen"\\n' > /etc/alcove/alcove.toml && sync && systemctl restart alcove`)
    const [authority, token] = [await guest.run('cat /var/lib/alcove/tls/ca.pem'), (await guest.run('cat /var/lib/alcove/admin-token')).trim()]
    const api = (method: string, path: string, body?: unknown): Promise<Answer> =>
      ask(`https://localhost:${guest.ports.https}/api/v1/${path}`, method, Buffer.from(authority), token, body)

    for (let cut = 1; cut <= cuts; cut++) {
      // Its end is not waited for: the power goes before, or soon after.
      const sent = api('POST', 'updates', createReadStream(join(parts, 'alcove-qemu.raucb'))).then((answer) => answer.status, String)
      const leaf = cut % 2 === 0 ? guest.run('while :; do rm -f /var/lib/alcove/tls/leaf.pem; systemctl restart alcove; done').catch(() => '') : ''
      const writing = next() * writingMax
      await new Promise((resolve) => setTimeout(resolve, writing))
      await guest.cutPower()
      console.log(`  cut ${cut} after ${(writing / 1000).toFixed(1)} s, the upload said ${await sent}`)
      await leaf
      await guest.boot()
      await expect.poll(() => guest.run('systemctl is-active alcove || true')).toBe('active\n')
      const status = await api('GET', 'status')
      expect(status.status, 'the authority and the token are those that were told').toBe(200)
      expect(status.json().troubles).toEqual([])
      expect(await guest.run('cat /etc/alcove/alcove.toml')).toBe('[room]\nname = "Aspen"\n')
      expect(await guest.run('systemctl --failed --plain --no-legend')).toBe('')
    }
  } finally {
    await guest.discard()
  }
})
