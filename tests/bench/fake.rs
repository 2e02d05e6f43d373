//! A fake participant's transport: its own UDP socket and its own ICE, DTLS and SRTP by str0m; it sends a
//! recording and counts what it is sent.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alcove_hal::clock::Clock;
use anyhow::Context;
use mio::net::UdpSocket;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid, Pt, Rid, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc};

use crate::arrivals::{Arrivals, Times};
use crate::cipher;
use crate::player::{Flow, Outgoing, Pictures, Player, Sends, TOP};
use crate::recording::{LAYERS, Recording};
use crate::socket::Socket;
use crate::traffic::Endpoint;

/// The names of the layers, the smallest first.
const RIDS: [&str; LAYERS.len()] = ["q", "h", "f"];

/// What somebody is told when media is connected.
pub(crate) type OnConnected = tokio::sync::oneshot::Sender<()>;

/// What fake participants of a run have in common.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) recording: Arc<Recording>,
    /// The machine's address that they are bound to.
    pub(crate) ip: IpAddr,
    /// What stamps count from.
    pub(crate) epoch: Instant,
}

/// How many m-lines an offer has to receive with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots {
    pub(crate) sounds: usize,
    pub(crate) pictures: usize,
}

impl Slots {
    /// To send only.
    pub(crate) const NONE: Self = Self { sounds: 0, pictures: 0 };
    /// As pages have them: three microphones and nine cameras, and one of each for a shared screen.
    pub(crate) const PAGE: Self = Self { sounds: 4, pictures: 10 };
}

pub(crate) struct Fake {
    rtc: Rtc,
    socket: Socket,
    sends: Sends,
    player: Player,
    pending: Option<SdpPendingOffer>,
    microphone: Option<Mid>,
    camera: Option<Mid>,
    /// What the microphone claims, in dBov.
    level_dbov: i8,
    deadline: Instant,
    /// The last time that the transport was told: it must not go back.
    told: Instant,
    /// Of the datagram at hand.
    times: Times,
    arrivals: Arrivals,
    on_connected: Option<OnConnected>,
}

impl Fake {
    pub(crate) fn new(common: &Common, sends: Sends, now: Instant) -> anyhow::Result<Self> {
        let socket = Socket::bind(common.ip)?;
        let mut config =
            Rtc::builder().set_rtp_mode(true).set_crypto_provider(cipher::provider()).clear_codecs();
        let codecs = config.codec_config();
        codecs.enable_opus(true, false);
        codecs.add_h264(102.into(), Some(103.into()), true, 0x42_e0_1f);
        codecs.enable_vp8(true);
        let mut rtc = config.build(now);
        rtc.add_local_candidate(Candidate::host(socket.address(), "udp").context("no candidate")?);
        Ok(Self {
            rtc,
            socket,
            sends,
            player: Player::new(Arc::clone(&common.recording), sends, common.epoch),
            pending: None,
            microphone: None,
            camera: None,
            level_dbov: -60,
            deadline: now,
            told: now,
            times: Times { epoch: common.epoch, now, waited: Duration::ZERO },
            arrivals: Arrivals::default(),
            on_connected: None,
        })
    }

    /// Its microphone claims to be so loud, in dBov.
    pub(crate) fn claim(&mut self, dbov: i8) {
        self.level_dbov = dbov;
    }

    /// Tells once media is connected.
    pub(crate) fn connected(&mut self) -> tokio::sync::oneshot::Receiver<()> {
        let (connected, is_connected) = tokio::sync::oneshot::channel();
        self.on_connected = Some(connected);
        is_connected
    }

