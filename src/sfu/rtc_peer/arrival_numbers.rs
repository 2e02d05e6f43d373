//! The transport-wide numbers of what a peer sends: none from before the first one is let in, and none that leaps.
//!
//! str0m extends the numbers to 64 bits and reports on all that lie between those that arrived. One from before the
//! first would become nearly 2^64, and the report would fill the memory with what is missing up to there; and between the
//! ends of a report there is room for 2^16 numbers, which str0m counts without looking.
//!
//! ```text
//!   datagram ─▶ admits? ─▶ str0m: genuine? ─▶ heard
//!               (near what was heard in this second, near what was heard before, and not below zero)
//! ```

use std::time::{Duration, Instant};

const EXTENSION_URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// Of an RTP header without extensions (RFC 3550, 5.1).
const FIXED_BYTES: usize = 12;
const ONE_BYTE_PROFILE: u16 = 0xbede;
/// How far the first packets may be apart: behind and ahead of the very first.
const BEHIND_MAX: u16 = 64;
const AHEAD_MAX: u16 = 1 << 14;
/// How far the genuine numbers of a second may be apart: a second has fewer packets than that.
const APART_MAX: u64 = 8_000;
/// How far the first number of a second may be from the newest one: as after an outage of a minute.
///
/// With that, what was not reported yet, for at most two seconds, fits: padding is not heard of, and may go as far as
/// this to both sides, and whatever comes after the farthest as far as `APART_MAX` again: 2 * 24,000 + 8,000 < 2^16.
const LEAP_MAX: u64 = 24_000;
const SECOND: Duration = Duration::from_secs(1);

/// What was heard of one peer's numbers.
#[derive(Debug, Default)]
pub(super) struct ArrivalNumbers {
    /// The ids of the extension, as they were answered.
    ids: Vec<u8>,
    /// The first number that came, genuine or not.
    first: Option<u16>,
    /// The newest genuine one, extended: it does not wrap.
    newest: Option<u64>,
    /// The genuine ones of this second.
    recent: Option<Recent>,
}

#[derive(Debug, Clone, Copy)]
struct Recent {
    since: Instant,
    least: u64,
    most: u64,
}

/// Whether an offer or an answer speaks of the numbers.
pub(super) fn are_told(sdp: &str) -> bool {
    sdp.contains(EXTENSION_URI)
}

impl ArrivalNumbers {
    /// Numbers stand in the extension that this answer names.
    pub(super) fn of_answer(answer: &str) -> Self {
        let id = |line: &str| {
            let (id, uri) = line.strip_prefix("a=extmap:")?.split_once(' ')?;
            // An id may be followed by a direction (RFC 8285, 5).
            uri.starts_with(EXTENSION_URI).then(|| id.split('/').next()?.parse().ok()).flatten()
        };
        Self { ids: answer.lines().filter_map(id).collect(), ..Self::default() }
    }

    /// Whether an RTP packet may be handed on.
    pub(super) fn admits(&mut self, packet: &[u8], now: Instant) -> bool {
        let Some(number) = self.number_of(packet) else { return true };
        match self.newest {
            Some(newest) => nearest(newest, number).is_some_and(|number| match self.recent(now) {
                Some(recent) => recent.with(number).is_close(),
                None => number.abs_diff(newest) <= LEAP_MAX,
            }),
            None => {
                let first = *self.first.get_or_insert(number);
                (first.saturating_sub(BEHIND_MAX)..=first.saturating_add(AHEAD_MAX)).contains(&number)
            }
        }
    }

    /// A genuine packet had this number.
    pub(super) fn heard(&mut self, number: u16, now: Instant) {
        let number = match self.newest {
            Some(newest) => nearest(newest, number).unwrap_or(newest),
            None => number.into(),
        };
        self.newest = self.newest.max(Some(number));
        let recent = self.recent(now).map(|recent| recent.with(number));
        self.recent = Some(recent.unwrap_or(Recent { since: now, least: number, most: number }));
    }

    /// What is known of this second, if it is not over.
    fn recent(&self, now: Instant) -> Option<Recent> {
        self.recent.filter(|recent| now.saturating_duration_since(recent.since) < SECOND)
    }

    /// The last one counts, as with str0m.
    fn number_of(&self, packet: &[u8]) -> Option<u16> {
        let (fixed, rest) = packet.split_first_chunk::<FIXED_BYTES>()?;
        let rest = rest.get(4 * usize::from(fixed[0] & 0x0f)..).filter(|_| fixed[0] & 0x10 != 0)?;
        let ([profile @ .., high, low], rest) = rest.split_first_chunk::<4>()?;
        let mut rest = rest.get(..4 * usize::from(u16::from_be_bytes([*high, *low])))?;
        let is_short = u16::from_be_bytes(*profile) == ONE_BYTE_PROFILE;
        let mut number = None;
        while let Some((id, value)) = next_element(&mut rest, is_short) {
            if let ([high, low, ..], true) = (value, self.ids.contains(&id)) {
                number = Some(u16::from_be_bytes([*high, *low]));
            }
        }
        number
    }
}

