//! A peer on the network: one str0m `Rtc` in RTP mode, answered once and drained after every mutation.
//!
//! ```text
//!   offer ─▶ waiting ── ICE and DTLS ──▶ connected ── silence ──▶ lost ── too long ──▶ gone
//!               │                          ▲    │                  │
//!               │                          └────┼── heard again ───┘
//!               └── never ──▶ gone              └── goodbye, error, panic ──▶ gone
//! ```

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::bwe::{Bitrate, BweKind};
use str0m::change::SdpOffer;
use str0m::config::DtlsCert;
use str0m::format::Codec;
use str0m::media::{KeyframeRequestKind, MediaTime, Mid, Pt, Rid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, ExtensionMap, ExtensionValues, RtpPacket, RtpWrite, Ssrc, Vp8Descriptor};
use str0m::{Candidate, Event as RtcEvent, IceConnectionState, Input, Output, Rtc, RtcConfig, RtcError};

use crate::sfu::guard::guarded;
use crate::sfu::inbound::{FromPeer, Packet};
use crate::sfu::offer::{Plan, with_start_bitrate};
use crate::sfu::outbox::{Datagram, Outbox};
use crate::sfu::rewrite::Numbers;
use crate::sfu::{GoneWhy, OfferRefused, PeerId};
use crate::track::{Kind, Layer, Source, VideoCodec};

/// Resends are answered from this many packets per slot; 512 last for seconds and cost little memory.
const RESEND_CACHE: usize = 512;
/// How late a deadline may be met. The pacer asks for one step per packet, a microsecond apart: steps this
/// close are done at once, or a frame would trickle out with the granularity of the worker's timer.
const DEADLINE_SLACK: Duration = Duration::from_millis(1);
/// The most steps at once, so that one peer cannot hold up the others.
const STEPS_MAX: usize = 64;
/// The most SSRCs of a peer that are remembered; the oldest is forgotten.
const SSRCS_MAX: usize = 24;
/// How long the first connection may take, and how long a lost one is waited for.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
const LOST_FOR: Duration = Duration::from_secs(30);
/// Without a datagram for this long, a peer that sends media or reports is silent ...
const SILENT_AFTER: Duration = Duration::from_secs(2);
/// ... and one that only proves its consent every few seconds (RFC 7675, 5.1).
const QUIET_SILENT_AFTER: Duration = Duration::from_secs(7);
const STATS_EVERY: Duration = Duration::from_secs(5);
/// Browsers show a frame at once instead of scheduling it, and may still buffer this long on a bad path.
const PLAYOUT_DELAY_MAX_S: f64 = 0.2;

/// The certificate that every peer of this process presents (DTLS-SRTP). Cloning is cheap.
#[derive(Clone)]
pub struct DtlsIdentity(DtlsCert);

impl DtlsIdentity {
    /// A new key and its certificate; takes a millisecond or two.
    ///
    /// # Errors
    /// When the cryptographic library yields none; the sentence says so.
    pub fn generate() -> Result<Self, String> {
        let provider = str0m::crypto::from_feature_flags();
        provider
            .dtls_provider
            .generate_certificate()
            .map(Self)
            .ok_or_else(|| "the cryptographic library made no certificate for media; restart".to_owned())
    }
}

impl std::fmt::Debug for DtlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DtlsIdentity")
    }
}

/// What a network peer is made with.
#[derive(Debug, Clone, Copy)]
pub(super) struct RtcSetup<'a> {
    pub(super) ice_addresses: &'a [SocketAddr],
    pub(super) certificate: &'a DtlsIdentity,
    /// Comes first in the answer, so that a browser starts with it.
    pub(super) codec: VideoCodec,
    pub(super) start_bitrate_bps: u64,
}

/// A media line that receives what the peer sends.
#[derive(Debug)]
struct Inlet {
    mid: Mid,
    source: Source,
    rids: Vec<Rid>,
}

/// A media line that sends to the peer.
#[derive(Debug)]
struct Outlet {
    mid: Mid,
    ssrc: Ssrc,
    kind: Kind,
    payload_types: Vec<(Option<VideoCodec>, Pt)>,
}