    /// The one offer: senders first, then the slots, as the protocol has it.
    pub(crate) fn offer(&mut self, slots: Slots) -> anyhow::Result<String> {
        let simulcast = (self.sends.pictures == Pictures::Layers).then(|| Simulcast {
            send: RIDS.map(|rid| SimulcastLayer { rid: Rid::from(rid), attributes: None }).to_vec(),
            recv: Vec::new(),
        });
        let mut api = self.rtc.sdp_api();
        if self.sends.sound {
            self.microphone = Some(api.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None));
        }
        if self.sends.pictures != Pictures::None {
            self.camera = Some(api.add_media(MediaKind::Video, Direction::SendOnly, None, None, simulcast));
        }
        for (kind, count) in [(MediaKind::Audio, slots.sounds), (MediaKind::Video, slots.pictures)] {
            for _ in 0..count {
                api.add_media(kind, Direction::RecvOnly, None, None, None);
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

    /// Answers an offer of the server, to receive what it has.
    pub(crate) fn answer(&mut self, offer: &str) -> anyhow::Result<String> {
        let offer = SdpOffer::from_sdp_string(offer).context("the offer is no SDP")?;
        let answer = self.rtc.sdp_api().accept_offer(offer).context("the offer does not fit")?;
        Ok(answer.to_sdp_string())
    }

    /// One more address of the other end.
    pub(crate) fn note_candidate(&mut self, line: &str) -> anyhow::Result<()> {
        let candidate = Candidate::from_sdp_string(line).context("the candidate cannot be read")?;
        self.rtc.add_remote_candidate(candidate);
        Ok(())
    }

    /// The m-lines that it sends on, once it has offered: microphone and camera.
    pub(crate) fn lines(&self) -> (Option<String>, Option<String>) {
        (self.microphone.map(|mid| mid.to_string()), self.camera.map(|mid| mid.to_string()))
    }

    fn send(&mut self, packet: Outgoing, now: Instant) {
        let write = match packet.flow {
            Flow::Sound => self.sound(packet, now),
            Flow::Layer(at) => self.picture(packet, at, now),
        };
        if write.is_some() {
            self.deadline = now;
        }
    }

    fn sound(&mut self, packet: Outgoing, now: Instant) -> Option<()> {
        let (mid, pt) = (self.microphone?, self.payload_type(Codec::Opus)?);
        let extensions = ExtensionValues {
            audio_level: Some(self.level_dbov),
            voice_activity: Some(true),
            ..ExtensionValues::default()
        };
        let write = RtpWrite::new(pt, packet.number.into(), packet.ticks, now, packet.payload);
        self.write(mid, None, write.ext_vals(extensions), packet.flow)
    }

    fn picture(&mut self, packet: Outgoing, layer: usize, now: Instant) -> Option<()> {
        let (mid, pt) = (self.camera?, self.payload_type(Codec::H264)?);
        let rid = (self.sends.pictures == Pictures::Layers).then(|| Rid::from(RIDS[layer]));
        let write = RtpWrite::new(pt, packet.number.into(), packet.ticks, now, packet.payload);
        self.write(mid, rid, write.marker(packet.is_last).nackable(true), packet.flow)
    }

    fn write(&mut self, mid: Mid, rid: Option<Rid>, write: RtpWrite, flow: Flow) -> Option<()> {
        self.rtc.direct_api().stream_tx_by_mid(mid, rid)?.write_rtp(write);
        self.arrivals.sent[flow.index()] += 1;
        Some(())
    }

    fn payload_type(&self, codec: Codec) -> Option<Pt> {
        let params = self.rtc.codec_config().params();
        params.iter().find(|one| one.spec().codec == codec).map(str0m::format::PayloadParams::pt)
    }

    fn play(&mut self, now: Instant) {
        let mut due = Vec::new();
        self.player.play(now, |packet| due.push(packet));
        for packet in due {
            self.send(packet, now);
        }
    }

    fn drain(&mut self, now: Instant) -> anyhow::Result<()> {
        loop {
            match self.rtc.poll_output().context("the transport failed")? {
                Output::Timeout(at) => {
                    self.deadline = at;
                    return Ok(());
                }
                Output::Transmit(datagram) => self.socket.send(&datagram.contents, datagram.destination),
                Output::Event(event) => self.on_event(event, now),
            }
        }
    }

    fn on_event(&mut self, event: Event, now: Instant) {
        match event {
            Event::Connected => {
                self.player.start(now);
                if let Some(waiting) = self.on_connected.take() {
                    // Fails when nobody waits any more.
                    let _ = waiting.send(());
                }
            }
            Event::KeyframeRequest(request) => {
                let layer = request.rid.and_then(|rid| RIDS.iter().position(|one| *one == &*rid));
                self.player.restart(layer.unwrap_or(TOP));
            }
            Event::RtpPacket(packet) => self.on_packet(&packet),
            _ => {}
        }
    }

    fn on_packet(&mut self, packet: &RtpPacket) {
        self.arrivals.count(*packet.header.ssrc, *packet.seq_no, &packet.payload, self.times);
    }
}

impl Endpoint for Fake {
    fn source(&mut self) -> &mut UdpSocket {
        self.socket.source()
    }

    fn due(&self) -> Instant {
        self.player.due().map_or(self.deadline, |due| due.min(self.deadline))
    }

    fn receive(&mut self, clock: &dyn Clock) -> anyhow::Result<()> {
        let address = self.socket.address();
        while let Some(datagram) = self.socket.receive() {
            self.times.now = clock.now();
            self.times.waited = clock.unix_time().saturating_sub(datagram.taken);
            let taken = self.times.now.checked_sub(self.times.waited).unwrap_or(self.times.now);
            let source = datagram.source;
            let Ok(receive) = Receive::new(Protocol::Udp, source, address, datagram.contents) else {
                continue;
            };
            // As browsers do: else the server would take the work for other participants for a slow network.
            self.told = taken.max(self.told);
            self.rtc.handle_input(Input::Receive(self.told, receive)).context("a datagram was not taken")?;
            self.drain(self.told)?;
        }
        Ok(())
    }

    fn step(&mut self, now: Instant) -> anyhow::Result<()> {
        self.told = self.told.max(now);
        self.play(now);
        if self.deadline <= now {
            self.rtc.handle_input(Input::Timeout(now)).context("time does not pass")?;
            self.drain(now)?;
        }
        Ok(())
    }

    fn turn(&mut self) -> Arrivals {
        let mut window = self.arrivals.turn();
        window.dropped = self.socket.take_dropped();
        window
    }

    fn set_level(&mut self, dbov: i8) {
        self.claim(dbov);
    }
}
