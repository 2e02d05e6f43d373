/** What is taken out of an offer before it is sent. Pure. */

/**
 * The offer without candidates (the appliance is reachable, and learns our addresses from our checks) and without
 * feedback and parameters of codecs that were trimmed away, which Firefox leaves behind.
 */
export function tidied(sdp: string): string {
  let formats: ReadonlySet<string> = new Set();
  const lines = sdp.split("\r\n").filter((line) => {
    if (line.startsWith("m=")) formats = new Set(line.split(" ").slice(3));
    if (line.startsWith("a=candidate:") || line === "a=end-of-candidates") return false;
    const format = /^a=(?:rtcp-fb|fmtp|rtpmap):(\d+) /.exec(line)?.[1];
    return format === undefined || formats.has(format);
  });
  return lines.join("\r\n");
}
