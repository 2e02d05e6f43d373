// A firewall in front of a browser: it reaches the appliance only in the ways that the firewall lets pass.
import type { BrowserContext, Page } from '@playwright/test'

/** Of the appliance's candidates the page gets to know only those that match. */
export async function letPass(context: BrowserContext, candidate: RegExp): Promise<void> {
  await context.addInitScript((pattern) => {
    const passes = new RegExp(pattern)
    const set = RTCPeerConnection.prototype.setRemoteDescription
    RTCPeerConnection.prototype.setRemoteDescription = function (this: RTCPeerConnection, said: any) {
      const sdp = said.sdp.replace(/a=candidate:.*\r\n/g, (line: string) => (passes.test(line) ? line : ''))
      return (set as (said: RTCSessionDescriptionInit) => Promise<void>).call(this, { type: said.type, sdp })
    } as typeof set
  }, candidate.source)
}

/** How media travels: what the page's transport has chosen. */
export interface Way {
  readonly protocol: string
  /** Of the appliance, as the page sees it. */
  readonly address: string
  readonly port: number
  /** What sort of candidate of the appliance it is: `host`, `relay`. */
  readonly type: string
}

/** The way that media takes now; null while there is none. */
export async function wayOf(page: Page): Promise<Way | null> {
  const stats: any[] = await page.evaluate(() => window.alcove.stats())
  const by = (id: string) => stats.find((one) => one.id === id)
  const chosen = by(stats.find((one) => one.type === 'transport')?.selectedCandidatePairId)
  if (chosen === undefined) return null
  const { protocol, address, port, candidateType: type } = by(chosen.remoteCandidateId)
  return { protocol, address, port, type }
}
