//! A meeting as its words tell it: who is there and what they publish, as far as a bridge needs it.

use std::collections::BTreeMap;

use crate::web::wire::{
    Answer, Event, Frame, Participant, ParticipantKind, Source, Tell, TrackState, VideoCodec,
};

/// The most people of one side that are remembered; more do not come into a meeting, and another end may say anything.
const PEOPLE_MAX: usize = 512;

/// The most tracks of which it is remembered how far they are watched.
const WATCHED_MAX: usize = 256;

/// Somebody in the meeting.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) name: String,
    kind: ParticipantKind,
    via: Option<String>,
    /// What they publish, and whether it is muted.
    pub(super) tracks: BTreeMap<u8, (Source, bool)>,
}

/// One side of a bridge.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    me: String,
    /// In the order of their coming.
    people: Vec<(String, Person)>,
    /// What the other side is to be told.
    pub(super) boxes: Vec<String>,
    pub(super) decodes: Vec<VideoCodec>,
    /// How many layers are watched of those whom the bridge has brought, by what it calls them; all where not told.
    watched: BTreeMap<(String, u8), u8>,
    /// The number of the last delta.
    pub(super) seq: u64,
    pub(super) is_over: bool,
}

impl Mirror {
    pub(super) fn hear(&mut self, frame: &Frame) {
        match frame {
            Frame::Answered { ok: Answer::Welcome(welcome), .. } => {
                self.me.clone_from(&welcome.you);
                self.seq = welcome.seq;
                self.people.clear();
                welcome.participants.iter().for_each(|one| self.meet(one));
            }
            Frame::Delta { seq, event } => {
                self.seq = *seq;
                self.happen(event);
            }
            Frame::Told { tell: Tell::Bridge { boxes, decodes } } => {
                self.boxes.clone_from(boxes);
                self.decodes.clone_from(decodes);
            }
            Frame::Told { tell: Tell::Layers { source, watched, participant: Some(id) } } => {
                let key = (id.clone(), rank(*source));
                if self.watched.len() < WATCHED_MAX || self.watched.contains_key(&key) {
                    self.watched.insert(key, *watched);
                }
            }
            _ => {}
        }
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Joined { participant } => self.meet(participant),
            Event::Left { participant, .. } => {
                self.is_over |= *participant == self.me;
                self.people.retain(|(id, _)| id != participant);
            }
            Event::Renamed { participant, name } => {
                if let Some(person) = self.find(participant) {
                    person.name.clone_from(name);
                }
            }
            Event::Track { participant, source, state } => {
                let Some(person) = self.find(participant) else { return };
                match state {
                    TrackState::Off => drop(person.tracks.remove(&rank(*source))),
                    TrackState::On => drop(person.tracks.insert(rank(*source), (*source, false))),
                    TrackState::Muted => drop(person.tracks.insert(rank(*source), (*source, true))),
                }
            }
            Event::Ended {} => self.is_over = true,
            _ => {}
        }
    }

    /// Somebody is there; whoever is said to be there twice is there once.
    fn meet(&mut self, participant: &Participant) {
        self.people.retain(|(id, _)| *id != participant.id);
        if self.people.len() < PEOPLE_MAX {
            self.people.push(person(participant));
        }
    }

    fn find(&mut self, participant: &str) -> Option<&mut Person> {
        self.people.iter_mut().find(|(id, _)| id == participant).map(|(_, person)| person)
    }

    /// Those of whom the other side is told: not the bridge, nor whom it has brought, nor other bridges to appliances,
    /// which have nothing of their own to be seen.
    pub(super) fn shown(&self) -> impl Iterator<Item = (&str, &Person)> {
        let is_shown = |(id, person): &&(String, Person)| {
            let is_empty_bridge =
                person.kind == ParticipantKind::Bridge && person.via.is_none() && person.tracks.is_empty();
            *id != self.me && person.via.as_ref() != Some(&self.me) && !is_empty_bridge
        };
        self.people.iter().filter(is_shown).map(|(id, person)| (id.as_str(), person))
    }

    /// How many layers are watched here of somebody of the other side.
    pub(super) fn watched(&self, id: &str, source: Source) -> u8 {
        self.watched.get(&(id.to_owned(), rank(source))).copied().unwrap_or(u8::MAX)
    }
}

/// An order of the sources.
pub(super) const fn rank(source: Source) -> u8 {
    match source {
        Source::Microphone => 0,
        Source::Camera => 1,
        Source::Screen => 2,
        Source::ScreenAudio => 3,
    }
}

fn person(participant: &Participant) -> (String, Person) {
    let Participant { id, name, kind, via, tracks, .. } = participant;
    let tracks = tracks.iter().map(|track| (rank(track.source), (track.source, track.muted))).collect();
    (id.clone(), Person { name: name.clone(), kind: *kind, via: via.clone(), tracks })
}
