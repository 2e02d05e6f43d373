//! What waits to leave: datagrams cut into runs, packets for local participants, events.

use std::collections::VecDeque;
use std::net::SocketAddr;

use log::warn;

use crate::sfu::local::Delivered;
use crate::sfu::{Event, PeerId, Run};

/// The most datagrams that wait; the oldest is dropped, as a full network queue would do.
const DATAGRAMS_MAX: usize = 16_384;
/// The most packets that wait for local participants; the oldest is dropped.
const DELIVERIES_MAX: usize = 8192;
/// The most events that wait; the oldest is dropped. A worker takes them after each batch, so this many
/// wait only when it is stuck.
const EVENTS_MAX: usize = 16_384;
/// The most segments of a run: what Linux takes for one UDP_SEGMENT send.
const RUN_SEGMENTS_MAX: usize = 64;
/// The most bytes of a run, below the 65,507 of a UDP datagram.
const RUN_BYTES_MAX: usize = 60_000;

/// A datagram of a peer on its way out.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) peer: PeerId,
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    pub(super) contents: Vec<u8>,
}

/// The bounded queues towards the worker.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    datagrams: VecDeque<Datagram>,
    deliveries: VecDeque<(PeerId, Delivered)>,
    events: VecDeque<Event>,
}

impl Outbox {
    pub(super) fn send(&mut self, datagram: Datagram) {
        push_bounded(&mut self.datagrams, datagram, DATAGRAMS_MAX);
    }

    pub(super) fn deliver(&mut self, peer: PeerId, delivered: Delivered) {
        push_bounded(&mut self.deliveries, (peer, delivered), DELIVERIES_MAX);
    }

    pub(super) fn tell(&mut self, event: Event) {
        if push_bounded(&mut self.events, event, EVENTS_MAX) {
            warn!("an event of the forwarder was dropped: the media worker does not take them");
        }
    }

    pub(super) fn poll_delivery(&mut self) -> Option<(PeerId, Delivered)> {
        self.deliveries.pop_front()
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Takes the datagrams at the front that go the same way and have one size, the last one excepted.
    pub(super) fn poll_transmit(&mut self, buffer: &mut Vec<u8>) -> Option<Run> {
        buffer.clear();
        let first = self.datagrams.pop_front()?;
        let run = Run {
            peer: first.peer,
            source: first.source,
            destination: first.destination,
            segment_size: first.contents.len(),
        };
        buffer.extend_from_slice(&first.contents);
        let mut segments = 1;
        while segments < RUN_SEGMENTS_MAX && self.next_belongs_to(&run, buffer.len()) {
            let Some(next) = self.datagrams.pop_front() else { break };
            buffer.extend_from_slice(&next.contents);
            segments += 1;
            if next.contents.len() < run.segment_size {
                break;
            }
        }
        Some(run)
    }

    fn next_belongs_to(&self, run: &Run, bytes: usize) -> bool {
        self.datagrams.front().is_some_and(|next| {
            next.peer == run.peer
                && next.destination == run.destination
                && next.source == run.source
                && next.contents.len() <= run.segment_size
                && bytes + next.contents.len() <= RUN_BYTES_MAX
        })
    }
}

/// Whether the oldest had to go.
fn push_bounded<T>(queue: &mut VecDeque<T>, value: T, max: usize) -> bool {
    let full = queue.len() >= max;
    if full {
        queue.pop_front();
    }
    queue.push_back(value);
    full
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(peer: u64, bytes: usize) -> Datagram {
        Datagram {
            peer: PeerId(peer),
            source: SocketAddr::from(([10, 0, 0, 1], 7800)),
            destination: SocketAddr::from(([10, 0, 0, 2], 5000 + peer as u16)),
            contents: vec![peer as u8; bytes],
        }
    }

    fn runs(datagrams: impl IntoIterator<Item = (u64, usize)>) -> Vec<(u64, usize, usize)> {
        let mut outbox = Outbox::default();
        for (peer, bytes) in datagrams {
            outbox.send(datagram(peer, bytes));
        }
        let mut buffer = Vec::new();
        std::iter::from_fn(|| {
            outbox.poll_transmit(&mut buffer).map(|run| (run.peer.0, run.segment_size, buffer.len()))
        })
        .collect()
    }

    #[test]
    fn equal_datagrams_of_a_peer_leave_as_one_run_that_a_shorter_one_ends() {
        let sent = [(1, 100), (1, 100), (1, 40), (1, 40), (2, 40)];
        assert_eq!(runs(sent), [(1, 100, 240), (1, 40, 40), (2, 40, 40)]);
    }

    #[test]
    fn a_longer_datagram_begins_another_run() {
        assert_eq!(runs([(1, 100), (1, 101)]), [(1, 100, 100), (1, 101, 101)]);
    }

    #[test]
    fn a_run_has_at_most_64_segments_and_60_kilobytes() {
        let small = runs((0..130).map(|_| (1, 10)));
        assert_eq!(small, [(1, 10, 640), (1, 10, 640), (1, 10, 20)]);
        let large = runs((0..60).map(|_| (1, 1200)));
        assert_eq!(large, [(1, 1200, 60_000), (1, 1200, 12_000)]);
    }

    #[test]
    fn a_full_queue_loses_its_oldest() {
        let mut queue = VecDeque::new();
        let lost: Vec<bool> = (0..5).map(|value| push_bounded(&mut queue, value, 3)).collect();
        assert_eq!(lost, [false, false, false, true, true]);
        assert_eq!(queue, [2, 3, 4]);
    }
}
