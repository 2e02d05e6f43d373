//! Branches: a meeting that is too large for one media worker is carried by several, each with some of its people.
//!
//! ```text
//!   who joins ─▶ the first branch with room for it ─┬─ none ─▶ another worker becomes a branch
//!                                                   └─ all are branches ─▶ the calmest one
//! ```
//!
//! Packets go from branch to branch directly; what is wanted of a publisher in another branch is told to the loop, and
//! ordered by it.

use crate::appliance::run::{Appliance, Hosted, peer_of};
use crate::appliance::worker::{MeetingId, Order, Worker};
use crate::meeting::{self, TrackState};
use crate::sfu::{Codecs, PeerId, TrackFlow, TrackSetup};
use crate::track::{Layer, Source};

/// A worker that is busy for a larger share of its time takes nobody while another one can.
const BUSY_PER_MILLE: u32 = 600;

/// Workers whose load differs by less than this, in per mille, are equally calm.
const SAME_LOAD: u32 = 100;

/// What a worker has to do.
#[derive(Debug, Clone, Copy)]
struct Load {
    /// The share of its time that it is busy.
    busy_per_mille: u32,
    /// The people that it carries, of all meetings.
    people: usize,
    /// Those of the meeting in question.
    here: usize,
}

impl Load {
    const fn is_calm(&self) -> bool {
        self.busy_per_mille < BUSY_PER_MILLE
    }

    const fn rank(&self) -> (u32, usize) {
        (self.busy_per_mille / SAME_LOAD, self.people)
    }
}

/// The worker for somebody who joins a meeting with these branches.
fn choose(branches: &[usize], loads: &[Load], people_per_worker: usize) -> usize {
    let load = |worker: usize| loads.get(worker).copied();
    let has_room =
        |worker: &usize| load(*worker).is_some_and(|one| one.here < people_per_worker && one.is_calm());
    let rank = |worker: &usize| load(*worker).map(|one| one.rank());
    branches
        .iter()
        .copied()
        .find(has_room)
        .or_else(|| (0..loads.len()).filter(|at| !branches.contains(at)).filter(has_room).min_by_key(rank))
        .or_else(|| branches.iter().copied().min_by_key(rank))
        .unwrap_or(0)
}

impl Appliance {
    /// The worker for a new meeting.
    pub(super) fn calmest_worker(&self) -> usize {
        choose(&[], &self.loads(None), usize::MAX)
    }

    /// The worker for somebody who joins a meeting; it carries a branch of it from now on.
    pub(super) fn place(&mut self, name: &str) -> usize {
        let Some(hosted) = self.hosted.get(name) else { return 0 };
        let worker = choose(&hosted.branches, &self.loads(Some(hosted)), self.settings.people_per_worker);
        if !hosted.branches.contains(&worker) {
            self.open_branch(name, worker);
        }
        worker
    }

    fn loads(&self, meeting: Option<&Hosted>) -> Vec<Load> {
        let people_of = |worker: usize| {
            let members = self.members.values().filter(|member| member.worker == worker).count();
            members + self.hosted.values().filter(|hosted| hosted.worker == worker).count()
        };
        let here_of = |worker: usize| {
            let members = meeting.into_iter().flat_map(|hosted| &hosted.members);
            members.filter_map(|id| self.members.get(id)).filter(|member| member.worker == worker).count()
        };
        let load = |(at, worker): (usize, &Worker)| Load {
            busy_per_mille: worker.busy_per_mille(),
            people: people_of(at),
            here: here_of(at),
        };
        self.workers.iter().enumerate().map(load).collect()
    }

    fn open_branch(&mut self, name: &str, worker: usize) {
        let video = self.meetings.get(name).is_ok_and(|core| core.settings().mode == meeting::Mode::Video);
        let Some(hosted) = self.hosted.get_mut(name) else { return };
        hosted.branches.push(worker);
        let (meeting, codec) = (hosted.id, hosted.preferred_codec);
        let Some(hosted) = self.hosted.get(name) else { return };
        self.workers[worker].order(Order::Open { meeting, video, codec });
        for branch in &hosted.branches {
            let others = hosted.branches.iter().copied().filter(|other| other != branch).collect();
            self.workers[*branch].order(Order::Branches { meeting, others });
        }
        for (peer, (_, tracks)) in &hosted.published {
            self.introduce(name, meeting, worker, *peer, tracks.clone());
        }
        self.tell_codecs(hosted);
        log::info!(meeting = name; "media worker {worker} helps to carry it");
    }

    /// A branch is to know what somebody in another one publishes, and what of it is on.
    fn introduce(
        &self,
        name: &str,
        meeting: MeetingId,
        worker: usize,
        peer: PeerId,
        tracks: Vec<TrackSetup>,
    ) {
        let sources: Vec<Source> = tracks.iter().map(|track| track.source).collect();
        let worker = &self.workers[worker];
        worker.order(Order::AddElsewhere { meeting, peer, tracks });
        let Ok(core) = self.meetings.get(name) else { return };
        let snapshot = core.snapshot();
        let Some(who) = snapshot.participants.iter().find(|one| peer_of(one.id) == peer) else { return };
        for source in sources {
            worker.order(Order::SetTrack { peer, source, flow: flow_of(who.track(source)) });
        }
    }

