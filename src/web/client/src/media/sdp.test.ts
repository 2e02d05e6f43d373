/** What is left of an offer. */
import { expect, it } from "vitest";
import { tidied } from "./sdp";

it("candidates and leftovers of trimmed codecs are taken out, everything else stays as it is", () => {
  const kept = [
    "v=0",
    "m=audio 9 UDP/TLS/RTP/SAVPF 109",
    "a=rtpmap:109 opus/48000/2",
    "m=video 0 UDP/TLS/RTP/SAVPF 120 124",
    "a=rtcp-fb:120 nack pli",
    "a=rtcp-fb:* transport-cc",
    "a=fmtp:124 apt=120",
    "a=extmap:99 urn:example",
    "",
  ];
  const offered = [...kept];
  offered.splice(2, 0, "a=candidate:0 1 UDP 2122252543 192.0.2.7 5000 typ host", "a=end-of-candidates");
  offered.splice(7, 0, "a=rtcp-fb:99 nack", "a=fmtp:99 x=1", "a=rtcp-fb:109 nack");
  expect(tidied(offered.join("\r\n"))).toBe(kept.join("\r\n"));
});
