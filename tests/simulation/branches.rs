//! A meeting on two workers: whoever is in one branch notices nothing of there being another.

use std::collections::BTreeMap;
use std::time::Duration;

use alcove::sfu::{Codecs, Event, PeerId, TrackFlow};
use alcove::track::{Layer, Source, VideoCodec};

use crate::browser::Stamp;
use crate::link::Weather;
use crate::world::{BOTH, CAMERA, World};

const SECOND: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(1);

/// Two branches, and what the appliance carries between them.
struct Spread {
    branches: [World; 2],
    /// How many events of each were looked at.
    looked_at: [usize; 2],
    homes: BTreeMap<PeerId, usize>,
    codecs: [Codecs; 2],
    /// The layers of the pictures that went from one to the other.
    crossed: Vec<Layer>,
}

impl Spread {
    fn new(seed: u64) -> Self {
        let mut branches = [World::new(Weather::CALM, seed), World::new(Weather::CALM, seed + 1000)];
        branches[1].now = branches[0].now;
        branches[1].next_id = 100;
        branches[0].forwarder.set_branches(vec![1]);
        branches[1].forwarder.set_branches(vec![0]);
        Self {
            branches,
            looked_at: [0, 0],
            homes: BTreeMap::new(),
            codecs: [Codecs::preferring(VideoCodec::H264); 2],
            crossed: Vec::new(),
        }
    }

    fn join(&mut self, branch: usize, codecs: &[VideoCodec], sends: &[Source]) -> PeerId {
        let id = self.branches[branch].join(codecs, sends);
        self.homes.insert(id, branch);
        self.carry();
        for source in sends {
            self.set_track(id, *source, TrackFlow::On);
        }
        id
    }

    fn set_track(&mut self, id: PeerId, source: Source, flow: TrackFlow) {
        for world in &mut self.branches {
            let now = world.now;
            world.forwarder.set_track(id, source, flow, now);
        }
    }

    fn leave(&mut self, id: PeerId) {
        self.branches[self.homes[&id]].leave(id);
        let other = &mut self.branches[1 - self.homes[&id]];
        let now = other.now;
        other.forwarder.remove(id, now);
    }

    fn run(&mut self, lasting: Duration) {
        let end = self.branches[0].now + lasting;
        while self.branches[0].now < end {
            self.branches.iter_mut().for_each(|world| world.run(STEP));
            self.carry();
        }
    }

    /// What the workers and the loop do between the branches.
    fn carry(&mut self) {
        for from in 0..2 {
            let to = 1 - from;
            while let Some(crossing) = self.branches[from].forwarder.poll_crossing() {
                if crossing.is_picture() {
                    self.crossed.push(crossing.layer());
                }
                let now = self.branches[to].now;
                self.branches[to].forwarder.handle_crossing(crossing, now);
            }
            let news = self.branches[from].events[self.looked_at[from]..].to_vec();
            self.looked_at[from] += news.len();
            for event in news {
                self.carry_event(from, event);
            }
        }
    }

    fn carry_event(&mut self, from: usize, event: Event) {
        let is_foreign =
            |peer: PeerId, homes: &BTreeMap<PeerId, usize>| homes.get(&peer) == Some(&(1 - from));
        let other = &mut self.branches[1 - from];
        let now = other.now;
        match event {
            Event::Publishes { peer, tracks } => other.forwarder.add_elsewhere(peer, tracks, now),
            Event::KeyframeWanted { peer, source, layer } if is_foreign(peer, &self.homes) => {
                other.forwarder.want_keyframe_elsewhere(peer, source, layer, now);
            }
            Event::LayersWanted { peer, source, highest } if is_foreign(peer, &self.homes) => {
                other.forwarder.watched_elsewhere(peer, source, from, highest, now);
            }
            Event::Codecs(codecs) => self.turn_to(from, codecs),
            _ => {}
        }
    }

    fn turn_to(&mut self, branch: usize, codecs: Codecs) {
        self.codecs[branch] = codecs;
        for at in 0..2 {
            self.branches[at].forwarder.set_codecs_elsewhere(self.codecs[1 - at]);
        }
        for world in &mut self.branches {
            let codec = world.forwarder.codecs().of_pages();
            world.browsers.iter_mut().for_each(|browser| browser.use_codec(codec));
        }
    }

    fn seen_by(&mut self, id: PeerId) -> Vec<Stamp> {
        self.branches[self.homes[&id]].seen_by(id)
    }

    fn heard_by(&mut self, id: PeerId) -> Vec<Stamp> {
        self.branches[self.homes[&id]].heard_by(id)
    }

    fn watch(&mut self, id: PeerId, wishes: &[(PeerId, u16)]) {
        self.branches[self.homes[&id]].watch(id, wishes);
    }

    fn check_slots(&mut self, id: PeerId) -> u64 {
        self.branches[self.homes[&id]].check_slots(id)
    }
}

fn publishers(stamps: &[Stamp]) -> Vec<PeerId> {
    let mut publishers: Vec<PeerId> = stamps.iter().map(|stamp| PeerId(stamp.publisher)).collect();
    publishers.sort_unstable();
    publishers
}

