/** How each encoding of a source is set: one for each size (simulcast), or all sizes in the first (SVC). Pure. */
import { isScalable } from "./codecs";
import type { VideoCodec } from "../words/wire";

/** An encoding with what the types of the DOM do not know yet: the codec to send, and its layers. */
export type Encoding = RTCRtpEncodingParameters & { codec?: RTCRtpCodec; scalabilityMode?: string };

/** What is set of an encoding. */
export type Setting = Required<Pick<Encoding, "active" | "maxBitrate" | "scaleResolutionDownBy" | "scalabilityMode">>;

/** Three temporal layers: the appliance leaves out frames for those whose way is narrow. */
const TEMPORAL = "L1T3";

/** By size: a quarter, a half and the full height. */
const RATES = [160_000, 600_000, 2_200_000] as const;
/** All sizes up to one together. */
const RATES_TOGETHER = [160_000, 700_000, 2_500_000] as const;
const RIDS = ["q", "h", "f"] as const;

/**
 * The layers of the camera, as they are offered: one flow each. None has a frame rate of its own: Chromium holds all
 * layers to the lowest of them.
 */
export const CAMERA_LAYERS: Encoding[] = RIDS.map((rid, at) => ({
  rid,
  scaleResolutionDownBy: 4 / 2 ** at,
  maxBitrate: RATES[at]!,
  scalabilityMode: TEMPORAL,
}));

/** A screen: sharp text matters more than motion; who has a narrow way gets half of the frames, as sharp as the rest. */
export const SCREEN_LAYERS: Encoding[] = [{ maxBitrate: 3_000_000, maxFramerate: 30, scalabilityMode: "L1T2" }];

/** A picture is halved while its shorter side stays above this; encoders make none that are smaller. */
const SHORT_SIDE_LEAST = 144;

/**
 * The camera's encodings, when this many layers of it are watched. `shortSide` is that of the camera's picture in pixels,
 * 0 while it is not known.
 */
export function cameraSettings(codec: VideoCodec, watched: number, shortSide: number): Setting[] {
  if (!isScalable(codec)) {
    return CAMERA_LAYERS.map(({ scaleResolutionDownBy, maxBitrate }, at) => ({
      active: at < watched,
      scaleResolutionDownBy: scaleResolutionDownBy!,
      maxBitrate: maxBitrate!,
      scalabilityMode: TEMPORAL,
    }));
  }
  const fitting = [4, 2, 1].findIndex((by) => by === 1 || shortSide === 0 || shortSide / by >= SHORT_SIDE_LEAST);
  const sizes = 3 - fitting;
  const sent = Math.max(1, Math.min(watched, sizes));
  const together: Setting = {
    active: watched > 0,
    scaleResolutionDownBy: 2 ** (sizes - sent),
    maxBitrate: RATES_TOGETHER[sent - 1]!,
    // Each size builds upon the smaller ones: whoever is sent one is sent those anyway, and so can go down at any moment.
    scalabilityMode: `L${sent}T3`,
  };
  const idle = { ...together, active: false, scalabilityMode: TEMPORAL };
  return [together, idle, idle];
}
