//! The sender before a receiver that is played by hand.

use std::sync::Arc;

use str0m::crypto::dtls::SrtpProfile;
use str0m::rtp::Extension;

use super::*;
use crate::sfu::Protocol;
use crate::sfu::red::Red;
use crate::sfu::srtp::Secrets;
use crate::track::VideoCodec;

const SSRC: u32 = 0x0101_0101;
const RESEND_SSRC: u32 = 0x0202_0202;
const SOUND_SSRC: u32 = 0x0303_0303;
const START_BPS: u64 = 1_000_000;
/// RFC 7714, 5.2.
const AEAD_TAG_BYTES: usize = 16;

#[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
fn origin() -> Instant {
    Instant::now()
}

fn secrets(is_client: bool) -> Secrets {
    Secrets { profile: SrtpProfile::AEAD_AES_128_GCM, material: (0..56).collect(), is_client }
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

struct Line {
    egress: Egress,
    receiver: Protector,
    out: Outbox,
    up: Vec<FromPeer>,
    now: Instant,
    sequence: u64,
}

impl Line {
    /// A picture's slot and a sound's; with or without transport-wide numbers.
    fn new(tells_arrivals: bool) -> Self {
        let now = origin();
        let ids = ExtensionIds::new(|extension| match extension {
            Extension::TransportSequenceNumber => tells_arrivals.then_some(3),
            Extension::RtpMid => Some(4),
            _ => None,
        });
        let h264 = PayloadType { codec: Some(VideoCodec::H264), number: 108, resend: Some(109), red: None };
        let opus = PayloadType { codec: None, number: 111, resend: None, red: Some(63) };
        let outlets = vec![
            Outlet::new("0", Kind::Video, SSRC, Some(RESEND_SSRC), vec![h264], ids),
            Outlet::new("1", Kind::Audio, SOUND_SSRC, None, vec![opus], ids),
        ];
        let cell = SecretsCell::default();
        let mut egress = Egress::new(
            PeerId(1),
            Arc::clone(&cell),
            outlets,
            START_BPS,
            WallClock::new(now, Duration::ZERO),
            now,
        );
        egress.set_route(Route {
            protocol: Protocol::Udp,
            source: ([10, 0, 0, 1], 7800).into(),
            destination: ([10, 0, 0, 2], 5000).into(),
        });
        drop(cell.set(secrets(false)));
        let receiver = Protector::new(&secrets(true)).expect("keys");
        Self { egress, receiver, out: Outbox::default(), up: Vec::new(), now, sequence: 0 }
    }

    fn write(&mut self, slot: usize, bytes: usize) {
        self.sequence += 1;
        let packet = Packet::bare(self.sequence, 0, (slot == 0).then_some(VideoCodec::H264), vec![0; bytes]);
        let numbers =
            Numbers { sequence: self.sequence, timestamp: 9000, marker: true, ..Numbers::default() };
        assert!(self.egress.write(slot, &packet, numbers, false, self.now));
    }

    /// What leaves now, by SSRC and sequence number; reports are left out.
    fn leaves(&mut self) -> Vec<(u32, u16)> {
        self.egress.flush(self.now, &mut self.out, &mut self.up);
        let mut left = Vec::new();
        while let Some((run, contents)) = self.out.poll_transmit() {
            for datagram in contents
                .chunks(run.segment_size)
                .filter(|datagram| datagram[1] & 0x7f < 64 || datagram[1] & 0x7f > 95)
            {
                let number = u16::from_be_bytes([datagram[2], datagram[3]]);
                left.push((u32::from_be_bytes(*datagram[8..].first_chunk().expect("an SSRC")), number));
            }
        }
        left
    }

    fn hears(&mut self, mut report: Vec<u8>) -> Reported {
        self.receiver.protect_rtcp(&mut report, 0).expect("a report");
        self.egress.receive(&report, self.now, &mut self.up)
    }
}

fn feedback(kind: u8, format: u8, ssrc: u32, detail: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80 | format, kind, 0, (2 + detail.len() / 4) as u8, 0, 0, 0, 9];
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(detail);
    packet
}

fn missing(number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    feedback(205, 1, SSRC, &[high, low, 0, 0])
}

/// Writes sound with a copy, and returns payload type and length of what leaves, without header and tag.
fn red_leaves(line: &mut Line, block_type: u8) -> (u8, usize) {
    let payload = [0x80 | block_type, 0x0f, 0, 2, block_type, 1, 2, 3, 4, 5];
    let packet =
        Packet { marker: false, red: Red::read(&payload, block_type), ..Packet::bare(1, 0, None, payload) };
    assert!(line.egress.write(1, &packet, Numbers { sequence: 1, ..Numbers::default() }, false, line.now));
    line.egress.flush(line.now, &mut line.out, &mut line.up);
    while let Some((_, contents)) = line.out.poll_transmit() {
        let payload_type = contents[1] & 0x7f;
        if !(64..96).contains(&payload_type) {
            let extensions = 4 + 4 * usize::from(u16::from_be_bytes([contents[14], contents[15]]));
            let rest = contents.len() - FIXED_BYTES - extensions - AEAD_TAG_BYTES;
            return (payload_type, rest);
        }
    }
    panic!("nothing leaves");
}