/// A peer on the network.
pub(super) struct RtcPeer {
    id: PeerId,
    rtc: Rtc,
    plan: Plan,
    ufrag: String,
    deadline: Instant,
    /// The newest time that the transport has seen; it must not run back.
    latest: Instant,
    destination: Option<SocketAddr>,
    inlets: Vec<Inlet>,
    outlets: Vec<Outlet>,
    ssrcs: Vec<(Ssrc, Source, Layer)>,
    payload_types: Vec<(Pt, Option<VideoCodec>)>,
    connected: bool,
    /// Waits for its first connection, or for a lost one to come back, since then.
    lost_since: Option<Instant>,
    heard_at: Instant,
    media_heard_at: Option<Instant>,
    media_sent_at: Option<Instant>,
    told_silent: bool,
    /// Written to, and not yet drained.
    dirty: bool,
    over: bool,
}

impl RtcPeer {
    /// Answers a first offer.
    pub(super) fn answer(
        id: PeerId,
        setup: RtcSetup<'_>,
        plan: Plan,
        sdp: &str,
        now: Instant,
    ) -> Result<(Self, String), OfferRefused> {
        let begin = || Self::begin(id, setup, plan, sdp, now);
        match guarded(|| Ok::<_, String>(begin())) {
            Ok(outcome) => outcome,
            Err(_) => Err(OfferRefused::Internal),
        }
    }

    fn begin(
        id: PeerId,
        setup: RtcSetup<'_>,
        plan: Plan,
        sdp: &str,
        now: Instant,
    ) -> Result<(Self, String), OfferRefused> {
        let offer =
            SdpOffer::from_sdp_string(sdp).map_err(|error| OfferRefused::Malformed(error.to_string()))?;
        let receives = plan.receiving().iter().any(|line| line.kind == Kind::Video);
        let mut rtc = configure(setup, receives).build(now);
        for address in setup.ice_addresses {
            if let Ok(candidate) = Candidate::host(*address, "udp") {
                rtc.add_local_candidate(candidate);
            }
        }
        let answer =
            rtc.sdp_api().accept_offer(offer).map_err(|error| OfferRefused::Malformed(error.to_string()))?;
        let mut peer = Self {
            id,
            ufrag: rtc.direct_api().local_ice_credentials().ufrag,
            rtc,
            plan,
            deadline: now,
            latest: now,
            destination: None,
            inlets: Vec::new(),
            outlets: Vec::new(),
            ssrcs: Vec::new(),
            payload_types: Vec::new(),
            connected: false,
            lost_since: Some(now),
            heard_at: now,
            media_heard_at: None,
            media_sent_at: None,
            told_silent: true,
            dirty: true,
            over: false,
        };
        peer.map_lines()?;
        Ok((peer, with_start_bitrate(&answer.to_sdp_string())))
    }

    /// Finds payload types, inlets and outlets in what was negotiated.
    fn map_lines(&mut self) -> Result<(), OfferRefused> {
        let params = self.rtc.codec_config().params();
        self.payload_types = params.iter().map(|one| (one.pt(), video_codec(one.spec().codec))).collect();
        for line in self.plan.lines.iter().filter(|line| line.kind.is_some()) {
            let negotiated =
                self.rtc.media(Mid::from(line.mid.as_str())).map_or(&[][..], |media| media.remote_pts());
            if negotiated.is_empty() && !line.is_rejected() {
                return Err(OfferRefused::NothingUsable(
                    "a media line offers neither Opus nor H.264 nor VP8",
                ));
            }
        }
        for line in self.plan.sending() {
            let rids = line.rids.iter().map(|rid| Rid::from(rid.as_str())).collect();
            self.inlets.push(Inlet { mid: Mid::from(line.mid.as_str()), source: line.source, rids });
        }
        for line in self.plan.receiving() {
            let mid = Mid::from(line.mid.as_str());
            let negotiated = self.rtc.media(mid).map_or(&[][..], |media| media.remote_pts());
            let payload_types = self.payload_types.iter().filter(|(pt, _)| negotiated.contains(pt));
            let payload_types = payload_types.map(|(pt, codec)| (*codec, *pt)).collect();
            let ssrc = self.rtc.direct_api().stream_tx_by_mid(mid, None).map(|stream| stream.ssrc());
            let Some(ssrc) = ssrc else {
                return Err(OfferRefused::NothingUsable("a media line asks for simulcast to be sent to it"));
            };
            self.outlets.push(Outlet { mid, ssrc, kind: line.kind, payload_types });
        }
        if self.inlets.is_empty() && self.outlets.is_empty() {
            return Err(OfferRefused::NothingUsable("every media line is rejected or inactive"));
        }
        Ok(())
    }

