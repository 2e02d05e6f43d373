//! Who is heard: the loudest microphones with hysteresis, and the active speaker among them.
//!
//! ```text
//!  levels (RFC 6464) ─▶ smoothed loudness ─▶ chosen (who fills audio slots; a challenger must be 6 dB louder)
//!                                        ├─▶ heard  (who speaks now; lasts 1 s after the last word)
//!                                        └─▶ active (the stage; changes at most every 2 s)
//! ```

use std::time::{Duration, Instant};

/// How many sounds are chosen. One more than anybody is sent: whoever is among the loudest hears the next.
pub(super) const CHOSEN_MAX: usize = 4;
/// How many are told as heard.
const HEARD_MAX: usize = 3;
/// Loudness runs from 0 (silence, -127 dBov) to 127 (0 dBov). From here on it is speech: -50 dBov.
const SPEECH: f32 = 77.0;
/// By how much a challenger must be louder, in dB.
const LOUDER_BY: f32 = 6.0;
/// The loudness of a sound that tells no level: present, and louder than nobody.
const UNKNOWN_LEVEL: f32 = 70.0;
/// How long somebody counts as speaking after the last word.
const HEARD_LASTS: Duration = Duration::from_secs(1);
/// How long an active speaker stays at least.
const ACTIVE_LASTS: Duration = Duration::from_secs(2);
/// How long somebody must speak to become active: a cough does not.
const ACTIVE_AFTER: Duration = Duration::from_millis(400);
/// A pause between packets: a sender that leaves silence out (RFC 7587, 3.1.3) tells of it every 400 ms only, and its
/// loudness falls meanwhile as if it told all the time.
const PAUSE_AFTER: Duration = Duration::from_millis(150);
/// After this long without a packet a microphone counts as silent.
const SILENT_AFTER: Duration = Duration::from_millis(500);
/// Smoothing per packet of 20 ms: quick to rise, slow to fall.
const RISE: f32 = 0.35;
const FALL: f32 = 0.06;
/// What is left after five packets of silence, as many as a tick is long.
const FALL_PER_TICK: f32 = 0.73;

/// The microphones of a meeting, in their rank: the first are chosen. `K` names one of them.
///
/// Whoever is clearly louder than the one before passes it; a small difference changes nothing.
#[derive(Debug)]
pub(super) struct Speakers<K> {
    ranked: Vec<Microphone<K>>,
    active: Option<K>,
    active_since: Option<Instant>,
}

#[derive(Debug)]
struct Microphone<K> {
    key: K,
    loudness: f32,
    last_packet: Option<Instant>,
    /// Speaks without a long pause since then.
    speaking_since: Option<Instant>,
    last_word: Option<Instant>,
}

impl<K: Copy + Eq> Speakers<K> {
    pub(super) fn new() -> Self {
        Self { ranked: Vec::new(), active: None, active_since: None }
    }

    /// A microphone is on from now on.
    pub(super) fn insert(&mut self, key: K) {
        if self.ranked.iter().any(|microphone| microphone.key == key) {
            return;
        }
        self.ranked.push(Microphone {
            key,
            loudness: 0.0,
            last_packet: None,
            speaking_since: None,
            last_word: None,
        });
    }

    /// A microphone is muted or gone.
    pub(super) fn remove(&mut self, key: K) {
        self.ranked.retain(|microphone| microphone.key != key);
        if self.active == Some(key) {
            self.active = None;
            self.active_since = None;
        }
    }

    /// A packet arrived, with its level in dBov (-127 to 0) if it told one.
    pub(super) fn hear(&mut self, key: K, level: Option<i8>, now: Instant) {
        let Some(microphone) = self.ranked.iter_mut().find(|one| one.key == key) else { return };
        let loudness = level.map_or(UNKNOWN_LEVEL, |level| 127.0 + f32::from(level.clamp(-127, 0)));
        let share = if loudness > microphone.loudness { RISE } else { FALL };
        microphone.loudness += (loudness - microphone.loudness) * share;
        microphone.last_packet = Some(now);
    }

    /// Judges anew; to be called every 100 ms or so.
    pub(super) fn tick(&mut self, now: Instant) {
        for microphone in &mut self.ranked {
            microphone.tick(now);
        }
        self.rank();
        self.judge_active(now);
    }

