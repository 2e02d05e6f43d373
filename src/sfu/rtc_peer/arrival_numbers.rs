//! The transport-wide numbers of what a peer sends: none from before the first one is let in.
//!
//! str0m extends the numbers to 64 bits and reports on all that lie between those that arrived. One from before the
//! first would become nearly 2^64, and the report would fill the memory with what is missing up to there.
//!
//! ```text
//!   datagram ─▶ admits? ─▶ str0m: genuine? ─▶ heard
//!               (near what was heard, and not below zero)
//! ```

const EXTENSION_URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// Of an RTP header without extensions (RFC 3550, 5.1).
const FIXED_BYTES: usize = 12;
const ONE_BYTE_PROFILE: u16 = 0xbede;
/// How far the first packets may be apart: behind and ahead of the very first.
const BEHIND_MAX: u16 = 64;
const AHEAD_MAX: u16 = 1 << 14;

/// What was heard of one peer's numbers.
#[derive(Debug, Default)]
pub(super) struct ArrivalNumbers {
    /// The ids of the extension, as they were answered.
    ids: Vec<u8>,
    /// The first number that came, genuine or not.
    first: Option<u16>,
    /// The newest genuine one, extended: it does not wrap.
    newest: Option<u64>,
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
        Self { ids: answer.lines().filter_map(id).collect(), first: None, newest: None }
    }

    /// Whether an RTP packet may be handed on.
    pub(super) fn admits(&mut self, packet: &[u8]) -> bool {
        let Some(number) = self.number_of(packet) else { return true };
        match self.newest {
            Some(newest) => nearest(newest, number).is_some(),
            None => {
                let first = *self.first.get_or_insert(number);
                (first.saturating_sub(BEHIND_MAX)..=first.saturating_add(AHEAD_MAX)).contains(&number)
            }
        }
    }

    /// A genuine packet had this number.
    pub(super) fn heard(&mut self, number: u16) {
        self.newest = match self.newest {
            Some(newest) => nearest(newest, number).max(Some(newest)),
            None => Some(number.into()),
        };
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
    use super::*;

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
        numbers.heard(252);
        for (number, admitted) in [(253, true), (0, true), (33_019, true), (41_073, false), (65_535, false)] {
            assert_eq!(numbers.admits(&packet(number)), admitted, "{number}");
        }
    }

    #[test]
    fn once_the_numbers_have_wrapped_everything_is_let_in() {
        let mut numbers = numbers();
        for number in [20_000, 50_000, 5_000] {
            assert!(numbers.admits(&packet(number)), "{number}");
            numbers.heard(number);
        }
        assert!((0..=65_535).all(|number| numbers.admits(&packet(number))));
    }

    #[test]
    fn before_anything_was_genuine_the_numbers_are_close_together() {
        let mut numbers = numbers();
        for (number, admitted) in
            [(60_000, true), (59_990, true), (61_000, true), (5, false), (40_000, false)]
        {
            assert_eq!(numbers.admits(&packet(number)), admitted, "{number}");
        }
    }
}
