//! Two meetings and a bridge between them, over a network without loss: what is published here is seen there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::sfu::local::{LocalSetup, Published};
use crate::track::{Layer, Source, VideoCodec};

#[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
fn origin() -> Instant {
    Instant::now()
}

const NEAR: &str = "192.0.2.1:7800";
const FAR: &str = "192.0.2.2:7800";
const LINES: BridgeLines = BridgeLines { audio: 3, video: 2 };
/// The bridge has the same number on both sides.
const BRIDGE: PeerId = PeerId(1);
const ANN: PeerId = PeerId(2);
const BEN: PeerId = PeerId(3);
const GUEST: PeerId = PeerId(4);

struct Side {
    forwarder: Forwarder,
    address: SocketAddr,
    delivered: Vec<(PeerId, local::Delivered)>,
    events: Vec<Event>,
}

impl Side {
    fn at(address: &str, now: Instant) -> Self {
        let address: SocketAddr = address.parse().expect("an address");
        let forwarder = Forwarder::new(ForwarderConfig {
            ice_addresses: vec![address],
            ice_tcp_addresses: Vec::new(),
            ice_relayed_address: None,
            certificate: DtlsIdentity::generate().expect("a certificate"),
            preferred_codec: VideoCodec::Vp8,
            video: true,
            start_bitrate_bps: 10_000_000,
            wall: WallClock::new(now, Duration::ZERO),
        });
        Self { forwarder, address, delivered: Vec::new(), events: Vec::new() }
    }

    /// What it has to say to the other side.
    fn drain(&mut self, now: Instant) -> Vec<(Route, Vec<u8>)> {
        while self.forwarder.flush(now) {}
        let mut sent = Vec::new();
        while let Some((run, contents)) = self.forwarder.poll_transmit() {
            sent.extend(contents.chunks(run.segment_size).map(|datagram| (run.route, datagram.to_vec())));
        }
        while let Some(delivery) = self.forwarder.poll_delivery() {
            self.delivered.push(delivery);
        }
        while let Some(event) = self.forwarder.poll_event() {
            self.events.push(event);
        }
        sent
    }

    fn publishes(&mut self, who: PeerId, heights: Vec<u16>, now: Instant) {
        let publishes = vec![(Source::Camera, heights), (Source::Microphone, Vec::new())];
        self.forwarder.add_local(who, LocalSetup { publishes, ..LocalSetup::default() }, now);
        for source in [Source::Camera, Source::Microphone] {
            self.forwarder.set_track(who, source, TrackFlow::On, now);
        }
    }

    fn watches(&mut self, who: PeerId, publisher: PeerId, max_height: u16, now: Instant) {
        let decodes = vec![VideoCodec::Vp8];
        let setup = LocalSetup { audio_slots: 3, video_slots: 2, decodes, ..LocalSetup::default() };
        self.forwarder.add_local(who, setup, now);
        self.forwarder.watch(who, vec![Wish { publisher, source: Source::Camera, max_height }], now);
    }

    fn heard(&self, who: PeerId) -> usize {
        self.delivered.iter().filter(|(peer, packet)| *peer == who && packet.codec.is_none()).count()
    }

    fn seen(&self, who: PeerId) -> Vec<u8> {
        let of = |(peer, packet): &&(PeerId, local::Delivered)| *peer == who && packet.codec.is_some();
        // The payload tells the layer that it was of.
        self.delivered.iter().filter(of).map(|(_, packet)| packet.payload[11]).collect()
    }
}

/// Both sides and the time.
struct World {
    near: Side,
    far: Side,
    now: Instant,
    sequence: u64,
}

impl World {
    /// The near side has offered, the far one has answered, and media can flow.
    fn connected() -> Self {
        let now = origin();
        let (mut near, mut far) = (Side::at(NEAR, now), Side::at(FAR, now));
        let offer = near.forwarder.propose(BRIDGE, LINES, now).expect("an offer");
        let answer = far.forwarder.offer_of_bridge(BRIDGE, &offer, now).expect("an answer");
        near.forwarder.accept(BRIDGE, &answer, now).expect("a peer");
        let mut world = Self { near, far, now, sequence: 0 };
        world.pass(Duration::from_secs(2), |_, _| {});
        for side in [&world.near, &world.far] {
            assert!(side.events.contains(&Event::Connected { peer: BRIDGE }), "{:?}", side.events);
        }
        world
    }