#[test]
fn sound_with_copies_goes_whole_to_those_who_negotiated_it_and_without_them_to_others() {
    assert_eq!(red_leaves(&mut Line::new(true), 111), (63, 10));
    assert_eq!(
        red_leaves(&mut Line::new(true), 96),
        (111, 3),
        "blocks of a type that means something else there"
    );
    let mut plain = Line::new(true);
    plain.egress.outlets[1].payload_types[0].red = None;
    assert_eq!(red_leaves(&mut plain, 111), (111, 3));
}

#[test]
fn nothing_leaves_before_keys_are_there_and_nothing_late_leaves_then() {
    let mut line = Line::new(true);
    let keyless = SecretsCell::default();
    line.egress.secrets = Arc::clone(&keyless);
    line.write(0, 100);
    assert_eq!(line.leaves(), []);
    drop(keyless.set(secrets(false)));
    line.write(0, 100);
    assert_eq!(line.leaves(), [(SSRC, 2)]);
}

#[test]
fn sound_does_not_wait_for_pictures() {
    let mut line = Line::new(true);
    for _ in 0..20 {
        line.write(0, 1100);
    }
    line.write(1, 80);
    let left = line.leaves();
    assert_eq!(left[0], (SOUND_SSRC, 21));
    assert!((2..20).contains(&left.len()), "{} leave at once", left.len());
    let mut later = left.len();
    while line.egress.deadline().is_some_and(|at| at < line.now + ms(90)) && later < 21 {
        line.now = line.egress.deadline().expect("a deadline").max(line.now);
        later += line.leaves().len();
    }
    assert_eq!(later, 21, "the rest follows by and by");
}

#[test]
fn what_is_missed_is_sent_again_on_its_own_ssrc_and_not_twice_within_a_round_trip() {
    let mut line = Line::new(true);
    line.write(0, 500);
    line.write(0, 500);
    line.now += ms(200);
    line.leaves();
    line.now += ms(200);
    line.leaves();
    assert_eq!(line.hears(missing(1)), Reported::Taken);
    assert_eq!(line.hears(missing(1)), Reported::Taken);
    assert_eq!(line.leaves(), [(RESEND_SSRC, 1)]);
    assert_eq!(line.hears(missing(40)), Reported::Taken);
    assert_eq!(line.leaves(), []);
}

#[test]
fn one_that_misses_everything_is_not_sent_everything_again_and_again() {
    let mut line = Line::new(true);
    let mut resent = 0;
    for round in 0..200_u64 {
        line.write(0, 1000);
        line.now += ms(5);
        line.hears(missing(round as u16));
        line.hears(missing((round / 2) as u16));
        resent += line.leaves().iter().filter(|(ssrc, _)| *ssrc == RESEND_SSRC).count();
    }
    // A second: half of the estimate of 1 Mbit/s are 62 packets of 1000 bytes.
    assert!((20..90).contains(&resent), "{resent}");
}

#[test]
fn pictures_that_cannot_leave_in_time_go_and_a_key_frame_is_asked_for() {
    let mut line = Line::new(true);
    for _ in 0..300 {
        line.write(0, 1200);
    }
    line.leaves();
    line.now += QUEUED_FOR;
    line.leaves();
    assert!(matches!(line.up[..], [.., FromPeer::KeyframeWanted { slot: 0 }]), "{:?}", line.up);
    line.now += ms(200);
    line.write(0, 100);
    assert_eq!(line.leaves(), [(SSRC, 301)]);
}

#[test]
fn a_key_frame_is_wanted_for_the_slot_of_the_ssrc() {
    let mut line = Line::new(true);
    line.hears(feedback(206, 1, SSRC, &[]));
    assert!(matches!(line.up[..], [FromPeer::KeyframeWanted { slot: 0 }]), "{:?}", line.up);
    assert_eq!(line.hears(feedback(206, 1, 77, &[])), Reported::AlsoForeign, "somebody else's SSRC");
}

#[test]
fn the_receivers_own_estimate_counts_where_nothing_else_is_told() {
    let remb = feedback(206, 15, 0, &[b'R', b'E', b'M', b'B', 1, 2, 0, 0, 0, 0, 0, 1]);
    let mut deaf = Line::new(false);
    deaf.hears(remb.clone());
    assert!(matches!(deaf.up[..], [FromPeer::Estimate { bps: 131_072 }]), "{:?}", deaf.up);
    let mut telling = Line::new(true);
    telling.hears(remb);
    assert!(telling.up.is_empty(), "{:?}", telling.up);
}

#[test]
fn an_estimate_beyond_all_measure_is_no_more_than_the_most_that_is_sent() {
    let remb = feedback(206, 15, 0, &[b'R', b'E', b'M', b'B', 1, 46 << 2 | 3, 0xff, 0xff, 0, 0, 0, 1]);
    let mut line = Line::new(false);
    line.hears(remb);
    assert!(matches!(line.up[..], [FromPeer::Estimate { bps: 100_000_000 }]), "{:?}", line.up);
}

#[test]
fn a_strangers_report_is_refused() {
    let mut line = Line::new(true);
    let now = line.now;
    assert_eq!(line.egress.receive(&missing(1), now, &mut line.up), Reported::Refused);
    assert_eq!(line.egress.receive(&[], now, &mut line.up), Reported::Refused);
}
