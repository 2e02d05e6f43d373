//! A media line that sends to a peer: its numbers, and what it has sent lately, for those who missed it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::header::ExtensionIds;
use crate::sfu::inbound::Packet;
use crate::sfu::rewrite::{Numbers, PictureIds};
use crate::track::{Kind, VideoCodec};

/// What was sent longer ago comes too late to be shown.
const KEPT: Duration = Duration::from_secs(1);
/// A second of a picture of 5 Mbit/s.
const KEPT_MAX: usize = 600;

/// A payload type with that of its retransmissions.
#[derive(Debug, Clone, Copy)]
pub(in crate::sfu) struct PayloadType {
    /// `None`: Opus.
    pub(in crate::sfu) codec: Option<VideoCodec>,
    pub(in crate::sfu) number: u8,
    pub(in crate::sfu) resend: Option<u8>,
    /// That of sound with copies of earlier sound (RFC 2198).
    pub(in crate::sfu) red: Option<u8>,
}

/// A media line as it was negotiated.
#[derive(Debug)]
pub(in crate::sfu) struct Outlet {
    pub(in crate::sfu) mid: String,
    /// What its layer is called, where several are sent on the line.
    pub(in crate::sfu) rid: Option<String>,
    pub(in crate::sfu) kind: Kind,
    pub(in crate::sfu) ssrc: u32,
    /// The SSRC of retransmissions (RFC 4588).
    pub(in crate::sfu) resend_ssrc: Option<u32>,
    pub(in crate::sfu) payload_types: Vec<PayloadType>,
    pub(super) extensions: ExtensionIds,
    /// The receiver has reported on the SSRC: it knows the line that it belongs to.
    pub(super) is_known: bool,
    sent: VecDeque<Sent>,
    resend_sequence: u64,
    pub(super) packets: u32,
    pub(super) octets: u32,
    /// The newest timestamp and when it left; reported since or not.
    pub(super) latest: Option<(u32, Instant)>,
    pub(super) owes_report: bool,
}

/// A packet with the numbers of its slot.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    /// Extended: it does not wrap.
    pub(super) sequence: u64,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) payload_type: PayloadType,
    pub(super) ids: Option<PictureIds>,
    /// A dependency descriptor and the frame number that belongs into it.
    descriptor: Option<(Arc<[u8]>, u16)>,
    payload: Arc<[u8]>,
    /// So much of the payload's beginning is left out.
    skipped: usize,
    pub(super) at: Instant,
    resent_at: Option<Instant>,
}

impl Sent {
    /// A packet as it leaves; sound with copies goes to those who negotiated that, and to others without them.
    pub(super) fn new(
        packet: &Packet,
        numbers: Numbers,
        is_blank: bool,
        mut payload_type: PayloadType,
        at: Instant,
    ) -> Self {
        let mut skipped = if is_blank { packet.payload.len() } else { 0 };
        if let Some(red) = packet.red {
            match payload_type.red.filter(|_| red.block_type == payload_type.number) {
                Some(number) => payload_type.number = number,
                None => skipped = red.primary_at,
            }
        }
        Self {
            sequence: numbers.sequence,
            timestamp: numbers.timestamp,
            marker: numbers.marker,
            payload_type,
            ids: numbers.ids,
            descriptor: packet.descriptor.clone().zip(numbers.frame),
            payload: packet.payload.clone(),
            skipped,
            at,
            resent_at: None,
        }
    }

    pub(super) fn payload(&self) -> &[u8] {
        &self.payload[self.skipped..]
    }

    /// A packet that says nothing tells nothing of a frame either.
    pub(super) fn descriptor(&self) -> Option<(&[u8], u16)> {
        let (bytes, frame) = self.descriptor.as_ref().filter(|_| !self.payload().is_empty())?;
        Some((bytes, *frame))
    }
}

impl Outlet {
    pub(in crate::sfu) fn new(
        mid: &str,
        kind: Kind,
        ssrc: u32,
        resend_ssrc: Option<u32>,
        payload_types: Vec<PayloadType>,
        extensions: ExtensionIds,
    ) -> Self {
        Self {
            mid: mid.to_owned(),
            rid: None,
            kind,
            ssrc,
            resend_ssrc,
            payload_types,
            extensions,
            is_known: false,
            sent: VecDeque::new(),
            resend_sequence: 0,
            packets: 0,
            octets: 0,
            latest: None,
            owes_report: false,
        }
    }

