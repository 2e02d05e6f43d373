//! The room's link with the SFU: what the encoders make goes out in order, what comes goes to its slot.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use rtrb::{Consumer, Producer, RingBuffer};

use crate::room::shared::{Counters, Shared, locked};
use crate::sfu::local::{Delivered, Published};
use crate::track::{Layer, Source, VideoCodec};

/// Packets on their way to the SFU; at the limit the newest is dropped and counted, as on a network.
pub const TO_SFU_MAX: usize = 1_024;

/// Packets on their way from the SFU; at the limit the newest is dropped by the SFU's side.
pub const FROM_SFU_MAX: usize = 2_048;

/// Packets of one encoder that wait for the link; at the limit the newest is dropped and a key frame made.
const FEED_MAX: usize = 512;

/// Sound packets that wait for the mixer, 256 of 20 ms; at the limit the newest is dropped.
pub(super) const SOUND_MAX: usize = 256;

/// The room's end of its link with the SFU.
pub struct RoomLink {
    /// What the room publishes.
    pub to_sfu: Producer<Published>,
    /// Called after packets were put into `to_sfu`; must not block.
    pub wake_sfu: Arc<dyn Fn() + Send + Sync>,
    /// What the room receives. After putting packets in, [`Room::waker`](crate::room::Room::waker) is called.
    pub from_sfu: Consumer<Delivered>,
}

/// The SFU's end of the link.
pub struct SfuEnd {
    /// What the room publishes.
    pub from_room: Consumer<Published>,
    /// What the room receives.
    pub to_room: Producer<Delivered>,
}

impl RoomLink {
    /// Both ends of a new link.
    #[must_use]
    pub fn new(wake_sfu: Arc<dyn Fn() + Send + Sync>) -> (Self, SfuEnd) {
        let (to_sfu, from_room) = RingBuffer::new(TO_SFU_MAX);
        let (to_room, from_sfu) = RingBuffer::new(FROM_SFU_MAX);
        (Self { to_sfu, wake_sfu, from_sfu }, SfuEnd { from_room, to_room })
    }
}

/// What an encoder has made.
pub(super) struct Encoded {
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) audio_level: Option<i8>,
    pub(super) captured_at: Instant,
    pub(super) payload: Arc<[u8]>,
}

/// The packets of one encoder.
pub(super) struct Feed {
    source: Source,
    layer: Layer,
    codec: Option<VideoCodec>,
    packets: Consumer<Encoded>,
}

/// What the link's thread finds when it is woken.
#[derive(Default)]
pub(super) struct Mailbox {
    letters: Mutex<Letters>,
}

#[derive(Default)]
struct Letters {
    /// Another link, or none.
    link: Option<Option<(u64, RoomLink)>>,
    feeds: Vec<Feed>,
}

impl Mailbox {
    /// Another link, with the number of the join that it serves, or none.
    pub(super) fn change_link(&self, link: Option<(u64, RoomLink)>) {
        locked(&self.letters).link = Some(link);
    }

    /// A new encoder's way out; the one before it for the same layer ends.
    pub(super) fn open(&self, source: Source, layer: Layer, codec: Option<VideoCodec>) -> Producer<Encoded> {
        let (producer, packets) = RingBuffer::new(FEED_MAX);
        locked(&self.letters).feeds.push(Feed { source, layer, codec, packets });
        producer
    }
}

/// The link's thread: it sleeps until an encoder or the SFU wakes it.
pub(super) struct Courier {
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) to_mixer: Producer<(u64, Delivered)>,
    link: Option<(u64, RoomLink)>,
    feeds: Vec<Feed>,
    /// The next sequence number of each source and layer: sound, then the camera's layers.
    sequences: [u64; 1 + Layer::MAX],
}

impl Courier {
    pub(super) fn new(mailbox: Arc<Mailbox>, to_mixer: Producer<(u64, Delivered)>) -> Self {
        Self { mailbox, to_mixer, link: None, feeds: Vec::new(), sequences: [0; 1 + Layer::MAX] }
    }

    /// Carries packets until the room stops.
    pub(super) fn run(&mut self, shared: &Shared) {
        while !shared.is_stopping() {
            self.read_letters();
            let out = self.send(shared);
            let received = self.receive(shared);
            if out + received == 0 {
                std::thread::park();
            }
        }
    }

    fn read_letters(&mut self) {
        let mut letters = locked(&self.mailbox.letters);
        let feeds = std::mem::take(&mut letters.feeds);
        let change = letters.link.take();
        drop(letters);
        if let Some(link) = change {
            self.link = link;
            self.sequences = [0; 1 + Layer::MAX];
        }
        for feed in feeds {
            self.feeds.retain(|known| (known.source, known.layer) != (feed.source, feed.layer));
            self.feeds.push(feed);
        }
    }

    fn send(&mut self, shared: &Shared) -> u64 {
        let mut sent = 0;
        for feed in &mut self.feeds {
            while let Ok(encoded) = feed.packets.pop() {
                sent += 1;
                let Some((_, link)) = &mut self.link else { continue };
                let sequence = next_sequence(&mut self.sequences, feed.source, feed.layer);
                let packet = published(encoded, feed, sequence);
                if link.to_sfu.push(packet).is_err() {
                    Counters::add(&shared.counters.packets_lost, 1);
                    if feed.source == Source::Camera {
                        ask_for_keyframe(shared, feed.layer);
                    }
                }
            }
        }
        self.feeds.retain(|feed| !(feed.packets.is_abandoned() && feed.packets.is_empty()));
        if sent > 0
            && let Some((_, link)) = &self.link
        {
            (link.wake_sfu)();
            Counters::add(&shared.counters.packets_out, sent);
        }
        sent
    }

    fn receive(&mut self, shared: &Shared) -> u64 {
        let Some((join, link)) = &mut self.link else { return 0 };
        let now = shared.clock.now();
        let mut received = 0;
        while let Ok(packet) = link.from_sfu.pop() {
            received += 1;
            match packet.codec {
                Some(codec) => locked(&shared.slots).push(*join, &packet, codec, now),
                // The mixer reads at its own pace; what it cannot take in five seconds is too old anyway.
                None => drop(self.to_mixer.push((*join, packet))),
            }
        }
        Counters::add(&shared.counters.packets_in, received);
        received
    }
}

fn next_sequence(sequences: &mut [u64], source: Source, layer: Layer) -> u64 {
    let index = match source {
        Source::Microphone => 0,
        _ => 1 + usize::from(layer.0),
    };
    let Some(next) = sequences.get_mut(index) else { return 0 };
    *next += 1;
    *next - 1
}

fn published(encoded: Encoded, feed: &Feed, sequence: u64) -> Published {
    let Encoded { timestamp, marker, audio_level, captured_at, payload } = encoded;
    let Feed { source, layer, codec, .. } = *feed;
    Published { source, layer, codec, sequence, timestamp, marker, audio_level, captured_at, payload }
}

/// The layer has lost packets on the way: its next frame is to be a key frame.
pub(super) fn ask_for_keyframe(shared: &Shared, layer: Layer) {
    if usize::from(layer.0) < Layer::MAX {
        shared.keyframes.fetch_or(1 << layer.0, std::sync::atomic::Ordering::Relaxed);
    }
}
