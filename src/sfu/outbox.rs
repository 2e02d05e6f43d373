//! What waits to leave: datagrams cut into runs, packets for local participants, events.

use std::collections::VecDeque;

use log::warn;

use crate::sfu::local::Delivered;
use crate::sfu::{Crossing, Event, PeerId, Route, Run, TrafficClass};

/// The most datagrams that wait; the oldest is dropped, as a full network queue would do.
const DATAGRAMS_MAX: usize = 16_384;
/// The most packets that wait for local participants; the oldest is dropped.
const DELIVERIES_MAX: usize = 8192;
/// The most packets that wait for other branches; the oldest is dropped.
const CROSSINGS_MAX: usize = 8192;
/// The most events that wait; the oldest is dropped. A worker takes them after each batch, so this many
/// wait only when it is stuck.
const EVENTS_MAX: usize = 16_384;
/// The most segments of a run: what Linux takes for one UDP_SEGMENT send.
const RUN_SEGMENTS_MAX: usize = 64;
/// The most bytes of a run, below the 65,507 of a UDP datagram.
const RUN_BYTES_MAX: usize = 60_000;

/// From so many bytes on they had better be taken before there are more.
const WELL_FILLED_BYTES: usize = 128 * 1024;

/// A datagram of a peer on its way out: a piece of the bytes.
#[derive(Debug, Clone, Copy)]
struct Datagram {
    peer: PeerId,
    route: Route,
    class: TrafficClass,
    start: usize,
    length: usize,
}

/// The bounded queues towards the worker.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// What datagrams say, one behind the other, so that those of a run need not be moved together.
    bytes: Vec<u8>,
    datagrams: VecDeque<Datagram>,
    deliveries: VecDeque<(PeerId, Delivered)>,
    crossings: VecDeque<Crossing>,
    events: VecDeque<Event>,
}

impl Outbox {
    /// A datagram is to be appended to these bytes; [`end`](Self::end) says that it is there.
    pub(super) fn begin(&mut self) -> &mut Vec<u8> {
        if self.datagrams.is_empty() {
            self.bytes.clear();
        }
        &mut self.bytes
    }

    /// What was appended from `start` on goes this way, or nowhere.
    pub(super) fn end(&mut self, peer: PeerId, route: Route, class: TrafficClass, start: usize, goes: bool) {
        if !goes {
            self.bytes.truncate(start);
            return;
        }
        let datagram = Datagram { peer, route, class, start, length: self.bytes.len() - start };
        push_bounded(&mut self.datagrams, datagram, DATAGRAMS_MAX);
    }

    pub(super) fn send(&mut self, peer: PeerId, route: Route, contents: &[u8]) {
        let bytes = self.begin();
        let start = bytes.len();
        bytes.extend_from_slice(contents);
        self.end(peer, route, TrafficClass::Other, start, true);
    }

    /// What is there should be taken before there is more.
    pub(super) fn is_well_filled(&self) -> bool {
        !self.datagrams.is_empty() && self.bytes.len() >= WELL_FILLED_BYTES
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

    pub(super) fn cross(&mut self, crossing: Crossing) {
        push_bounded(&mut self.crossings, crossing, CROSSINGS_MAX);
    }

    pub(super) fn poll_crossing(&mut self) -> Option<Crossing> {
        self.crossings.pop_front()
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Takes the datagrams at the front that go the same way and have one size, the last one excepted.
    pub(super) fn poll_transmit(&mut self) -> Option<(Run, &[u8])> {
        let first = self.datagrams.pop_front()?;
        let mut end = first.start + first.length;
        let mut segments = 1;
        while segments < RUN_SEGMENTS_MAX
            && let Some(next) = self.datagrams.front().copied()
            && next.peer == first.peer
            && next.route == first.route
            && next.class == first.class
            && next.start == end
            && next.length <= first.length
            && end + next.length - first.start <= RUN_BYTES_MAX
        {
            self.datagrams.pop_front();
            end += next.length;
            segments += 1;
            if next.length < first.length {
                break;
            }
        }
        let run =
            Run { peer: first.peer, route: first.route, segment_size: first.length, class: first.class };
        Some((run, &self.bytes[first.start..end]))
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
    use crate::sfu::Protocol;
    use std::net::SocketAddr;

    fn route(port: u16) -> Route {
        let source = SocketAddr::from(([10, 0, 0, 1], 7800));
        Route { protocol: Protocol::Udp, source, destination: SocketAddr::from(([10, 0, 0, 2], port)) }
    }

    fn runs(datagrams: impl IntoIterator<Item = (u64, usize)>) -> Vec<(u64, usize, usize)> {
        let mut outbox = Outbox::default();
        for (peer, bytes) in datagrams {
            outbox.send(PeerId(peer), route(5000 + peer as u16), &vec![peer as u8; bytes]);
        }
        std::iter::from_fn(|| {
            outbox.poll_transmit().map(|(run, contents)| {
                assert!(contents.iter().all(|byte| u64::from(*byte) == run.peer.0));
                (run.peer.0, run.segment_size, contents.len())
            })
        })
        .collect()
    }

    #[test]
    fn what_could_not_be_finished_leaves_no_trace() {
        let mut outbox = Outbox::default();
        let route = route(5000);
        outbox.send(PeerId(1), route, &[1, 1]);
        let bytes = outbox.begin();
        let start = bytes.len();
        bytes.extend_from_slice(&[2, 2]);
        outbox.end(PeerId(1), route, TrafficClass::Audio, start, false);
        outbox.send(PeerId(1), route, &[3, 3]);
        let (run, contents) = outbox.poll_transmit().expect("a run");
        assert_eq!((run.segment_size, contents), (2, &[1, 1, 3, 3][..]));
    }

    #[test]
    fn it_is_well_filled_until_what_is_there_was_taken() {
        let mut outbox = Outbox::default();
        for _ in 0..WELL_FILLED_BYTES / 1024 {
            assert!(!outbox.is_well_filled());
            outbox.send(PeerId(1), route(5000), &[0; 1024]);
        }
        assert!(outbox.is_well_filled());
        while outbox.poll_transmit().is_some() {}
        assert!(!outbox.is_well_filled());
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