    /// The same for one layer of several on the line.
    pub(in crate::sfu) fn of_layer(self, rid: Option<String>) -> Self {
        Self { rid, ..self }
    }

    pub(super) fn payload_type(&self, codec: Option<VideoCodec>) -> Option<PayloadType> {
        self.payload_types.iter().find(|one| one.codec == codec).copied()
    }

    /// Counts a packet that leaves.
    pub(super) fn count(&mut self, timestamp: u32, octets: usize, now: Instant) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(octets as u32);
        self.latest = Some((timestamp, now));
        self.owes_report = true;
    }

    /// Keeps a packet for those who miss it.
    pub(super) fn keep(&mut self, sent: Sent) {
        let now = sent.at;
        let is_old = |kept: &Sent| now.saturating_duration_since(kept.at) > KEPT;
        while self.sent.len() >= KEPT_MAX || self.sent.front().is_some_and(is_old) {
            self.sent.pop_front();
        }
        self.sent.push_back(sent);
    }

    /// The packet with this number if it is to be sent again: it is still kept, and was not sent again so lately
    /// that it may still be on its way.
    pub(super) fn again(&mut self, number: u16, round_trip: Duration, now: Instant) -> Option<Sent> {
        let at = self.place_of(number)?;
        let sent = self.sent.get_mut(at)?;
        let on_its_way = |at: Instant| now.saturating_duration_since(at) < round_trip;
        if sent.resent_at.is_some_and(on_its_way) {
            return None;
        }
        sent.resent_at = Some(now);
        Some(sent.clone())
    }

    fn place_of(&self, number: u16) -> Option<usize> {
        let newest = self.sent.back()?.sequence;
        let behind = (newest as u16).wrapping_sub(number);
        let sequence = newest.checked_sub(behind.into())?;
        self.sent.binary_search_by_key(&sequence, |sent| sent.sequence).ok()
    }

    /// A packet that can be sent again as padding: the newest, so that it may even be of use.
    pub(super) fn newest(&self) -> Option<&Sent> {
        self.sent.back()
    }

    pub(super) const fn next_resend_sequence(&mut self) -> u64 {
        self.resend_sequence += 1;
        self.resend_sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn outlet() -> Outlet {
        Outlet::new("3", Kind::Video, 1, Some(2), Vec::new(), ExtensionIds::default())
    }

    fn sent(sequence: u64, at: Instant) -> Sent {
        let payload_type =
            PayloadType { codec: Some(VideoCodec::H264), number: 108, resend: Some(109), red: None };
        let packet = Packet { marker: false, ..Packet::bare(sequence, 0, Some(VideoCodec::H264), []) };
        Sent::new(&packet, Numbers { sequence, ..Numbers::default() }, false, payload_type, at)
    }

    const ROUND_TRIP: Duration = Duration::from_millis(50);

    #[test]
    fn a_missed_packet_is_found_over_a_wrap_and_after_a_gap() {
        let now = origin();
        let mut outlet = outlet();
        for sequence in [65_530, 65_535, 65_536, 65_540] {
            outlet.keep(sent(sequence, now));
        }
        for (number, found) in
            [(65_535, Some(65_535)), (0, Some(65_536)), (4, Some(65_540)), (3, None), (5, None)]
        {
            assert_eq!(outlet.again(number, ROUND_TRIP, now).map(|one| one.sequence), found, "{number}");
        }
    }

    #[test]
    fn what_is_still_on_its_way_is_not_sent_a_third_time() {
        let now = origin();
        let mut outlet = outlet();
        outlet.keep(sent(7, now));
        assert!(outlet.again(7, ROUND_TRIP, now).is_some());
        assert!(outlet.again(7, ROUND_TRIP, now + ROUND_TRIP / 2).is_none());
        assert!(outlet.again(7, ROUND_TRIP, now + ROUND_TRIP).is_some());
    }

    #[test]
    fn old_packets_and_too_many_are_forgotten() {
        let now = origin();
        let mut outlet = outlet();
        outlet.keep(sent(1, now));
        outlet.keep(sent(2, now + KEPT + Duration::from_millis(1)));
        assert!(outlet.again(1, ROUND_TRIP, now).is_none());
        for sequence in 3..2000 {
            outlet.keep(sent(sequence, now + KEPT));
        }
        assert_eq!(outlet.sent.len(), KEPT_MAX);
    }
}