    /// Answers an ICE restart. The media lines must be those of the first offer.
    pub(super) fn restart(
        &mut self,
        sdp: &str,
        plan: &Plan,
        now: Instant,
        out: &mut Outbox,
        up: &mut Vec<FromPeer>,
    ) -> Result<String, OfferRefused> {
        if !plan.has_lines_of(&self.plan) {
            return Err(OfferRefused::LinesChanged);
        }
        let offer =
            SdpOffer::from_sdp_string(sdp).map_err(|error| OfferRefused::Malformed(error.to_string()))?;
        let mut answer = Err(OfferRefused::Internal);
        self.step(out, up, |peer, out, up| {
            answer =
                peer.rtc.sdp_api().accept_offer(offer).map_err(|e| OfferRefused::Malformed(e.to_string()));
            peer.ufrag = peer.rtc.direct_api().local_ice_credentials().ufrag;
            peer.advance(now, out, up)
        });
        let answer = answer?;
        self.heard_at = now;
        self.told_silent = false;
        Ok(with_start_bitrate(&answer.to_sdp_string()))
    }

    pub(super) fn add_candidate(
        &mut self,
        text: &str,
        now: Instant,
        out: &mut Outbox,
        up: &mut Vec<FromPeer>,
    ) -> Result<(), OfferRefused> {
        let text = text.trim().trim_start_matches("a=");
        if text.is_empty() || text.starts_with("end-of-candidates") || text.contains(".local ") {
            // Names that only the browser's own network knows are found by its checks instead.
            return Ok(());
        }
        let candidate = Candidate::from_sdp_string(text)
            .map_err(|error| OfferRefused::BadCandidate(error.to_string()))?;
        self.step(out, up, |peer, out, up| {
            peer.rtc.add_remote_candidate(candidate);
            peer.advance(now, out, up)
        });
        Ok(())
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(super) fn ufrag(&self) -> &str {
        &self.ufrag
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connected
    }

    /// What can be decoded in the slot with this index.
    pub(super) fn decodes(&self, slot: usize) -> Vec<VideoCodec> {
        let types = self.outlets.get(slot).map_or(&[][..], |outlet| &outlet.payload_types);
        types.iter().filter_map(|(codec, _)| *codec).collect()
    }

    /// When it wants to be stepped next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (!self.over).then_some(self.deadline)
    }

    /// A datagram arrived. Returns whether it is really this peer's.
    pub(super) fn receive(
        &mut self,
        source: SocketAddr,
        destination: SocketAddr,
        contents: &[u8],
        now: Instant,
        out: &mut Outbox,
        up: &mut Vec<FromPeer>,
    ) -> bool {
        let mut accepted = false;
        self.step(out, up, |peer, out, up| {
            let Ok(receive) = Receive::new(Protocol::Udp, source, destination, contents) else {
                return Ok(());
            };
            let input = Input::Receive(now.max(peer.latest), receive);
            if !peer.rtc.accepts(&input) {
                return Ok(());
            }
            accepted = true;
            peer.heard(now);
            peer.latest = now.max(peer.latest);
            peer.rtc.handle_input(input)?;
            peer.drain(out, up)
        });
        accepted
    }

    fn heard(&mut self, now: Instant) {
        self.heard_at = now;
        self.told_silent = false;
    }