impl Recent {
    fn with(self, number: u64) -> Self {
        Self { least: self.least.min(number), most: self.most.max(number), ..self }
    }

    const fn is_close(self) -> bool {
        self.most - self.least <= APART_MAX
    }
}

/// RFC 8285, 4.2 and 4.3.
fn next_element<'a>(rest: &mut &'a [u8], is_short: bool) -> Option<(u8, &'a [u8])> {
    while let Some((0, after)) = rest.split_first() {
        *rest = after;
    }
    let (id, length, after) = match (is_short, *rest) {
        (true, [both, after @ ..]) if both >> 4 != 15 => (both >> 4, usize::from(both & 15) + 1, after),
        (false, [id, length, after @ ..]) => (*id, usize::from(*length), after),
        _ => return None,
    };
    let (value, after) = after.split_at_checked(length)?;
    *rest = after;
    Some((id, value))
}

/// The extended number that ends with these 16 bits and is nearest; `None` if that is below zero.
fn nearest(newest: u64, number: u16) -> Option<u64> {
    newest.checked_add_signed((number.wrapping_sub(newest as u16) as i16).into())
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    /// Virtual time.
    fn after(ms: u64) -> Instant {
        #[expect(clippy::disallowed_methods, reason = "the origin of virtual time; it is only added to")]
        static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
        *ORIGIN + Duration::from_millis(ms)
    }

    fn numbers() -> ArrivalNumbers {
        ArrivalNumbers::of_answer(&format!("a=extmap:3/recvonly {EXTENSION_URI}\r\na=extmap:4 urn:x\r\n"))
    }

    fn packet(number: u16) -> Vec<u8> {
        let [high, low] = number.to_be_bytes();
        let mut packet = vec![0x91, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 9, 9, 9, 9, 0xbe, 0xde, 0, 2];
        packet.extend([0x40, 0x31, 0x31, high, low, 0, 0, 0, 1, 2, 3]);
        packet
    }

    #[test]
    fn a_number_is_found_in_both_forms_and_in_the_answered_extension_alone() {
        assert_eq!(numbers().number_of(&packet(0x1234)), Some(0x1234));
        let long = [0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0x10, 0, 0, 2, 0, 4, 1, 9, 3, 2, 0xab, 0xcd];
        assert_eq!(numbers().number_of(&long), Some(0xabcd));
        assert_eq!(ArrivalNumbers::of_answer("a=extmap:3 urn:x\r\n").number_of(&long), None);
        for length in 0..20 {
            assert_eq!(numbers().number_of(&long[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn nothing_from_before_the_first_is_let_in() {
        let mut numbers = numbers();
        numbers.heard(252, after(0));
        for (number, admitted) in [(253, true), (0, true), (24_252, true), (41_073, false), (65_535, false)] {
            assert_eq!(numbers.admits(&packet(number), after(1_000)), admitted, "{number}");
        }
    }

    #[test]
    fn once_the_numbers_have_wrapped_those_below_the_first_are_let_in() {
        let mut numbers = numbers();
        for (seconds, number) in (0..).zip([20_000, 42_000, 64_000, 15_000]) {
            assert!(numbers.admits(&packet(number), after(1_000 * seconds)), "{number}");
            numbers.heard(number, after(1_000 * seconds));
        }
        assert!((0..=39_000).all(|number| numbers.admits(&packet(number), after(4_000))));
    }

    #[test]
    fn from_one_second_to_the_next_numbers_leap_as_after_an_outage_and_no_farther() {
        let mut numbers = numbers();
        numbers.heard(30_000, after(0));
        for (number, admitted) in [(5_999, false), (6_000, true), (54_000, true), (54_001, false)] {
            assert_eq!(numbers.admits(&packet(number), after(1_000)), admitted, "{number}");
        }
    }

    #[test]
    fn within_a_second_numbers_do_not_leap_and_afterwards_they_may() {
        let mut numbers = numbers();
        numbers.heard(20_000, after(0));
        numbers.heard(24_000, after(500));
        for (number, admitted) in [(16_000, true), (15_999, false), (28_000, true), (28_001, false)] {
            assert_eq!(numbers.admits(&packet(number), after(999)), admitted, "{number}");
            assert!(numbers.admits(&packet(number), after(1_000)), "{number}");
        }
        numbers.heard(40_000, after(1_000));
        assert!(!numbers.admits(&packet(20_000), after(1_999)), "the second has begun anew");
    }

    #[test]
    fn before_anything_was_genuine_the_numbers_are_close_together() {
        let mut numbers = numbers();
        for (number, admitted) in
            [(60_000, true), (59_990, true), (61_000, true), (5, false), (40_000, false)]
        {
            assert_eq!(numbers.admits(&packet(number), after(0)), admitted, "{number}");
        }
    }
}
