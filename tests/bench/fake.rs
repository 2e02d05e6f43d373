//! A fake participant: its own UDP socket and its own ICE, DTLS and SRTP by str0m; it sends a recording and
//! counts what it is sent.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use mio::net::UdpSocket;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid, Rid, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc};

use crate::recording::{LAYERS, Recording};

const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 30);
const SOUND: Duration = Duration::from_millis(20);
/// How often a layer begins anew on request at most.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(500);
const RIDS: [&str; LAYERS.len()] = ["q", "h", "f"];
const AUDIO_SLOTS: usize = 3;
const VIDEO_SLOTS: usize = 9;
/// The time of sending, at the end of each payload where that is wanted: microseconds since the epoch of the run.
const STAMP_BYTES: usize = 8;

/// What a fake participant sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sends {
    /// It only receives.
    Nothing,
    /// Microphone and camera, the top layer alone, each payload with its time of sending behind it: for
    /// receivers that decode nothing.
    Stamped,
    /// Microphone and camera with three layers, as pages do.
    Simulcast,
}

/// What arrived at one fake participant in a window.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    flows: HashMap<Mid, Flow>,
    /// From sending to arrival, generator to generator, in microseconds; stamped packets alone.
    pub(crate) delays_us: Vec<u32>,
    pub(crate) bytes: u64,
    /// Packets that it sent itself.
    pub(crate) sent: u64,
}

#[derive(Debug)]
struct Flow {
    first: u64,
    last: u64,
    count: u64,
}

impl Arrivals {
    /// Packets that arrived.
    pub(crate) fn packets(&self) -> u64 {
        self.flows.values().map(|flow| flow.count).sum()
    }

    /// Numbers that were left out for good between the first and the last of each slot.
    pub(crate) fn lost(&self) -> u64 {
        self.flows.values().map(|flow| (flow.last - flow.first + 1).saturating_sub(flow.count)).sum()
    }

    fn count(&mut self, mid: Mid, number: u64) {
        let flow = self.flows.entry(mid).or_insert(Flow { first: number, last: number, count: 0 });
        flow.first = flow.first.min(number);
        flow.last = flow.last.max(number);
        flow.count += 1;
    }
}

/// The state of one layer that is sent.
#[derive(Debug, Clone, Copy, Default)]
struct Playing {
    picture: usize,
    sequence: u64,
    began: Option<Instant>,
    restart: bool,
}

pub(crate) struct Fake {
    rtc: Rtc,
    pub(crate) socket: UdpSocket,
    address: SocketAddr,
    recording: Arc<Recording>,
    sends: Sends,
    pending: Option<SdpPendingOffer>,
    microphone: Option<Mid>,
    camera: Option<Mid>,
    layers: [Playing; LAYERS.len()],
    sound: Playing,
    /// What the microphone claims, in dBov.
    pub(crate) level_dbov: i8,
    epoch: Instant,
    deadline: Instant,
    next_frame: Option<Instant>,
    next_sound: Option<Instant>,
    pub(crate) arrivals: Arrivals,
    /// Taken by whoever waits for the connection.
    pub(crate) on_connected: Option<tokio::sync::oneshot::Sender<()>>,
    buffer: Vec<u8>,
}

