//! Two pages that are connected, and what they send: RTP and RTCP of any kind, protected as it should be.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::page::Page;
use super::{Input, Said, WITNESS, drain, meeting, origin, published};
use crate::sfu::{Event, Forwarder, GoneWhy, PeerId, Permit, TrackFlow, Wish};
use crate::track::{Source, VideoCodec};

/// After so many bytes everything begins anew, so that what went before a crash can be kept.
const PAST_BYTES_MAX: usize = 256 * 1024;
/// How long nothing may happen, in milliseconds: a small byte says which, and any other one of the short pauses. In a
/// long one both ends have much to say, and most bytes are made up.
const PAUSES_MS: [u64; 8] = [1, 2, 5, 20, 100, 300, 1000, 2500];
const SHORT_PAUSES: usize = 4;
/// The most pauses, and the most bursts of packets, in a step: a run that does more shows less than several runs, each
/// of which goes on where the one before has ended.
const AT_ONCE_MAX: usize = 4;
/// The most packets that the witness publishes in a burst.
const PUBLISHED_MAX: u8 = 16;

thread_local! {
    static LINE: RefCell<Option<Line>> = const { RefCell::new(None) };
    static PAST: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Steps, each a byte for its kind and for who takes it, and a piece with its length in front; see `Line::step`. What
/// earlier runs have left goes on: [`past`] has all the steps since the beginning.
pub fn connected(data: &[u8]) {
    let mut line = LINE.take().unwrap_or_else(|| {
        PAST.take();
        Line::new()
    });
    let mut input = Input(data);
    loop {
        let before = input.0;
        let Some((kind, piece)) = input.step() else { break };
        PAST.with_borrow_mut(|past| past.extend_from_slice(&before[..before.len() - input.0.len()]));
        line.step(kind, piece);
    }
    if !line.is_over && PAST.with_borrow(Vec::len) < PAST_BYTES_MAX {
        LINE.set(Some(line));
    }
}

/// The steps since everything began: as one input they lead where it is now.
pub fn past() -> Vec<u8> {
    PAST.with_borrow(Vec::clone)
}

struct Line {
    forwarder: Forwarder,
    /// The first tells what arrives, the second what it estimates.
    pages: [Page; 2],
    now: Instant,
    published: u64,
    is_over: bool,
}

impl Line {
    fn new() -> Self {
        let mut forwarder = meeting();
        let mut now = origin();
        let pages = [true, false].map(|tells_arrivals| {
            let id = PeerId(2 - u64::from(tells_arrivals));
            Page::join(&mut forwarder, id, tells_arrivals, &mut now)
        });
        Self { forwarder, pages, now, published: 0, is_over: false }
    }

    /// The lowest bit says which page.
    fn step(&mut self, kind: u8, piece: &[u8]) {
        let at = usize::from(kind & 1);
        let (now, forwarder) = (self.now, &mut self.forwarder);
        match kind >> 1 & 7 {
            0 => return self.pass_time(piece),
            1 | 2 => self.pages[at].send_rtp(forwarder, piece, now),
            3 | 4 => self.pages[at].send_rtcp(forwarder, piece, now),
            5 => self.pages[at].send(forwarder, piece, now),
            6 => self.publish(piece),
            _ => self.ask(at, piece),
        }
        let said = self.said();
        let is_other =
            |event: &Event| matches!(event, Event::Gone { peer, .. } if *peer != self.pages[at].id);
        assert!(!said.events.iter().any(is_other), "a page has taken another one along: {:?}", said.events);
    }

    fn pass_time(&mut self, piece: &[u8]) {
        for pause in piece.iter().take(AT_ONCE_MAX) {
            let at = usize::from(*pause);
            let pause = PAUSES_MS.get(at).unwrap_or(&PAUSES_MS[at % SHORT_PAUSES]);
            self.now += Duration::from_millis(*pause);
            for page in &mut self.pages {
                page.step(&mut self.forwarder, self.now);
            }
            self.forwarder.handle_timeout(self.now);
            self.said();
        }
        self.check_others_go_on();
    }

    /// Everything that the forwarder has to say; the pages are told.
    fn said(&mut self) -> Said {
        self.forwarder.flush(self.now);
        assert!(self.forwarder.dirty.len() <= 64, "{} places are to be flushed", self.forwarder.dirty.len());
        let said = drain(&mut self.forwarder);
        for page in &mut self.pages {
            page.hear(&said.datagrams, self.now);
        }
        for event in &said.events {
            if let Event::Gone { why, .. } = event {
                assert!(matches!(why, GoneWhy::IceFailed | GoneWhy::ClosedByPeer), "{event:?}");
                self.is_over = true;
            }
        }
        said
    }

    /// Each byte says what and how much.
    fn publish(&mut self, piece: &[u8]) {
        for byte in piece.iter().take(AT_ONCE_MAX) {
            let source = if byte & 1 == 0 { Source::Camera } else { Source::Microphone };
            let codec = if byte & 2 == 0 { VideoCodec::H264 } else { VideoCodec::Vp8 };
            for packet in 0..=(byte >> 4 & (PUBLISHED_MAX - 1)) {
                self.published += 1;
                let is_key = byte & 4 == 4 && packet == 0;
                let packet = published(source, byte >> 3 & 1, self.published, is_key, codec, self.now);
                self.forwarder.handle_local(WITNESS, packet, self.now);
            }
        }
    }

    /// What a page asks for in words.
    fn ask(&mut self, at: usize, piece: &[u8]) {
        let Some([what, how, height @ ..]) = piece.first_chunk::<4>() else { return };
        let (id, other) = (self.pages[at].id, self.pages[1 - at].id);
        let source = Source::ALL[usize::from(how & 3)];
        match what & 3 {
            0 => {
                let flow = [TrackFlow::On, TrackFlow::Muted, TrackFlow::Off][usize::from(how >> 2) % 3];
                self.forwarder.set_track(id, source, flow, self.now);
            }
            1 => {
                let max_height = u16::from_be_bytes(*height);
                let wish = |publisher| Wish { publisher, source, max_height };
                self.forwarder.watch(id, [other, WITNESS].map(wish).to_vec(), self.now);
            }
            2 => {
                let permit = Permit { send: how & 1 == 0, receive: how & 2 == 0 };
                self.forwarder.set_permit(id, permit, self.now);
            }
            _ => {
                let slots = self.forwarder.slots(id);
                let Some((slot, _)) = slots.get(usize::from(*how)) else { return };
                self.forwarder.want_keyframe(id, *slot, self.now);
            }
        }
    }

    /// Whoever is in the same process is still heard.
    fn check_others_go_on(&mut self) {
        self.published += 1;
        let sound = published(Source::Microphone, 0, self.published, false, VideoCodec::H264, self.now);
        self.forwarder.handle_local(WITNESS, sound, self.now);
        assert!(self.said().heard > 0, "the witness is not heard any more");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sound of the first SSRC that the page spoke of, with its media line in extension 4.
    const SOUND: [u8; 24] = [
        0x90, 0xef, 0, 1, 0, 0, 3, 0xc0, 2, 0, 0, 0, 0xbe, 0xde, 0, 1, 0x40, b'0', 0, 0, 0x78, 0x78, 0x78,
        0x78,
    ];

    #[test]
    fn what_a_page_sends_is_taken_for_genuine() {
        let mut line = Line::new();
        for at in 0..2_u8 {
            line.step(2 + at, &SOUND);
            let stats = |line: &Line| line.forwarder.stats(line.pages[usize::from(at)].id).expect("a peer");
            assert_eq!(stats(&line).packets_in, 1);
            for ssrc in 0..32 {
                line.step(6 + at, &[0x81, 206, 0, 2, 0, 0, 0, 9, ssrc, 0, 0, 0]);
            }
            assert!(stats(&line).keyframes_wanted > 0);
        }
    }
}
