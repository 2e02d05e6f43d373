//! Leaving out what no other frame needs, so that a narrow way carries less: temporal layers, and of layers that share a
//! flow the larger pictures.
//!
//! ```text
//!   layer 2      ▪       ▪       ▪       ▪          30 frames a second with all three,
//!   layer 1          ▪               ▪              15 without layer 2,
//!   layer 0  ▪               ▪               ▪      7.5 with layer 0 alone
//! ```
//!
//! Down is possible at any frame; up only where the frames that were left out are not needed any more. Larger pictures
//! come back with a key frame alone.

/// The highest temporal layer that is told apart; those above count as it.
pub(super) const TID_MAX: u8 = 3;
/// How many are told apart.
pub(super) const TEMPORAL_LAYERS: usize = TID_MAX as usize + 1;
/// How many frames are remembered, so that what comes late goes the way of the rest of its frame.
const FRAMES_KEPT: usize = 16;

/// The place of a frame among the temporal layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Temporal {
    /// Its layer, 0 to [`TID_MAX`].
    pub(super) id: u8,
    /// From this frame on the layers up to this one can be followed ...
    pub(super) opens: u8,
    /// ... by whoever has followed those up to this one.
    pub(super) needs: u8,
}

/// Which frames of a feed pass.
#[derive(Debug)]
pub(super) struct Gate {
    /// Layers up to this one are wanted.
    wanted: u8,
    /// Layers up to this one pass.
    passes: u8,
    /// Of frames that share a timestamp, those of spatial layers up to this one pass.
    largest: u8,
    /// The newest frames by their timestamps: whether they passed, and up to which spatial layer.
    frames: [Option<(u32, Option<u8>)>; FRAMES_KEPT],
    next: usize,
}

impl Default for Gate {
    fn default() -> Self {
        Self { wanted: TID_MAX, passes: TID_MAX, largest: u8::MAX, frames: [None; FRAMES_KEPT], next: 0 }
    }
}

impl Gate {
    /// From now on layers up to this one are wanted.
    pub(super) fn want(&mut self, layer: u8) {
        self.wanted = layer;
    }

    /// From the next picture on, those of spatial layers up to this one are wanted.
    pub(super) fn want_up_to(&mut self, largest: u8) {
        self.largest = largest;
    }

    /// Another feed begins with a key frame, from which every layer can be followed.
    pub(super) fn restart(&mut self) {
        *self = Self { wanted: self.wanted, passes: self.wanted, largest: self.largest, ..Self::default() };
    }

    /// Whether a packet passes: all packets of a frame do, or none.
    pub(super) fn admits(&mut self, frame: Option<Temporal>, timestamp: u32, is_key: bool) -> bool {
        // A sender without layers, or whose packets tell nothing of them.
        frame.is_none() || self.up_to(frame, timestamp, is_key).is_some()
    }

    /// Up to which spatial layer the frames of this timestamp pass: whatever is wanted meanwhile, a picture is sent as it
    /// was begun.
    pub(super) fn up_to(&mut self, frame: Option<Temporal>, timestamp: u32, is_key: bool) -> Option<u8> {
        if let Some((_, passed)) = self.frames.iter().flatten().find(|(one, _)| *one == timestamp) {
            return *passed;
        }
        let passes = frame.is_none_or(|frame| self.judge(frame, is_key));
        let passed = passes.then_some(self.largest);
        self.frames[self.next] = Some((timestamp, passed));
        self.next = (self.next + 1) % FRAMES_KEPT;
        passed
    }