    /// Who may fill audio slots, by rank.
    pub(super) fn chosen(&self) -> impl Iterator<Item = K> + '_ {
        self.ranked.iter().take(CHOSEN_MAX).map(|microphone| microphone.key)
    }

    /// Who speaks now, by rank.
    pub(super) fn heard(&self) -> impl Iterator<Item = K> + '_ {
        let speaking = |microphone: &&Microphone<K>| microphone.speaking_since.is_some();
        self.ranked.iter().take(CHOSEN_MAX).filter(speaking).take(HEARD_MAX).map(|one| one.key)
    }

    /// How loud those are who are not silent, in dBov (-127 to 0), by rank.
    pub(super) fn levels(&self) -> impl Iterator<Item = (K, i8)> + '_ {
        let loud = self.ranked.iter().filter(|microphone| microphone.loudness >= 1.0);
        // From 1 to 127, as `hear` keeps it.
        #[expect(clippy::cast_possible_truncation, reason = "from -126 to 0")]
        loud.map(|microphone| (microphone.key, (microphone.loudness - 127.0).round() as i8))
    }

    /// Who is on the stage.
    pub(super) fn active(&self) -> Option<K> {
        self.active
    }

    /// Lets each one rise past those that are clearly quieter.
    fn rank(&mut self) {
        for from in 1..self.ranked.len() {
            let mut at = from;
            while at > 0 && self.ranked[at].displaces(&self.ranked[at - 1]) {
                self.ranked.swap(at, at - 1);
                at -= 1;
            }
        }
    }

    fn judge_active(&mut self, now: Instant) {
        let speaks_long = |one: &&Microphone<K>| {
            one.loudness >= SPEECH
                && one
                    .speaking_since
                    .is_some_and(|since| now.saturating_duration_since(since) >= ACTIVE_AFTER)
        };
        let candidates = self.ranked.iter().take(CHOSEN_MAX).filter(speaks_long);
        let Some(loudest) = candidates.max_by(|a, b| a.loudness.total_cmp(&b.loudness)) else { return };
        if self.active == Some(loudest.key) {
            return;
        }
        let recent = self.active_since.is_some_and(|at| now.saturating_duration_since(at) < ACTIVE_LASTS);
        let holder = self.ranked.iter().find(|one| Some(one.key) == self.active);
        let holder_speaks =
            holder.is_some_and(|holder| holder.speaking_since.is_some() && !loudest.displaces(holder));
        if !recent && !holder_speaks {
            self.active = Some(loudest.key);
            self.active_since = Some(now);
        }
    }
}

impl<K> Microphone<K> {
    fn displaces(&self, other: &Self) -> bool {
        self.loudness >= SPEECH && self.loudness >= other.loudness + LOUDER_BY
    }