    pub(super) fn publishes(&mut self, name: &str, worker: usize, peer: PeerId, tracks: Vec<TrackSetup>) {
        let Some(hosted) = self.hosted.get_mut(name) else { return };
        hosted.published.insert(peer, (worker, tracks.clone()));
        let (meeting, branches) = (hosted.id, hosted.branches.clone());
        for branch in branches.into_iter().filter(|branch| *branch != worker) {
            self.introduce(name, meeting, branch, peer, tracks.clone());
        }
    }

    /// The worker that a publisher is on, if it is another one.
    fn elsewhere(&self, name: &str, worker: usize, publisher: PeerId) -> Option<(MeetingId, &Worker)> {
        let hosted = self.hosted.get(name)?;
        let (home, _) = hosted.published.get(&publisher).filter(|(home, _)| *home != worker)?;
        Some((hosted.id, self.workers.get(*home)?))
    }

    /// A branch wants a key frame of a publisher. Returns whether the publisher is in another branch.
    pub(super) fn keyframe_elsewhere(
        &self,
        name: &str,
        branch: usize,
        peer: PeerId,
        source: Source,
        layer: Layer,
    ) -> bool {
        let Some((meeting, home)) = self.elsewhere(name, branch, peer) else { return false };
        home.order(Order::WantKeyframeElsewhere { meeting, peer, source, layer });
        true
    }

    /// A branch tells the highest layer that it watches of a publisher. Returns whether that is in another branch.
    pub(super) fn watched_elsewhere(
        &self,
        name: &str,
        branch: usize,
        peer: PeerId,
        source: Source,
        highest: Option<Layer>,
    ) -> bool {
        let Some((meeting, home)) = self.elsewhere(name, branch, peer) else { return false };
        home.order(Order::WatchedElsewhere { meeting, peer, source, branch, highest });
        true
    }

    /// The codecs that the meeting needs now that a branch needs these; every branch is told what the others need.
    pub(super) fn codecs_of_branch(&mut self, name: &str, branch: usize, codecs: Codecs) -> Option<Codecs> {
        let hosted = self.hosted.get_mut(name)?;
        hosted.needed.insert(branch, codecs);
        let hosted = self.hosted.get(name)?;
        self.tell_codecs(hosted);
        Some(hosted.needed_codecs(None))
    }

    fn tell_codecs(&self, hosted: &Hosted) {
        for branch in &hosted.branches {
            let codecs = hosted.needed_codecs(Some(*branch));
            self.workers[*branch].order(Order::CodecsElsewhere { meeting: hosted.id, codecs });
        }
    }

    /// Has every branch of a meeting carry out an order.
    pub(super) fn order_all(&self, hosted: &Hosted, order: impl Fn() -> Order) {
        for branch in &hosted.branches {
            self.workers[*branch].order(order());
        }
    }
}

impl Hosted {
    /// What the branches need, but for this one.
    fn needed_codecs(&self, except: Option<usize>) -> Codecs {
        let preferred = self.preferred_codec;
        let others = self.needed.iter().filter(|(branch, _)| Some(**branch) != except);
        others.fold(Codecs::preferring(preferred), |all, (_, codecs)| all.and(*codecs, preferred))
    }
}

/// What the media of a track does in this state.
pub(super) const fn flow_of(state: TrackState) -> TrackFlow {
    match state {
        TrackState::On => TrackFlow::On,
        TrackState::Muted => TrackFlow::Muted,
        TrackState::Off => TrackFlow::Off,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Load = Load { busy_per_mille: 0, people: 0, here: 0 };
    const BUSY: Load = Load { busy_per_mille: 700, people: 9, here: 0 };

    fn with(people: usize) -> Load {
        Load { people, here: people, ..IDLE }
    }

    #[test]
    fn a_new_meeting_goes_to_the_calmest_worker() {
        assert_eq!(choose(&[], &[BUSY, IDLE, with(3)], usize::MAX), 1);
        assert_eq!(choose(&[], &[with(4), with(3)], usize::MAX), 1);
    }

    #[test]
    fn people_gather_on_one_worker_until_it_is_full_or_busy() {
        assert_eq!(choose(&[0], &[with(15), IDLE, IDLE], 16), 0);
        assert_eq!(choose(&[0], &[with(16), BUSY, IDLE], 16), 2);
        assert_eq!(choose(&[0], &[Load { here: 2, ..BUSY }, IDLE], 16), 1);
        assert_eq!(choose(&[0, 1], &[with(16), with(4), IDLE], 16), 1);
    }

    #[test]
    fn when_every_worker_is_full_the_calmest_branch_takes_more() {
        assert_eq!(choose(&[0, 1], &[with(17), with(16)], 16), 1);
        assert_eq!(choose(&[1], &[BUSY, with(16)], 16), 1);
        assert_eq!(choose(&[0], &[with(99)], 16), 0);
    }
}