    fn judge(&mut self, frame: Temporal, is_key: bool) -> bool {
        self.passes = self.passes.min(self.wanted);
        let opens = if is_key { self.wanted } else { frame.opens.min(self.wanted) };
        if opens > self.passes && (is_key || frame.needs <= self.passes) {
            self.passes = opens;
        }
        frame.id <= self.passes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// VP8 in three layers as browsers send it: where each frame stands, and whether it needs layer 0 alone.
    const PATTERN: [(u8, bool); 8] =
        [(0, false), (2, true), (1, true), (2, false), (0, false), (2, false), (1, false), (2, false)];

    fn vp8(at: usize) -> Temporal {
        let (id, is_sync) = PATTERN[at % 8];
        let opens = if is_sync { id } else { 0 };
        Temporal { id, opens, needs: id.saturating_sub(1) }
    }

    fn passed(gate: &mut Gate, frames: std::ops::Range<usize>) -> Vec<usize> {
        frames.filter(|at| gate.admits(Some(vp8(*at)), *at as u32 * 3000, *at == 0)).collect()
    }

    #[test]
    fn each_layer_less_halves_the_frames() {
        for (wanted, expected) in [(2, vec![0, 1, 2, 3, 4, 5, 6, 7]), (1, vec![0, 2, 4, 6]), (0, vec![0, 4])]
        {
            let mut gate = Gate::default();
            gate.want(wanted);
            assert_eq!(passed(&mut gate, 0..8), expected);
        }
    }

    #[test]
    fn down_is_at_once_and_up_waits_for_frames_that_need_none_of_those_left_out() {
        let mut gate = Gate::default();
        passed(&mut gate, 0..8);
        gate.want(0);
        assert_eq!(passed(&mut gate, 8..11), [8]);
        gate.want(2);
        // Number 9 would have opened layer 2 alone, and 10 came too early; 13 and 14 need what was left out.
        assert_eq!(passed(&mut gate, 11..19), [12, 16, 18]);
        assert_eq!(passed(&mut gate, 19..28), [20, 22, 24, 25, 26, 27]);
    }

    #[test]
    fn a_descriptor_that_opens_everything_at_layer_0_is_followed_there() {
        let frame = |at: u32| {
            let id = [0, 2, 1, 2][at as usize % 4];
            Some(Temporal { id, opens: if id == 0 { 2 } else { 0 }, needs: id })
        };
        let mut gate = Gate::default();
        gate.want(0);
        assert!(!gate.admits(frame(1), 1, false));
        gate.want(2);
        let passed: Vec<u32> = (2..9).filter(|at| gate.admits(frame(*at), *at, false)).collect();
        assert_eq!(passed, [4, 5, 6, 7, 8]);
    }

    #[test]
    fn the_packets_of_a_frame_go_one_way_whatever_is_wanted_meanwhile() {
        let mut gate = Gate::default();
        assert!(gate.admits(Some(vp8(1)), 1, true));
        assert!(gate.admits(Some(vp8(3)), 7, false));
        gate.want(0);
        assert!(gate.admits(Some(vp8(3)), 7, false), "the rest of it");
        assert!(!gate.admits(Some(vp8(3)), 8, false));
        gate.want(2);
        assert!(!gate.admits(Some(vp8(3)), 8, false), "the rest of that");
    }

    proptest! {
        /// Whatever is wanted when: no frame passes that needs one that did not.
        #[test]
        fn what_passes_can_be_decoded(wishes in proptest::collection::vec((0_u8..4, 1_usize..9), 1..20)) {
            let mut gate = Gate::default();
            let mut at = 0;
            // The newest frame of each layer, and whether it could be decoded.
            let mut good = [true; 3];
            for (wanted, frames) in wishes {
                gate.want(wanted);
                for _ in 0..frames {
                    let (id, is_sync) = PATTERN[at % 8];
                    let id = usize::from(id);
                    let needed = if is_sync || id == 0 { 0..1 } else { 0..id + 1 };
                    let decodable = at == 0 || good[needed].iter().all(|one| *one);
                    let passes = gate.admits(Some(vp8(at)), at as u32, at == 0);
                    prop_assert!(!passes || decodable, "frame {at}");
                    good[id] = passes;
                    at += 1;
                }
            }
        }
    }
}