    fn tick(&mut self, now: Instant) {
        let pause = self.last_packet.map_or(SILENT_AFTER, |at| now.saturating_duration_since(at));
        if pause >= SILENT_AFTER {
            self.loudness = 0.0;
        } else if pause >= PAUSE_AFTER {
            self.loudness *= FALL_PER_TICK;
        }
        if self.loudness >= SPEECH {
            self.last_word = Some(now);
            self.speaking_since.get_or_insert(now);
        } else if self.last_word.is_none_or(|at| now.saturating_duration_since(at) >= HEARD_LASTS) {
            self.speaking_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PACKET: Duration = Duration::from_millis(20);

    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
    fn origin() -> Instant {
        Instant::now()
    }

    struct Hall {
        speakers: Speakers<u8>,
        now: Instant,
    }

    impl Hall {
        fn of(microphones: u8) -> Self {
            let mut speakers = Speakers::new();
            for key in 0..microphones {
                speakers.insert(key);
            }
            Self { speakers, now: origin() }
        }

        /// Lets everybody speak at their levels for a while.
        fn speak(&mut self, levels: &[(u8, i8)], lasting: Duration) {
            let end = self.now + lasting;
            let mut packets = 0_u32;
            while self.now < end {
                for (key, level) in levels {
                    self.speakers.hear(*key, Some(*level), self.now);
                }
                packets += 1;
                if packets.is_multiple_of(5) {
                    self.speakers.tick(self.now);
                }
                self.now += PACKET;
            }
        }

        fn chosen(&self) -> Vec<u8> {
            self.speakers.chosen().collect()
        }
    }

    #[test]
    fn in_a_small_meeting_everybody_is_chosen_though_silent() {
        assert_eq!(Hall::of(3).chosen(), [0, 1, 2]);
    }

    #[test]
    fn the_loudest_displace_the_silent() {
        let mut hall = Hall::of(7);
        hall.speak(&[(4, -20), (5, -25), (6, -30)], Duration::from_secs(1));
        assert!([4, 5, 6].iter().all(|key| hall.chosen().contains(key)), "{:?}", hall.chosen());
        assert_eq!(hall.speakers.heard().collect::<Vec<_>>(), [4, 5, 6]);
    }

    #[test]
    fn somebody_slightly_louder_displaces_nobody() {
        let mut hall = Hall::of(5);
        hall.speak(&[(0, -30), (1, -30), (2, -30), (3, -30), (4, -26)], Duration::from_secs(3));
        assert_eq!(hall.chosen(), [0, 1, 2, 3]);
        hall.speak(&[(0, -30), (1, -30), (2, -30), (3, -35), (4, -26)], Duration::from_secs(3));
        assert_eq!(hall.chosen(), [0, 1, 2, 4]);
    }

    #[test]
    fn the_active_speaker_stays_for_two_seconds_and_through_silence() {
        let mut hall = Hall::of(2);
        hall.speak(&[(0, -25), (1, -90)], Duration::from_secs(1));
        assert_eq!(hall.speakers.active(), Some(0));
        hall.speak(&[(0, -90), (1, -20)], Duration::from_millis(600));
        assert_eq!(hall.speakers.active(), Some(0));
        hall.speak(&[(0, -90), (1, -20)], Duration::from_secs(3));
        assert_eq!(hall.speakers.active(), Some(1));
        hall.speak(&[(0, -90), (1, -90)], Duration::from_secs(5));
        assert_eq!(hall.speakers.active(), Some(1));
        assert_eq!(hall.speakers.heard().count(), 0);
    }

    #[test]
    fn a_cough_does_not_take_the_stage() {
        let mut hall = Hall::of(2);
        hall.speak(&[(0, -25), (1, -90)], Duration::from_secs(4));
        hall.speak(&[(0, -25), (1, -10)], Duration::from_millis(250));
        hall.speak(&[(0, -25), (1, -90)], Duration::from_secs(4));
        assert_eq!(hall.speakers.active(), Some(0));
    }

    #[test]
    fn whoever_leaves_silence_out_falls_silent_as_fast_as_one_who_sends_it() {
        let mut hall = Hall::of(2);
        hall.speak(&[(0, -15), (1, -15)], Duration::from_secs(2));
        let mut until_silent = [None; 2];
        for tenth in 1..=30_u64 {
            if tenth.is_multiple_of(4) {
                hall.speakers.hear(0, Some(-100), hall.now);
            }
            hall.speak(&[(1, -100)], Duration::from_millis(100));
            for key in [0, 1] {
                if !hall.speakers.heard().any(|one| one == key) {
                    until_silent[usize::from(key)].get_or_insert(tenth);
                }
            }
        }
        let [leaves_out, sends] = until_silent.map(|tenths| tenths.expect("silent in the end"));
        assert!(leaves_out.abs_diff(sends) <= 2, "{leaves_out} and {sends} tenths of a second");
    }

    #[test]
    fn a_muted_microphone_is_no_longer_active_and_its_place_is_taken() {
        let mut hall = Hall::of(5);
        hall.speak(&[(0, -25)], Duration::from_secs(1));
        hall.speakers.remove(0);
        assert_eq!(hall.speakers.active(), None);
        assert_eq!(hall.chosen(), [1, 2, 3, 4]);
    }

    proptest! {
        #[test]
        fn never_more_than_four_and_never_an_unknown_one(
            acts in proptest::collection::vec((0_u8..3, 0_u8..9, -127_i8..=0), 0..300)) {
            let mut hall = Hall::of(0);
            let mut present = Vec::new();
            for (act, key, level) in acts {
                match act {
                    0 => { hall.speakers.insert(key); present.push(key); }
                    1 => { hall.speakers.remove(key); present.retain(|one| *one != key); }
                    _ => hall.speak(&[(key, level)], Duration::from_millis(100)),
                }
                let chosen = hall.chosen();
                present.sort_unstable();
                present.dedup();
                prop_assert_eq!(chosen.len(), present.len().min(CHOSEN_MAX));
                prop_assert!(chosen.iter().all(|one| present.contains(one)));
                prop_assert!(hall.speakers.heard().all(|one| chosen.contains(&one)));
                prop_assert!(hall.speakers.active().is_none_or(|one| present.contains(&one)));
            }
        }
    }
}