    /// Writes a packet to the slot with this index; it leaves with the next [`flush`](Self::flush). Returns
    /// whether the peer was clean before.
    pub(super) fn write(
        &mut self,
        slot: usize,
        packet: &Packet,
        numbers: Numbers,
        vp8: Option<&Vp8Descriptor>,
        now: Instant,
    ) -> bool {
        let Some(outlet) = self.outlets.get(slot) else { return false };
        let fitting = outlet.payload_types.iter().find(|(codec, _)| *codec == packet.codec);
        let (Some((_, payload_type)), false) = (fitting, self.over) else { return false };
        let video = outlet.kind == Kind::Video;
        let mut extensions = ExtensionValues::default();
        extensions.audio_level = packet.audio_level;
        extensions.voice_activity = packet.voice;
        extensions.abs_capture_time = packet.captured;
        if video {
            extensions.play_delay_min = Some(MediaTime::from_seconds(0.0));
            extensions.play_delay_max = Some(MediaTime::from_seconds(PLAYOUT_DELAY_MAX_S));
        }
        let payload = packet.payload.clone();
        let mut rtp = RtpWrite::new(*payload_type, numbers.sequence.into(), numbers.timestamp, now, payload)
            .marker(packet.marker)
            .nackable(video)
            .ext_vals(extensions);
        if let Some(patch) = vp8.and_then(|descriptor| vp8_patch(descriptor, numbers)) {
            rtp = rtp.vp8_patch(patch);
        }
        let mut direct = self.rtc.direct_api();
        let Some(stream) = direct.stream_tx(&outlet.ssrc) else { return false };
        stream.write_rtp(rtp);
        if video {
            self.media_sent_at = Some(now);
        }
        !std::mem::replace(&mut self.dirty, true)
    }

    /// Asks the peer for a key frame of one of its layers. Returns whether the layer is known.
    pub(super) fn ask_keyframe(&mut self, source: Source, layer: Layer) -> bool {
        let known = self.ssrcs.iter().rev().find(|(_, of, at)| *of == source && *at == layer);
        let (Some((ssrc, _, _)), false) = (known, self.over) else { return false };
        let mut direct = self.rtc.direct_api();
        let Some(stream) = direct.stream_rx(ssrc) else { return false };
        stream.request_keyframe(KeyframeRequestKind::Pli);
        self.dirty = true;
        true
    }

    /// Tells the bandwidth estimator what would be sent and what is to be reached next.
    /// Returns whether the peer was clean before.
    pub(super) fn want_bandwidth(&mut self, minimum_bps: u64, desired_bps: u64) -> bool {
        if self.over {
            return false;
        }
        self.rtc.bwe().set_bitrate(Bitrate::from(minimum_bps), Bitrate::from(desired_bps));
        !std::mem::replace(&mut self.dirty, true)
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.dirty && !self.over
    }

    /// Sends what was written.
    pub(super) fn flush(&mut self, now: Instant, out: &mut Outbox, up: &mut Vec<FromPeer>) {
        self.dirty = false;
        self.step(out, up, |peer, out, up| peer.advance(now, out, up));
    }

    /// Time has passed; returns whether the peer has just fallen silent.
    pub(super) fn tick(&mut self, now: Instant, up: &mut Vec<FromPeer>) -> bool {
        if self.over {
            return false;
        }
        let patience = if self.connected { LOST_FOR } else { CONNECT_WITHIN };
        if self.lost_since.is_some_and(|since| now.saturating_duration_since(since) >= patience) {
            self.over = true;
            up.push(FromPeer::Gone(GoneWhy::IceFailed));
            return false;
        }
        let silence = now.saturating_duration_since(self.heard_at);
        let limit = if self.was_talkative() { SILENT_AFTER } else { QUIET_SILENT_AFTER };
        let fell_silent = self.connected && !self.told_silent && silence >= limit;
        self.told_silent |= fell_silent;
        fell_silent
    }

    /// When last heard it was sending media, or reporting on pictures that we went on sending.
    fn was_talkative(&self) -> bool {
        let close = Duration::from_millis(300);
        let sent_media =
            self.media_heard_at.is_some_and(|at| self.heard_at.saturating_duration_since(at) < close);
        let owes_reports = self
            .media_sent_at
            .is_some_and(|at| at.saturating_duration_since(self.heard_at) > SILENT_AFTER / 2);
        sent_media || owes_reports
    }

    /// Says goodbye.
    pub(super) fn close(&mut self, now: Instant, out: &mut Outbox) {
        let mut nobody = Vec::new();
        self.step(out, &mut nobody, |peer, out, up| {
            peer.rtc.close()?;
            peer.advance(now, out, up)
        });
        self.over = true;
    }

