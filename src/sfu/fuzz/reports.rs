//! RTCP that a receiver sends: read alone, and taken by a sender that has sent something.

use std::sync::Arc;
use std::time::Duration;

use str0m::crypto::dtls::SrtpProfile;
use str0m::rtp::Extension;

use super::{Input, SAID_MAX, SERVER, origin};
use crate::sfu::dtls::SecretsCell;
use crate::sfu::egress::{Egress, ExtensionIds, Outlet, PayloadType};
use crate::sfu::inbound::{FromPeer, Packet};
use crate::sfu::outbox::Outbox;
use crate::sfu::rewrite::Numbers;
use crate::sfu::rtcp::{self, Report, SenderInfo, TOLD_MAX};
use crate::sfu::srtp::{Protector, Secrets};
use crate::sfu::{PeerId, Protocol, Route, WallClock};
use crate::track::{Kind, VideoCodec};

/// The SSRCs of what was sent: of the picture, of its retransmissions, of the sound.
const SSRCS: [u32; 3] = [0x0101_0101, 0x0202_0202, 0x0303_0303];
/// Of each kind, before the first report.
const SENT: u64 = 40;
const START_BPS: u64 = 1_000_000;

/// A byte that says whether the receiver tells what arrived; then datagrams, each with its length in front.
pub fn reports(data: &[u8]) {
    let mut input = Input(data);
    let Some(kind) = input.byte() else { return };
    let mut sender = Sender::new(kind & 1 == 1);
    while let Some(datagram) = input.piece() {
        check_alone(datagram);
        sender.hears(datagram);
    }
}

fn check_alone(datagram: &[u8]) {
    let (mut told, mut missing, mut others) = (0, 0, 0);
    rtcp::read(datagram, |report| match report {
        Report::Arrivals(arrivals) => told += arrivals.count(),
        Report::Missing { numbers, .. } => missing += numbers.count(),
        _ => others += 1,
    });
    assert!(told <= TOLD_MAX, "{told} packets are told of");
    assert!(missing <= datagram.len() / 4 * 17 && others <= datagram.len() / 4);
    check_written(datagram);
}

/// What we write is read as what it is, however many names there are.
fn check_written(datagram: &[u8]) {
    let Some((head, name)) = datagram.split_first_chunk::<4>() else { return };
    let number = u32::from_be_bytes(*head);
    let info =
        SenderInfo { ssrc: number, ntp: number.into(), timestamp: number, packets: number, octets: number };
    let name: String = name.iter().map(|byte| char::from(byte & 0x7f)).collect();
    let mut written = Vec::new();
    rtcp::write_sender_report(&info, &mut written);
    rtcp::write_names(&[number; 31][..usize::from(head[0] % 32)], &name, &mut written);
    let mut reports = 0;
    rtcp::read(&written, |report| {
        assert_eq!(report, Report::Sent { ntp: number.into() });
        reports += 1;
    });
    assert_eq!(reports, 1);
}

/// A sender that has sent a little sound and pictures, and its receiver.
struct Sender {
    egress: Egress,
    receiver: Protector,
    out: Outbox,
    up: Vec<FromPeer>,
    steps: u32,
}

impl Sender {
    fn new(tells_arrivals: bool) -> Self {
        let ids = ExtensionIds::new(|extension| match extension {
            Extension::TransportSequenceNumber => tells_arrivals.then_some(3),
            _ => None,
        });
        let h264 = PayloadType { codec: Some(VideoCodec::H264), number: 108, resend: Some(109), red: None };
        let opus = PayloadType { codec: None, number: 111, resend: None, red: None };
        let outlets = vec![
            Outlet::new("0", Kind::Video, SSRCS[0], Some(SSRCS[1]), vec![h264], ids),
            Outlet::new("1", Kind::Audio, SSRCS[2], None, vec![opus], ids),
        ];
        let cell = SecretsCell::default();
        let mut egress = Egress::new(
            PeerId(1),
            Arc::clone(&cell),
            outlets,
            START_BPS,
            WallClock::new(origin(), Duration::ZERO),
            origin(),
        );
        egress.set_route(Route {
            protocol: Protocol::Udp,
            source: SERVER,
            destination: ([10, 0, 0, 2], 5000).into(),
        });
        egress.want(4 * START_BPS);
        let secrets = |is_client| Secrets {
            profile: SrtpProfile::AEAD_AES_128_GCM,
            material: (0..56).collect(),
            is_client,
        };
        assert!(cell.set(secrets(false)).is_ok());
        let receiver = Protector::new(&secrets(true)).expect("keys");
        let mut sender = Self { egress, receiver, out: Outbox::default(), up: Vec::new(), steps: 0 };
        sender.sends();
        sender
    }

    fn sends(&mut self) {
        let now = origin();
        let payload: Arc<[u8]> = vec![0; 600].into();
        for sequence in 0..SENT {
            for (slot, codec) in [Some(VideoCodec::H264), None].into_iter().enumerate() {
                let packet = Packet::bare(sequence, sequence as u32 * 3000, codec, Arc::clone(&payload));
                let numbers = Numbers { sequence, timestamp: packet.timestamp, ..Numbers::default() };
                assert!(self.egress.write(slot, &packet, numbers, false, now));
            }
        }
        self.step(0);
    }

    /// Takes a report, and some time passes: a few milliseconds, or enough for a tick.
    fn hears(&mut self, datagram: &[u8]) {
        let mut protected = datagram.to_vec();
        if self.receiver.protect_rtcp(&mut protected, 0).is_ok() {
            let now = origin() + Duration::from_millis(self.steps.into());
            self.egress.receive(&protected, now, &mut self.up);
        }
        self.step(5 + datagram.first().map_or(0, |first| u32::from(first & 0x1f) * 10));
    }

    fn step(&mut self, milliseconds: u32) {
        self.steps += milliseconds;
        let now = origin() + Duration::from_millis(self.steps.into());
        self.egress.flush(now, &mut self.out, &mut self.up);
        let mut said = 0;
        while let Some((run, contents)) = self.out.poll_transmit() {
            said += contents.len().div_ceil(run.segment_size);
        }
        assert!(said <= SAID_MAX, "{said} datagrams at once");
        assert!(self.egress.deadline().is_none_or(|at| at <= now + Duration::from_hours(24)));
        self.up.clear();
    }
}