#[test]
fn people_in_different_branches_see_and_hear_each_other() {
    let mut meeting = Spread::new(400);
    let early = meeting.join(0, &BOTH, &CAMERA);
    meeting.run(SECOND);
    let (near, far) = (meeting.join(0, &BOTH, &CAMERA), meeting.join(1, &BOTH, &CAMERA));
    meeting.run(SECOND);
    for (viewer, others) in [(early, [near, far]), (near, [early, far]), (far, [early, near])] {
        assert_eq!(publishers(&meeting.seen_by(viewer)), others);
        assert_eq!(publishers(&meeting.heard_by(viewer)), others);
        assert_eq!(meeting.check_slots(viewer), 0, "nothing is missing");
    }
}

#[test]
fn only_the_layers_that_another_branch_watches_cross_over_and_a_publisher_sends_what_anybody_watches() {
    let mut meeting = Spread::new(401);
    let publisher = meeting.join(0, &BOTH, &CAMERA);
    let viewer = meeting.join(1, &BOTH, &[]);
    meeting.watch(viewer, &[(publisher, 180)]);
    // Both branches wait three seconds before less is sent.
    meeting.run(8 * SECOND);
    let told = |meeting: &Spread| {
        meeting.branches[0].events.iter().rev().find_map(|event| match event {
            Event::LayersWanted { peer, source: Source::Camera, highest } if *peer == publisher => {
                Some(*highest)
            }
            _ => None,
        })
    };
    assert_eq!(told(&meeting), Some(Some(Layer(0))));
    meeting.crossed.clear();
    meeting.run(SECOND);
    assert!(!meeting.crossed.is_empty() && meeting.crossed.iter().all(|layer| *layer == Layer(0)));
    meeting.watch(viewer, &[(publisher, 720)]);
    meeting.run(3 * SECOND);
    assert_eq!(told(&meeting), Some(Some(Layer(2))));
    assert_eq!(meeting.seen_by(viewer)[0].layer, 2);
    meeting.watch(viewer, &[]);
    meeting.run(8 * SECOND);
    assert_eq!(told(&meeting), Some(None));
    meeting.crossed.clear();
    meeting.run(SECOND);
    assert_eq!(meeting.crossed, []);
}

#[test]
fn however_many_join_in_another_branch_a_publisher_makes_a_key_frame_a_second() {
    let mut meeting = Spread::new(402);
    let publisher = meeting.join(0, &BOTH, &CAMERA);
    meeting.run(SECOND);
    for _ in 0..20 {
        let viewer = meeting.join(1, &BOTH, &[]);
        meeting.watch(viewer, &[(publisher, 180)]);
        meeting.run(Duration::from_millis(100));
    }
    meeting.run(2 * SECOND);
    let viewers: Vec<PeerId> = meeting.branches[1].browsers.iter().map(|browser| browser.id).collect();
    for viewer in viewers {
        assert_eq!(publishers(&meeting.seen_by(viewer)), [publisher]);
        meeting.check_slots(viewer);
    }
    let requests = meeting.branches[0].browsers[0].keyframe_requests.iter();
    let small: Vec<_> = requests.filter(|(_, layer, _)| *layer == 0).map(|(.., at)| *at).collect();
    assert!(!small.is_empty());
    assert!(small.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(990)), "{small:?}");
}

#[test]
fn a_vp8_only_browser_turns_every_branch_to_vp8_and_its_leaving_turns_them_back() {
    let mut meeting = Spread::new(403);
    let (near, far) = (meeting.join(0, &BOTH, &CAMERA), meeting.join(1, &BOTH, &CAMERA));
    meeting.run(SECOND);
    let codec_of = |meeting: &mut Spread, viewer| meeting.seen_by(viewer)[0].codec;
    assert_eq!(codec_of(&mut meeting, far), Some(VideoCodec::H264));
    let odd = meeting.join(1, &[VideoCodec::Vp8], &[]);
    meeting.run(2 * SECOND);
    assert_eq!(publishers(&meeting.seen_by(odd)), [near, far]);
    assert_eq!(codec_of(&mut meeting, near), Some(VideoCodec::Vp8));
    meeting.leave(odd);
    meeting.run(2 * SECOND);
    assert_eq!(codec_of(&mut meeting, near), Some(VideoCodec::H264));
    assert_eq!(codec_of(&mut meeting, far), Some(VideoCodec::H264));
}

#[test]
fn whoever_is_muted_or_leaves_is_gone_from_every_branch() {
    let mut meeting = Spread::new(404);
    let (near, far) = (meeting.join(0, &BOTH, &CAMERA), meeting.join(1, &BOTH, &CAMERA));
    meeting.run(SECOND);
    meeting.set_track(near, Source::Camera, TrackFlow::Muted);
    meeting.set_track(near, Source::Microphone, TrackFlow::Muted);
    meeting.run(SECOND);
    assert_eq!((publishers(&meeting.seen_by(far)), publishers(&meeting.heard_by(far))), (vec![], vec![]));
    assert_eq!(publishers(&meeting.seen_by(near)), [far]);
    meeting.set_track(near, Source::Camera, TrackFlow::On);
    meeting.run(SECOND);
    assert_eq!(publishers(&meeting.seen_by(far)), [near]);
    meeting.leave(near);
    meeting.run(SECOND);
    assert_eq!(publishers(&meeting.seen_by(far)), []);
    assert!(meeting.branches[1].told(far).is_empty(), "its slots are empty, and it was told so");
}