    /// Runs a step behind the fence; after a failure the transport is not touched again.
    fn step(
        &mut self,
        out: &mut Outbox,
        up: &mut Vec<FromPeer>,
        step: impl FnOnce(&mut Self, &mut Outbox, &mut Vec<FromPeer>) -> Result<(), RtcError>,
    ) {
        if self.over {
            return;
        }
        if let Err(why) = guarded(|| step(self, out, up)) {
            self.over = true;
            up.push(FromPeer::Gone(why));
        }
    }

    /// Moves time on, and meets the deadlines that follow closely.
    fn advance(&mut self, now: Instant, out: &mut Outbox, up: &mut Vec<FromPeer>) -> Result<(), RtcError> {
        self.dirty = false;
        self.latest = now.max(self.latest);
        self.rtc.handle_input(Input::Timeout(self.latest))?;
        self.drain(out, up)?;
        for _ in 0..STEPS_MAX {
            if self.deadline > now + DEADLINE_SLACK || self.over {
                break;
            }
            self.latest = self.latest.max(self.deadline);
            self.rtc.handle_input(Input::Timeout(self.latest))?;
            self.drain(out, up)?;
        }
        Ok(())
    }

    /// Takes everything that the transport has to say.
    fn drain(&mut self, out: &mut Outbox, up: &mut Vec<FromPeer>) -> Result<(), RtcError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => {
                    self.deadline = at;
                    break;
                }
                Output::Transmit(transmit) => self.transmit(transmit, out, up),
                Output::Event(event) => self.on_event(event, up),
            }
        }
        if !self.rtc.is_alive() && !self.over {
            self.over = true;
            up.push(FromPeer::Gone(GoneWhy::Error("the transport closed itself".to_owned())));
        }
        Ok(())
    }

    fn transmit(&mut self, transmit: str0m::net::Transmit, out: &mut Outbox, up: &mut Vec<FromPeer>) {
        let contents: Vec<u8> = transmit.contents.into();
        // STUN goes to every address that checks; media (RFC 7983: from 20 on) to the one that is in use.
        let is_media = contents.first().is_some_and(|first| *first >= 20);
        if is_media && self.destination != Some(transmit.destination) {
            if self.destination.replace(transmit.destination).is_some() && self.connected {
                up.push(FromPeer::Moved);
            }
        }
        out.send(Datagram {
            peer: self.id,
            source: transmit.source,
            destination: transmit.destination,
            contents,
        });
    }

    fn on_event(&mut self, event: RtcEvent, up: &mut Vec<FromPeer>) {
        match event {
            RtcEvent::Connected => self.on_connected(up),
            RtcEvent::IceConnectionStateChange(state) => self.on_ice(state),
            RtcEvent::RtpPacket(packet) => self.on_rtp(packet, up),
            RtcEvent::KeyframeRequest(request) => {
                let slot = self.outlets.iter().position(|outlet| outlet.mid == request.mid);
                up.extend(slot.map(|slot| FromPeer::KeyframeWanted { slot }));
            }
            RtcEvent::EgressBitrateEstimate(BweKind::Twcc { estimate, can_probe: true }) => {
                up.push(FromPeer::Estimate { bps: estimate.as_u64() });
            }
            RtcEvent::MediaEgressStats(stats) => up.extend(stats.rtt.map(FromPeer::RoundTrip)),
            RtcEvent::Closed => {
                self.over = true;
                up.push(FromPeer::Gone(GoneWhy::ClosedByPeer));
            }
            // Data channels and pauses mean nothing here; words travel over the WebSocket.
            _ => {}
        }
    }

    fn on_connected(&mut self, up: &mut Vec<FromPeer>) {
        self.connected = true;
        self.lost_since = None;
        self.told_silent = false;
        up.push(FromPeer::Connected);
    }

    fn on_ice(&mut self, state: IceConnectionState) {
        match state {
            IceConnectionState::Disconnected => {
                self.lost_since.get_or_insert(self.latest);
            }
            IceConnectionState::Connected | IceConnectionState::Completed if self.connected => {
                self.lost_since = None;
            }
            _ => {}
        }
    }

    fn on_rtp(&mut self, rtp: RtpPacket, up: &mut Vec<FromPeer>) {
        self.media_heard_at = Some(self.latest);
        let known = self.ssrcs.iter().find(|(ssrc, _, _)| *ssrc == rtp.header.ssrc);
        let (source, layer, fresh) = match known {
            Some((_, source, layer)) => (*source, *layer, false),
            None => match self.learn(rtp.header.ssrc) {
                Some((source, layer)) => (source, layer, true),
                None => return,
            },
        };
        let codec = self.payload_types.iter().find(|(pt, _)| *pt == rtp.header.payload_type);
        let Some((_, codec)) = codec else { return };
        if codec.is_some() != (source.kind() == Kind::Video) || rtp.payload.is_empty() {
            return;
        }
        let packet = Packet {
            sequence: *rtp.seq_no,
            timestamp: rtp.header.timestamp,
            marker: rtp.header.marker,
            codec: *codec,
            audio_level: rtp.header.ext_vals.audio_level,
            voice: rtp.header.ext_vals.voice_activity,
            captured: rtp.header.ext_vals.abs_capture_time,
            payload: rtp.payload,
        };
        up.push(FromPeer::Media { source, layer, fresh, packet });
    }

    /// The track and layer of an SSRC that is seen for the first time.
    fn learn(&mut self, ssrc: Ssrc) -> Option<(Source, Layer)> {
        let mut direct = self.rtc.direct_api();
        let stream = direct.stream_rx(&ssrc)?;
        let inlet = self.inlets.iter().find(|inlet| inlet.mid == stream.mid())?;
        let at = match stream.rid() {
            Some(rid) => inlet.rids.iter().position(|one| *one == rid)?,
            None => 0,
        };
        let layer = Layer(u8::try_from(at).ok()?);
        if self.ssrcs.len() >= SSRCS_MAX {
            self.ssrcs.remove(0);
        }
        self.ssrcs.push((ssrc, inlet.source, layer));
        Some((inlet.source, layer))
    }
}