    /// Lets the time pass in steps of 10 ms, in each of which something may be published.
    fn pass(&mut self, time: Duration, publish: impl Fn(&mut Self, u64)) {
        let until = self.now + time;
        while self.now < until {
            self.now += Duration::from_millis(10);
            self.sequence += 1;
            publish(self, self.sequence);
            for _ in 0..4 {
                self.near.forwarder.handle_timeout(self.now);
                self.far.forwarder.handle_timeout(self.now);
                for (route, datagram) in self.near.drain(self.now) {
                    arrive(&mut self.far, route, &datagram, self.now);
                }
                for (route, datagram) in self.far.drain(self.now) {
                    arrive(&mut self.near, route, &datagram, self.now);
                }
            }
        }
    }

    /// The lines on which the near side sends, sounds first, then pictures; and those on which it takes.
    fn mids(&self) -> (Vec<String>, Vec<String>) {
        let mids = |side: &Side| {
            side.forwarder.bridge_mids(BRIDGE).into_iter().map(|(mid, _)| mid).collect::<Vec<_>>()
        };
        (mids(&self.near), mids(&self.far))
    }
}

fn arrive(to: &mut Side, route: Route, datagram: &[u8], now: Instant) {
    assert_eq!(route.destination, to.address);
    to.forwarder.handle_datagram(BRIDGE, route, datagram, now);
}

/// A key frame of VP8 in one packet (RFC 7741, 4.2; RFC 6386, 9.1), which says of which layer it is.
fn picture(layer: u8, sequence: u64, at: Instant) -> Published {
    let mut payload = vec![0_u8; 200];
    payload[..11].copy_from_slice(&[0x10, 0, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01]);
    payload[9..11].copy_from_slice(&(180_u16 << layer).to_le_bytes());
    payload[11] = layer;
    Published {
        source: Source::Camera,
        layer: Layer(layer),
        codec: Some(VideoCodec::Vp8),
        sequence,
        timestamp: sequence as u32 * 900,
        marker: true,
        audio_level: None,
        captured_at: at,
        payload: Arc::from(payload),
    }
}

fn sound(sequence: u64, at: Instant) -> Published {
    Published {
        source: Source::Microphone,
        layer: Layer(0),
        codec: None,
        sequence,
        timestamp: sequence as u32 * 480,
        marker: false,
        audio_level: Some(-30),
        captured_at: at,
        payload: Arc::from(vec![7_u8; 60]),
    }
}

/// Ann publishes on one side.
fn ann_speaks(side: &mut Side, sequence: u64, now: Instant) {
    side.forwarder.handle_local(ANN, sound(sequence, now), now);
    if sequence.is_multiple_of(4) {
        for layer in 0..3 {
            side.forwarder.handle_local(ANN, picture(layer, sequence / 4, now), now);
        }
    }
}

fn carry(from: &mut Side, to: &mut Side, mids: &[String], layers: u8, now: Instant) {
    let line = |mid: &String, source| Outward { mid: mid.clone(), publisher: ANN, source, layers };
    let outward = vec![line(&mids[0], Source::Microphone), line(&mids[LINES.audio], Source::Camera)];
    let guest = |line: &Outward| Inward { mid: line.mid.clone(), guest: GUEST, source: line.source };
    let inward: Vec<_> = outward.iter().map(guest).collect();
    to.forwarder.carry_in(BRIDGE, &inward, now);
    for source in [Source::Camera, Source::Microphone] {
        to.forwarder.set_track(GUEST, source, TrackFlow::On, now);
    }
    from.forwarder.carry_out(BRIDGE, outward, now);
}

#[test]
fn what_is_published_on_the_side_that_offered_is_heard_and_seen_on_the_other() {
    let mut world = World::connected();
    let now = world.now;
    world.near.publishes(ANN, vec![180, 360, 720], now);
    world.far.watches(BEN, GUEST, 720, now);
    let (out, _) = world.mids();
    carry(&mut world.near, &mut world.far, &out, 3, now);
    world.pass(Duration::from_secs(3), |world, sequence| ann_speaks(&mut world.near, sequence, world.now));
    assert!(world.far.heard(BEN) > 200, "{} sounds", world.far.heard(BEN));
    let seen = world.far.seen(BEN);
    assert!(seen.len() > 50 && seen[seen.len() - 20..].iter().all(|layer| *layer == 2), "{seen:?}");
}

