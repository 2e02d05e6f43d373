//! What strangers can send to the forwarder, made up: each function takes any bytes and checks what must be true of them.
//!
//! ```text
//!  payloads, reports          one parser each
//!  sounds, descriptors        one parser each, and what a track remembers from packet to packet
//!  offers                     an offer, restarts and candidates, before anything is connected
//!  answers                    what another appliance may answer to an offer of ours
//!  datagrams                  whoever reaches the socket, of a peer that has offered
//!  connected                  peers with keys: RTP and RTCP, properly protected, over time
//! ```

mod answers;
mod connected;
mod datagrams;
mod descriptors;
mod offers;
mod page;
mod payloads;
mod reports;
mod sounds;

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

pub use answers::answers;
pub use connected::{connected, past};
pub use datagrams::datagrams;
pub use descriptors::descriptors;
pub use offers::offers;
pub use payloads::payloads;
pub use reports::reports;
pub use sounds::sounds;

use crate::sfu::local::{LocalSetup, Published};
use crate::sfu::{
    DtlsIdentity, Event, Forwarder, ForwarderConfig, GoneWhy, PeerId, Permit, Protocol, Route, TrackFlow,
    WallClock,
};
use crate::track::{Layer, Source, VideoCodec};

const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)), 7800);
const EVERYTHING: Permit = Permit { send: true, receive: true };
/// Who publishes and who listens in the same process; they must not notice anything.
const WITNESS: PeerId = PeerId(1000);
const LISTENER: PeerId = PeerId(1001);
/// What one datagram may have the forwarder say at most, in datagrams: all that may be sent again, and then some.
const SAID_MAX: usize = 4096;

/// Any bytes, read from the front.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A piece with its length in front of it, in two bytes; `None` if it is cut short.
    fn piece(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<2>()?;
        let (piece, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        self.0 = rest;
        Some(piece)
    }

    /// A byte for its kind, and a piece.
    fn step(&mut self) -> Option<(u8, &'a [u8])> {
        Some((self.byte()?, self.piece()?))
    }
}

/// The way of a datagram from somebody to us.
const fn way_from(source: SocketAddr) -> Route {
    Route { protocol: Protocol::Udp, source, destination: SERVER }
}

/// The origin of virtual time: one in the process, and only added to.
fn origin() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "the origin of virtual time; it is only added to")]
    static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    *ORIGIN
}

/// A meeting with somebody in the same process who publishes and watches, and somebody who listens.
fn meeting() -> Forwarder {
    static CERTIFICATE: LazyLock<DtlsIdentity> =
        LazyLock::new(|| DtlsIdentity::generate().expect("a certificate"));
    let mut forwarder = Forwarder::new(ForwarderConfig {
        ice_addresses: vec![SERVER],
        ice_tcp_addresses: Vec::new(),
        ice_relayed_address: None,
        certificate: CERTIFICATE.clone(),
        preferred_codec: VideoCodec::H264,
        video: true,
        start_bitrate_bps: 20_000_000,
        wall: WallClock::new(origin(), Duration::ZERO),
    });
    let witness = LocalSetup {
        publishes: vec![(Source::Microphone, Vec::new()), (Source::Camera, vec![180, 720])],
        audio_slots: 3,
        video_slots: 4,
        decodes: vec![VideoCodec::H264, VideoCodec::Vp8],
    };
    forwarder.add_local(WITNESS, witness, origin());
    forwarder.add_local(LISTENER, LocalSetup { audio_slots: 4, ..LocalSetup::default() }, origin());
    for source in [Source::Microphone, Source::Camera] {
        forwarder.set_track(WITNESS, source, TrackFlow::On, origin());
    }
    forwarder
}

/// What the witness publishes: a key frame or another picture of its camera, or sound.
fn published(
    source: Source,
    layer: u8,
    sequence: u64,
    is_key: bool,
    codec: VideoCodec,
    now: Instant,
) -> Published {
    let picture: &[u8] = match (codec, is_key) {
        (VideoCodec::H264, true) => &[0x65, 0x88, 0, 0],
        (VideoCodec::H264, false) => &[0x61, 0x9a, 0, 0],
        (VideoCodec::Vp8, true) => &[0x90, 0xe0, 0x80, 7, 7, 0x20, 0x10, 0, 0, 0x9d, 1, 0x2a, 0, 1, 0xd0, 2],
        (VideoCodec::Vp8, false) => &[0x80, 0xe0, 0x80, 7, 7, 0x20, 0x11],
        (VideoCodec::Vp9, true) => &[0xac, 0x80, 7, 0, 7, 0x82, 0x49],
        (VideoCodec::Vp9, false) => &[0xec, 0x80, 7, 0, 7, 0x86, 0],
        (VideoCodec::Av1, true) => &[0x18, 0x0a, 0, 0],
        (VideoCodec::Av1, false) => &[0x10, 0x32, 0, 0],
    };
    let is_video = source == Source::Camera;
    Published {
        source,
        layer: Layer(layer),
        codec: is_video.then_some(codec),
        sequence,
        timestamp: sequence as u32 * 960,
        marker: true,
        audio_level: (!is_video).then_some(-30),
        captured_at: now,
        payload: if is_video { picture.into() } else { [0x78; 20].as_slice().into() },
    }
}

/// What came out of a forwarder.
#[derive(Default)]
struct Said {
    datagrams: Vec<(PeerId, SocketAddr, Vec<u8>)>,
    events: Vec<Event>,
    /// What the listener heard, in packets.
    heard: usize,
}

/// Takes everything that a forwarder has to say.
fn drain(forwarder: &mut Forwarder) -> Said {
    let mut said = Said::default();
    while let Some((run, contents)) = forwarder.poll_transmit() {
        assert!(run.segment_size > 0, "a run of empty datagrams");
        let segments = contents.chunks(run.segment_size);
        said.datagrams.extend(segments.map(|segment| (run.peer, run.route.destination, segment.to_vec())));
    }
    said.heard = std::iter::from_fn(|| forwarder.poll_delivery()).filter(|(to, _)| *to == LISTENER).count();
    said.events.extend(std::iter::from_fn(|| forwarder.poll_event()));
    assert!(said.datagrams.len() <= SAID_MAX, "{} datagrams at once", said.datagrams.len());
    for event in &said.events {
        assert!(!matches!(event, Event::Gone { why: GoneWhy::Panicked, .. }), "a peer's step has panicked");
        assert!(
            !matches!(event, Event::Gone { peer: WITNESS | LISTENER, .. }),
            "a peer has taken others along"
        );
    }
    said
}