/// The transport's settings. ICE is lite: everybody reaches the appliance directly, and lite needs no checks.
fn configure(setup: RtcSetup<'_>, receives_video: bool) -> RtcConfig {
    let mut config = RtcConfig::new()
        .set_rtp_mode(true)
        .set_ice_lite(true)
        .set_dtls_cert(setup.certificate.0.clone())
        .set_send_buffer_video(RESEND_CACHE)
        .set_stats_interval(Some(STATS_EVERY))
        .set_extension_map(extensions())
        .clear_codecs();
    if receives_video {
        config = config.enable_bwe(Some(Bitrate::from(setup.start_bitrate_bps)));
    }
    let codecs = config.codec_config();
    codecs.enable_opus(true, false);
    let add_h264 = |codecs: &mut str0m::format::CodecConfig| {
        codecs.add_h264(108.into(), Some(109.into()), true, 0x42_e0_1f);
    };
    match setup.codec {
        VideoCodec::H264 => {
            add_h264(codecs);
            codecs.enable_vp8(true);
        }
        VideoCodec::Vp8 => {
            codecs.enable_vp8(true);
            add_h264(codecs);
        }
    }
    config
}

/// Video orientation is left out on purpose: phones then turn the picture themselves, and neither the room
/// nor a recording needs to.
fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::empty();
    map.set(1, Extension::AudioLevel);
    map.set(2, Extension::AbsoluteSendTime);
    map.set(3, Extension::TransportSequenceNumber);
    map.set(4, Extension::RtpMid);
    map.set(5, Extension::PlayoutDelay);
    map.set(6, Extension::AbsoluteCaptureTime);
    map.set(10, Extension::RtpStreamId);
    map.set(11, Extension::RepairedRtpStreamId);
    map
}

fn video_codec(codec: Codec) -> Option<VideoCodec> {
    match codec {
        Codec::H264 => Some(VideoCodec::H264),
        Codec::Vp8 => Some(VideoCodec::Vp8),
        _ => None,
    }
}

/// The picture ids as the slot counts them; none where the publisher uses the short form, which is too
/// narrow for them.
fn vp8_patch(descriptor: &Vp8Descriptor, numbers: Numbers) -> Option<str0m::rtp::Vp8Patch> {
    let ids = numbers.vp8?;
    let mut patch = descriptor.patch();
    if let Some(picture) = ids.picture {
        patch = patch.picture_id(picture);
    }
    if let Some(tl0) = ids.tl0 {
        patch = patch.tl0_pic_idx(tl0);
    }
    patch.build().ok()
}