#[test]
fn what_is_published_on_the_side_that_answered_is_heard_and_seen_on_the_other() {
    let mut world = World::connected();
    let now = world.now;
    world.far.publishes(ANN, vec![180, 360, 720], now);
    world.near.watches(BEN, GUEST, 300, now);
    let (_, back) = world.mids();
    carry(&mut world.far, &mut world.near, &back, 3, now);
    world.pass(Duration::from_secs(3), |world, sequence| ann_speaks(&mut world.far, sequence, world.now));
    assert!(world.near.heard(BEN) > 200, "{} sounds", world.near.heard(BEN));
    let seen = world.near.seen(BEN);
    assert!(seen.len() > 50 && seen[seen.len() - 20..].iter().all(|layer| *layer == 1), "{seen:?}");
}

#[test]
fn layers_that_the_other_end_does_not_watch_are_not_sent() {
    let mut world = World::connected();
    let now = world.now;
    world.near.publishes(ANN, vec![180, 360, 720], now);
    world.far.watches(BEN, GUEST, 720, now);
    let (out, _) = world.mids();
    carry(&mut world.near, &mut world.far, &out, 1, now);
    world.pass(Duration::from_secs(3), |world, sequence| ann_speaks(&mut world.near, sequence, world.now));
    let seen = world.far.seen(BEN);
    assert!(seen.len() > 50 && seen.iter().all(|layer| *layer == 0), "{seen:?}");
    let wanted = |event: &&Event| matches!(event, Event::LayersWanted { peer: ANN, .. });
    let last = world.near.events.iter().rfind(wanted);
    let highest = Some(Layer(0));
    assert_eq!(last, Some(&Event::LayersWanted { peer: ANN, source: Source::Camera, highest }));
}

#[test]
fn each_side_is_told_what_the_other_one_decodes() {
    let mut world = World::connected();
    let now = world.now;
    world.far.watches(BEN, ANN, 720, now);
    world.pass(Duration::from_millis(100), |_, _| {});
    let told = |event: &&Event| matches!(event, Event::Decodes { .. });
    let last = world.far.events.iter().rfind(told).cloned();
    assert_eq!(last, Some(Event::Decodes { peer: BRIDGE, codecs: vec![VideoCodec::Vp8] }));
    world.near.forwarder.set_far_decodes(BRIDGE, vec![VideoCodec::H264]);
    assert_eq!(world.near.forwarder.codecs().plain, VideoCodec::H264);
}

#[test]
fn a_line_that_is_given_to_somebody_else_is_theirs() {
    let mut world = World::connected();
    let now = world.now;
    world.near.publishes(ANN, vec![180, 360, 720], now);
    world.far.watches(BEN, PeerId(5), 720, now);
    let (out, _) = world.mids();
    carry(&mut world.near, &mut world.far, &out, 3, now);
    world.pass(Duration::from_secs(1), |world, sequence| ann_speaks(&mut world.near, sequence, world.now));
    assert!(world.far.seen(BEN).is_empty(), "somebody else is wished for");
    let now = world.now;
    let inward = Inward { mid: out[LINES.audio].clone(), guest: PeerId(5), source: Source::Camera };
    world.far.forwarder.carry_in(BRIDGE, &[inward], now);
    world.far.forwarder.set_track(PeerId(5), Source::Camera, TrackFlow::On, now);
    world.pass(Duration::from_secs(1), |world, sequence| ann_speaks(&mut world.near, sequence, world.now));
    assert!(!world.far.seen(BEN).is_empty());
}

#[test]
fn an_answer_that_does_not_fit_is_refused() {
    let now = origin();
    let (mut near, mut far) = (Side::at(NEAR, now), Side::at(FAR, now));
    near.forwarder.propose(BRIDGE, LINES, now).expect("an offer");
    let other = Side::at(NEAR, now).forwarder.propose(BRIDGE, LINES, now).expect("an offer");
    let answer = far.forwarder.offer_of_bridge(BRIDGE, &other, now).expect("an answer");
    assert!(matches!(near.forwarder.accept(BRIDGE, &answer, now), Err(OfferRefused::Malformed(_))));
    assert!(matches!(near.forwarder.accept(ANN, &answer, now), Err(OfferRefused::UnknownPeer)));
    let again = near.forwarder.accept(BRIDGE, &answer, now);
    assert!(matches!(again, Err(OfferRefused::LinesChanged)), "{again:?}");
}