impl Fake {
    pub(crate) fn new(
        recording: Arc<Recording>,
        sends: Sends,
        epoch: Instant,
        now: Instant,
    ) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0).into()).context("no free UDP port")?;
        let address = socket.local_addr().context("a socket without an address")?;
        let mut config = Rtc::builder().set_rtp_mode(true).clear_codecs();
        let codecs = config.codec_config();
        codecs.enable_opus(true, false);
        codecs.add_h264(102.into(), Some(103.into()), true, 0x42_e0_1f);
        codecs.enable_vp8(true);
        let mut rtc = config.build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp").context("no candidate")?);
        Ok(Self {
            rtc,
            socket,
            address,
            recording,
            sends,
            pending: None,
            microphone: None,
            camera: None,
            layers: Default::default(),
            sound: Playing::default(),
            level_dbov: -60,
            epoch,
            deadline: now,
            next_frame: None,
            next_sound: None,
            arrivals: Arrivals::default(),
            on_connected: None,
            buffer: vec![0; 2048],
        })
    }

    /// The one offer: senders first, then the slots, as the protocol has it.
    pub(crate) fn offer(&mut self) -> anyhow::Result<String> {
        let simulcast = (self.sends == Sends::Simulcast).then(|| Simulcast {
            send: RIDS.map(|rid| SimulcastLayer { rid: Rid::from(rid), attributes: None }).to_vec(),
            recv: Vec::new(),
        });
        let mut api = self.rtc.sdp_api();
        if self.sends != Sends::Nothing {
            self.microphone = Some(api.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None));
            self.camera = Some(api.add_media(MediaKind::Video, Direction::SendOnly, None, None, simulcast));
        }
        for kind in [(MediaKind::Audio, AUDIO_SLOTS), (MediaKind::Video, VIDEO_SLOTS)] {
            for _ in 0..kind.1 {
                api.add_media(kind.0, Direction::RecvOnly, None, None, None);
            }
        }
        let (offer, pending) = api.apply().context("an offer without changes")?;
        self.pending = Some(pending);
        Ok(offer.to_sdp_string())
    }

    pub(crate) fn accept(&mut self, answer: &str) -> anyhow::Result<()> {
        let answer = SdpAnswer::from_sdp_string(answer).context("the answer is no SDP")?;
        let pending = self.pending.take().context("an answer without an offer")?;
        self.rtc.sdp_api().accept_answer(pending, answer).context("the answer does not fit")
    }

    /// When [`Self::step`] is due.
    pub(crate) fn due(&self) -> Instant {
        [self.next_frame, self.next_sound].into_iter().flatten().fold(self.deadline, Instant::min)
    }

    /// Takes everything that waits in the socket.
    pub(crate) fn receive(&mut self, clock: &dyn alcove_hal::clock::Clock) -> anyhow::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        while let Ok((length, source)) = self.socket.recv_from(&mut buffer) {
            let now = clock.now();
            let Ok(receive) = Receive::new(Protocol::Udp, source, self.address, &buffer[..length]) else {
                continue;
            };
            self.rtc.handle_input(Input::Receive(now, receive)).context("a datagram was not taken")?;
            self.drain(now)?;
        }
        self.buffer = buffer;
        Ok(())
    }

    /// Sends what is due.
    pub(crate) fn step(&mut self, now: Instant) -> anyhow::Result<()> {
        if let Some(due) = self.next_sound.filter(|due| *due <= now) {
            self.next_sound = Some((due + SOUND).max(now));
            self.send_sound(now);
        }
        if let Some(due) = self.next_frame.filter(|due| *due <= now) {
            self.next_frame = Some((due + FRAME).max(now));
            self.send_pictures(now);
        }
        if self.deadline <= now {
            self.rtc.handle_input(Input::Timeout(now)).context("time does not pass")?;
            self.drain(now)?;
        }
        Ok(())
    }

    fn send_sound(&mut self, now: Instant) {
        let Some(mid) = self.microphone else { return };
        let packets = &self.recording.sound;
        let payload = packets[self.sound.picture % packets.len()].to_vec();
        self.sound.picture += 1;
        self.sound.sequence += 1;
        let extensions = ExtensionValues {
            audio_level: Some(self.level_dbov),
            voice_activity: Some(true),
            ..ExtensionValues::default()
        };
        let ticks = self.ticks(now, 48_000);
        let write = |pt, payload| {
            RtpWrite::new(pt, self.sound.sequence.into(), ticks, now, payload).ext_vals(extensions)
        };
        let payload = self.stamped(payload, now);
        let Some(pt) = self.payload_type(Codec::Opus) else { return };
        let packet = write(pt, payload);
        self.write(mid, None, packet, now);
    }

    fn send_pictures(&mut self, now: Instant) {
        let recording = Arc::clone(&self.recording);
        let ticks = self.ticks(now, 90_000);
        let Some(mid) = self.camera else { return };
        let Some(pt) = self.payload_type(Codec::H264) else { return };
        for (at, pictures) in recording.layers.iter().enumerate() {
            let is_top = at + 1 == LAYERS.len();
            if self.sends == Sends::Stamped && !is_top {
                continue;
            }
            let rid = (self.sends == Sends::Simulcast).then(|| Rid::from(RIDS[at]));
            let layer = &mut self.layers[at];
            if layer.restart && layer.began.is_none_or(|at| now >= at + KEYFRAME_INTERVAL) {
                layer.picture = 0;
            }
            if layer.picture.is_multiple_of(pictures.len()) {
                (layer.restart, layer.began) = (false, Some(now));
            }
            let picture = &pictures[layer.picture % pictures.len()];
            layer.picture += 1;
            for (index, payload) in picture.iter().enumerate() {
                self.layers[at].sequence += 1;
                let payload = self.stamped(payload.clone(), now);
                let packet = RtpWrite::new(pt, self.layers[at].sequence.into(), ticks, now, payload)
                    .marker(index + 1 == picture.len())
                    .nackable(true);
                self.write(mid, rid, packet, now);
            }
        }
    }

    fn write(&mut self, mid: Mid, rid: Option<Rid>, packet: RtpWrite, now: Instant) {
        let mut direct = self.rtc.direct_api();
        if let Some(flow) = direct.stream_tx_by_mid(mid, rid) {
            flow.write_rtp(packet);
            self.arrivals.sent += 1;
            self.deadline = now;
        }
    }

    fn stamped(&self, mut payload: Vec<u8>, now: Instant) -> Vec<u8> {
        if self.sends == Sends::Stamped {
            payload.extend(self.micros(now).to_be_bytes());
        }
        payload
    }

    fn micros(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.epoch).as_micros()).unwrap_or(u64::MAX)
    }

    #[expect(clippy::cast_possible_truncation, reason = "RTP timestamps count modulo 2^32")]
    fn ticks(&self, now: Instant, hz: u64) -> u32 {
        (self.micros(now) * hz / 1_000_000) as u32
    }

    fn payload_type(&self, codec: Codec) -> Option<str0m::media::Pt> {
        let params = self.rtc.codec_config().params();
        params.iter().find(|one| one.spec().codec == codec).map(str0m::format::PayloadParams::pt)
    }

    fn drain(&mut self, now: Instant) -> anyhow::Result<()> {
        loop {
            match self.rtc.poll_output().context("the transport failed")? {
                Output::Timeout(at) => {
                    self.deadline = at;
                    return Ok(());
                }
                // Lost on a full buffer, as on any network; it is counted as lost at the other end.
                Output::Transmit(datagram) => {
                    drop(self.socket.send_to(&datagram.contents, datagram.destination));
                }
                Output::Event(event) => self.on_event(event, now),
            }
        }
    }

    fn on_event(&mut self, event: Event, now: Instant) {
        match event {
            Event::Connected => {
                (self.next_frame, self.next_sound) = (Some(now), Some(now));
                if let Some(waiting) = self.on_connected.take() {
                    let _ = waiting.send(());
                }
            }
            Event::KeyframeRequest(request) => {
                let layer = request.rid.and_then(|rid| RIDS.iter().position(|one| *one == &*rid));
                self.layers[layer.unwrap_or(LAYERS.len() - 1)].restart = true;
            }
            Event::RtpPacket(packet) => {
                let mut direct = self.rtc.direct_api();
                let Some(mid) = direct.stream_rx(&packet.header.ssrc).map(|flow| flow.mid()) else { return };
                self.arrivals.count(mid, *packet.seq_no);
                self.arrivals.bytes += packet.payload.len() as u64;
                if let Some(stamp) = packet.payload.last_chunk::<STAMP_BYTES>() {
                    let delay = self.micros(now).saturating_sub(u64::from_be_bytes(*stamp));
                    self.arrivals.delays_us.extend(u32::try_from(delay));
                }
            }
            _ => {}
        }
    }
}
