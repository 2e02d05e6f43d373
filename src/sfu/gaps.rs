//! Numbers without those that were left out, so that nobody misses them.
//!
//! ```text
//!   comes    10  11  12  13  14  15         12 and 13 are left out
//!   leaves   10  11          12  13         a late 11 is still 11
//! ```

use std::collections::VecDeque;

/// How many that were left out are remembered. What comes later than behind so many has no number any more.
const KEPT_MAX: usize = 256;

/// What was left out, by its numbers.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// In order, the newest last.
    left_out: VecDeque<u64>,
    /// How many are not in the list any more, and the last of them.
    forgotten: u64,
    forgotten_to: Option<u64>,
}

impl Gaps {
    /// Leaves a number out that is higher than all before.
    pub(super) fn leave_out(&mut self, number: u64) {
        if self.left_out.len() >= KEPT_MAX {
            self.forgotten_to = self.left_out.pop_front();
            self.forgotten += 1;
        }
        self.left_out.push_back(number);
    }

    /// The last one that was left out.
    pub(super) fn last(&self) -> Option<u64> {
        self.left_out.back().copied()
    }

    /// How many were left out before a number; `None` where that is forgotten.
    pub(super) fn before(&self, number: u64) -> Option<u64> {
        if self.forgotten_to.is_some_and(|last| number <= last) {
            return None;
        }
        let later = self.left_out.iter().rev().take_while(|one| **one > number).count();
        Some(self.forgotten + (self.left_out.len() - later) as u64)
    }

    /// Numbers begin anew.
    pub(super) fn clear(&mut self) {
        self.left_out.clear();
        (self.forgotten, self.forgotten_to) = (0, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_behind_close_up_and_those_before_stay() {
        let mut gaps = Gaps::default();
        gaps.leave_out(12);
        gaps.leave_out(13);
        let left: Vec<u64> =
            [10, 14, 11, 15].iter().map(|number| number - gaps.before(*number).expect("known")).collect();
        assert_eq!(left, [10, 12, 11, 13]);
    }

    #[test]
    fn what_is_long_gone_has_no_number_and_the_newest_always_has() {
        let mut gaps = Gaps::default();
        for number in (0..2000).step_by(2) {
            gaps.leave_out(number);
        }
        assert_eq!(gaps.before(2001), Some(1000));
        assert_eq!(gaps.before(1999 - 2 * KEPT_MAX as u64), Some(1000 - KEPT_MAX as u64));
        assert_eq!(gaps.before(1001), None);
        gaps.clear();
        assert_eq!(gaps.before(5), Some(0));
    }
}
