/** The one peer connection: one offer with everything that will ever be needed, then only tracks change. */
import { isScalable, pick, trimmed } from "./codecs";
import { CAMERA_LAYERS, type Encoding, SCREEN_LAYERS, cameraSettings } from "./encodings";
import { tidied } from "./sdp";
import type { Source, VideoCodec } from "../words/wire";

/** How many participants are heard at once. */
export const AUDIO_SLOTS = 3;
/** How many pictures are seen at once; nine keep the join fast. */
export const VIDEO_SLOTS = 9;

type Kind = "audio" | "video";

/** The header extension that tells when a picture was captured. */
const CAPTURE_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";

/** A transceiver that can be asked for header extensions, which the types of the DOM do not know yet. */
type StampingTransceiver = RTCRtpTransceiver & {
  getHeaderExtensionsToNegotiate?(): { uri: string; direction: string }[];
  setHeaderExtensionsToNegotiate?(extensions: { uri: string; direction: string }[]): void;
};

/** A receiver that is negotiated once and filled with whoever is to be seen or heard. */
export interface ReceiveSlot {
  readonly mid: string;
  readonly kind: Kind;
  readonly track: MediaStreamTrack;
}

/** What the page hears from its peer. */
export interface PeerEar {
  state(state: RTCPeerConnectionState): void;
  /** An address of ours, as `a=candidate` has it. */
  candidate(candidate: string): void;
}

/** Everything travels together. */
const TOGETHER: RTCConfiguration = { bundlePolicy: "max-bundle", rtcpMuxPolicy: "require" };

/** The page's end of the media path. */
export class Peer {
  readonly #pc: RTCPeerConnection;
  readonly #senders: Record<Source, RTCRtpTransceiver>;
  readonly #receivers: RTCRtpTransceiver[];
  /** What each source was told to send last. */
  readonly #sent = new Map<Source, MediaStreamTrack | null>();
  #offer: Promise<string> | null = null;
  /** The codec that is sent; the answer's order has chosen it until another one is asked for. */
  #codec: VideoCodec | null = null;
  #codecWaits = false;
  /** How many layers of the camera are watched. */
  #watched = CAMERA_LAYERS.length;
  /** All sizes of the camera share one flow. */
  #isScalable = false;
  /** A sender's parameters can be changed once at a time: what was read last must be what is written next. */
  #changes: Promise<boolean> = Promise.resolve(false);

