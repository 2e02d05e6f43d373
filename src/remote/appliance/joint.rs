//! Two meetings joined: what each is told of the other, worked out from what both have told.
//!
//! ```text
//!   here  ── who is here, on which lines ──▶ behind ──▶ there
//!         ◀─ carry: which lines to fill, how far they are watched there ─┘
//!   and the same the other way
//! ```

use std::collections::VecDeque;

use super::lines::{Lines, OfferedLines};
use super::mirror::Mirror;
use crate::remote::{Protocol, Say};
use crate::web::wire::{
    Ask, BEHIND_MAX, Behind, BehindPerson, BehindTrack, CarriedLine, Frame, LEFT_OUT_MAX, LeftOut, Source,
};

/// Two meetings of appliances that are joined.
#[derive(Debug, Default)]
pub(super) struct Joint {
    here: Side,
    there: Side,
    is_open: bool,
    to_say: VecDeque<Say<Ask>>,
}

/// One of the two.
#[derive(Debug, Default)]
struct Side {
    mirror: Mirror,
    /// Those on which it sends.
    lines: Lines,
    /// What it was told last.
    behind: Option<Behind>,
    carried: (Vec<CarriedLine>, Vec<LeftOut>),
}

impl Joint {
    /// The media is agreed on: from now on both are told of each other.
    pub(super) fn open(&mut self, lines: OfferedLines) {
        self.here.lines = Lines::new(lines.out);
        self.there.lines = Lines::new(lines.back);
        self.is_open = true;
        self.settle();
    }

    /// What the other end is to know of our side before it lets us in.
    pub(super) fn boxes_here(&self) -> Option<&[String]> {
        Some(self.here.mirror.boxes.as_slice()).filter(|boxes| !boxes.is_empty())
    }

    /// One of the meetings has ended, or the bridge is out of it.
    pub(super) const fn is_over(&self) -> bool {
        self.here.mirror.is_over || self.there.mirror.is_over
    }

    /// The last delta of the other end, for a return after a cut.
    pub(super) const fn seq_there(&self) -> u64 {
        self.there.mirror.seq
    }

    /// The other end has forgotten us in the meantime: everything is said anew.
    pub(super) fn say_anew(&mut self) {
        self.there.behind = None;
        self.there.carried = Default::default();
        self.settle();
    }

    fn settle(&mut self) {
        if !self.is_open {
            return;
        }
        let Self { here, there, to_say, .. } = self;
        here.give_lines();
        there.give_lines();
        // Whoever is to come is known before their media is.
        there.behind(here).into_iter().for_each(|word| to_say.push_back(Say::There(word)));
        here.behind(there).into_iter().for_each(|word| to_say.push_back(Say::Here(word)));
        here.carry(there).into_iter().for_each(|word| to_say.push_back(Say::Here(word)));
        there.carry(here).into_iter().for_each(|word| to_say.push_back(Say::There(word)));
    }
}

impl Side {
    fn give_lines(&mut self) {
        let tracks = |(id, person): (&str, &super::mirror::Person)| {
            person.tracks.values().map(|(source, _)| (id.to_owned(), *source)).collect::<Vec<_>>()
        };
        let published: Vec<(String, Source)> =
            self.mirror.shown().take(BEHIND_MAX).flat_map(tracks).collect();
        self.lines.give(&published);
    }

    /// What this side is told of the other one, if that is news.
    fn behind(&mut self, other: &Self) -> Option<Ask> {
        let track = |id: &str, (source, muted): &(Source, bool)| BehindTrack {
            source: *source,
            muted: *muted,
            mid: other.lines.of(id, *source).cloned(),
        };
        let person = |(id, person): (&str, &super::mirror::Person)| BehindPerson {
            id: id.to_owned(),
            name: person.name.clone(),
            tracks: person.tracks.values().map(|one| track(id, one)).collect(),
        };
        let behind = Behind {
            people: other.mirror.shown().take(BEHIND_MAX).map(person).collect(),
            boxes: other.mirror.boxes.clone(),
            decodes: other.mirror.decodes.clone(),
        };
        let is_news = self.behind.as_ref() != Some(&behind);
        self.behind = Some(behind.clone());
        is_news.then_some(Ask::Behind(behind))
    }

    /// What this side is to send to the other one, if that is news.
    fn carry(&mut self, other: &Self) -> Option<Ask> {
        let line = |id: &str, source: Source| {
            let mid = self.lines.of(id, source)?.clone();
            Some(CarriedLine {
                mid,
                participant: id.to_owned(),
                source,
                layers: other.mirror.watched(id, source),
            })
        };
        let lines_of = |(id, person): (&str, &super::mirror::Person)| {
            person.tracks.values().filter_map(|(source, _)| line(id, *source)).collect::<Vec<_>>()
        };
        let lines: Vec<_> = self.mirror.shown().take(BEHIND_MAX).flat_map(lines_of).collect();
        let carried = (lines, self.left_out());
        let is_news = self.carried != carried;
        self.carried.clone_from(&carried);
        is_news.then_some(Ask::Carry { lines: carried.0, left_out: carried.1 })
    }

    /// What of this side does not reach the other one.
    fn left_out(&self) -> Vec<LeftOut> {
        let tracks = |(id, person): (&str, &super::mirror::Person)| {
            let left = |(source, _): &(Source, bool)| {
                let has_line = self.lines.of(id, *source).is_some();
                (!has_line).then(|| LeftOut { participant: id.to_owned(), source: *source })
            };
            person.tracks.values().filter_map(left).collect::<Vec<_>>()
        };
        self.mirror.shown().flat_map(tracks).take(LEFT_OUT_MAX).collect()
    }
}

impl Protocol for Joint {
    type Heard = Frame;
    type Said = Ask;

    fn heard_here(&mut self, frame: &Frame) {
        self.here.mirror.hear(frame);
        self.settle();
    }

    fn heard_there(&mut self, frame: &Frame) {
        self.there.mirror.hear(frame);
        self.settle();
    }

    fn poll(&mut self) -> Option<Say<Ask>> {
        self.to_say.pop_front()
    }
}