  constructor(ear: PeerEar) {
    this.#pc = new RTCPeerConnection(TOGETHER);
    this.#pc.onicecandidate = ({ candidate }) => candidate?.candidate && ear.candidate(candidate.candidate);
    this.#pc.onconnectionstatechange = () => ear.state(this.#pc.connectionState);
    const send = (kind: Kind, sendEncodings?: Encoding[]) =>
      this.#add(kind, { direction: "sendonly", ...(sendEncodings ? { sendEncodings } : {}) });
    this.#senders = {
      microphone: send("audio"),
      camera: send("video", CAMERA_LAYERS),
      screen: send("video", SCREEN_LAYERS),
      screen_audio: send("audio"),
    };
    // The last of each kind are for a screen and its sound.
    const kinds: Kind[] = [...fill(AUDIO_SLOTS, "audio"), ...fill(VIDEO_SLOTS, "video"), "video", "audio"];
    this.#receivers = kinds.map((kind) => this.#add(kind, { direction: "recvonly" }));
  }

  get state(): RTCPeerConnectionState {
    return this.#pc.connectionState;
  }

  get isAnswered(): boolean {
    return this.#pc.remoteDescription !== null;
  }

  /** With the next path that is sought, asks this STUN server for our address. */
  askForAddress(stun: string): void {
    this.#pc.setConfiguration({ ...TOGETHER, iceServers: [{ urls: stun }] });
  }

  /** The receive slots; their `mid` is there once the offer is made. */
  get slots(): ReceiveSlot[] {
    return this.#receivers.map((one) => ({
      mid: one.mid ?? "",
      kind: one.receiver.track.kind as Kind,
      track: one.receiver.track,
    }));
  }

  /** The one offer, made once and ahead of time; it is sent when the person joins. */
  offer(): Promise<string> {
    this.#offer ??= this.#describe();
    return this.#offer;
  }

  /** An offer with new credentials for a new path; the only one that may follow the first. */
  restart(): Promise<string> {
    this.#pc.restartIce();
    return this.#describe();
  }

  /** Takes the appliance's answer. */
  async accept(sdp: string): Promise<void> {
    await this.#pc.setRemoteDescription({ type: "answer", sdp });
    void this.#keepSharp();
    if (this.#codecWaits) await this.#applyCodec();
  }

  /** Sends `track` as the given source from now on; null sends nothing (muted means: nothing leaves). */
  async send(source: Source, track: MediaStreamTrack | null): Promise<void> {
    // Not the sender's own word: that changes only once a replacement is done, and one that is under way would win.
    if ((this.#sent.get(source) ?? null) === track) return;
    this.#sent.set(source, track);
    await this.#senders[source].sender.replaceTrack(track);
    if (source === "camera" && this.#isScalable) await this.#shapeCamera();
  }

  /** Notes the codec to begin with. The answer's order brings H.264 or VP8 about, so that nothing needs to be set. */
  expect(codec: VideoCodec): void {
    this.#codec = codec;
    this.#codecWaits = isScalable(codec);
  }

  /** Sends another codec from now on, without another offer where the browser knows how to. */
  async prefer(codec: VideoCodec): Promise<void> {
    if (codec === this.#codec) return;
    this.#codec = codec;
    if (this.#pc.remoteDescription) await this.#applyCodec();
    else this.#codecWaits = true;
  }

  /** Encodes and sends this many layers of a video source, from the smallest on. */
  watched(source: Source, layers: number): Promise<boolean> {
    if (source === "camera") this.#watched = layers;
    if (source === "camera" && this.#isScalable) return this.#shapeCamera();
    return this.#change(this.#senders[source].sender, ({ encodings }) => {
      const changed = encodings.filter((encoding, at) => encoding.active !== at < layers);
      for (const encoding of changed) encoding.active = !encoding.active;
      return changed.length > 0;
    });
  }

  /** Who sends what a slot plays, the latest first; empty where the browser does not tell. */
  sources(mid: string): readonly RTCRtpSynchronizationSource[] {
    return this.#receivers.find((one) => one.mid === mid)?.receiver.getSynchronizationSources() ?? [];
  }

  stats(): Promise<RTCStatsReport> {
    return this.#pc.getStats();
  }

  close(): void {
    this.#pc.close();
  }

  #add(kind: Kind, init: RTCRtpTransceiverInit): RTCRtpTransceiver {
    const transceiver = this.#transceiver(kind, init);
    const side = init.direction === "sendonly" ? RTCRtpSender : RTCRtpReceiver;
    if (kind === "video") stampCaptures(transceiver);
    try {
      transceiver.setCodecPreferences(trimmed(side.getCapabilities(kind)?.codecs ?? [], kind));
    } catch {
      // An untrimmed offer is larger, and as good.
    }
    return transceiver;
  }

  #transceiver(kind: Kind, init: RTCRtpTransceiverInit): RTCRtpTransceiver {
    try {
      return this.#pc.addTransceiver(kind, init);
    } catch {
      // A browser whose encoders know no temporal layers; another reason is thrown again.
      const sendEncodings = (init.sendEncodings ?? []).map(({ scalabilityMode: _, ...rest }: Encoding) => rest);
      return this.#pc.addTransceiver(kind, { ...init, sendEncodings });
    }
  }

  /** A screen keeps its resolution when the way is narrow, and has fewer frames instead. */
  #keepSharp(): Promise<boolean> {
    return this.#change(this.#senders.screen.sender, (parameters) => {
      const changes = parameters.degradationPreference !== "maintain-resolution";
      parameters.degradationPreference = "maintain-resolution";
      return changes;
    });
  }

  async #describe(): Promise<string> {
    await this.#pc.setLocalDescription();
    return tidied(this.#pc.localDescription?.sdp ?? "");
  }

  async #applyCodec(): Promise<void> {
    this.#codecWaits = false;
    const codec = this.#codec;
    if (!codec) return;
    const { camera, screen } = this.#senders;
    await this.#setCodec(camera.sender, codec, this.#isScalable && !isScalable(codec));
    this.#isScalable = isScalable(codec) && sends(camera.sender, codec);
    if (this.#isScalable) await this.#shapeCamera();
    await this.#setCodec(screen.sender, codec, false);
  }

  /** `unfold`: the sizes of the camera shared a flow, and are to be flows of their own again. */
  async #setCodec(sender: RTCRtpSender, wanted: VideoCodec, unfold: boolean): Promise<void> {
    // A browser without this keeps to the codec of the answer, which the appliance has put first.
    const set = (hasLayers: boolean) =>
      this.#change(sender, ({ codecs, encodings }) => {
        const codec = pick(codecs, wanted);
        if (unfold) this.#shape(encodings, wanted);
        for (const encoding of encodings as Encoding[]) {
          if (codec) encoding.codec = codec;
          if (!hasLayers) delete encoding.scalabilityMode;
        }
        return codec !== undefined;
      });
    // An encoder may have no temporal layers for this codec: better none than the wrong codec.
    if (!(await set(true))) await set(false);
  }

  /** Puts all sizes of the camera that are watched into one flow. */
  #shapeCamera(): Promise<boolean> {
    return this.#change(this.#senders.camera.sender, ({ encodings }) => this.#shape(encodings, this.#codec ?? "h264"));
  }

  #shape(encodings: RTCRtpEncodingParameters[], codec: VideoCodec): boolean {
    const { width = 0, height = 0 } = this.#sent.get("camera")?.getSettings() ?? {};
    const settings = cameraSettings(codec, this.#watched, Math.min(width, height));
    const before = JSON.stringify(encodings);
    encodings.forEach((encoding, at) => Object.assign(encoding, settings[at]));
    return JSON.stringify(encodings) !== before;
  }

  /**
   * Changes a sender's parameters, if there is anything to change; what the browser refuses stays as it is. Tells
   * whether something was changed.
   */
  #change(sender: RTCRtpSender, how: (parameters: RTCRtpSendParameters) => boolean): Promise<boolean> {
    const change = async () => {
      const parameters = sender.getParameters();
      if (parameters.encodings.length === 0 || !how(parameters)) return false;
      await sender.setParameters(parameters);
      return true;
    };
    this.#changes = this.#changes.then(change).catch(() => false);
    return this.#changes;
  }
}

/** Has the time of capture travel along, which browsers offer only when asked. */
function stampCaptures(transceiver: StampingTransceiver): void {
  const extensions = transceiver.getHeaderExtensionsToNegotiate?.() ?? [];
  const stamp = extensions.find(({ uri }) => uri === CAPTURE_TIME);
  if (!stamp) return; // This browser does not know how to: its pictures are shown without their age.
  stamp.direction = "sendrecv";
  transceiver.setHeaderExtensionsToNegotiate?.(extensions);
}

/** Whether a sender can be told which codec to send, and sends this one. */
function sends(sender: RTCRtpSender, codec: VideoCodec): boolean {
  const { codecs, encodings } = sender.getParameters();
  const wanted = pick(codecs, codec)?.mimeType;
  return wanted !== undefined && (encodings[0] as Encoding | undefined)?.codec?.mimeType === wanted;
}

function fill(count: number, kind: Kind): Kind[] {
  return Array.from({ length: count }, () => kind);
}
