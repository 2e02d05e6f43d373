//! RTCP as our sender needs it: what receivers report (RFC 3550, RFC 4585, REMB, transport-wide feedback), and our own
//! reports.

/// Packet types (RFC 3550, 12.1; RFC 4585, 6.1).
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
/// Formats of feedback (RFC 4585, 6.2 and 6.3; RFC 5104, 4.3; draft-holmer-rmcat-transport-wide-cc-extensions).
const NACK: u8 = 1;
const TRANSPORT_WIDE: u8 = 15;
const PLI: u8 = 1;
const FIR: u8 = 4;
const APPLICATION: u8 = 15;
const CNAME: u8 = 1;
const HEADER_BYTES: usize = 4;
const BLOCK_BYTES: usize = 24;
/// Arrival times are told in quarters of a millisecond, their base in 64 ms.
const DELTA_US: i64 = 250;
const BASE_US: i64 = 64_000;
/// The most packets that the reports of one datagram may tell of: two bytes can claim 8191. More than a second of them
/// is nowhere on its way.
pub(super) const TOLD_MAX: usize = 1 << 14;

/// What a receiver says about what it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report<'a> {
    /// How a flow arrives (RFC 3550, 6.4.1).
    Reception {
        ssrc: u32,
        /// Of 256, since the report before.
        fraction_lost: u8,
        /// The middle of the NTP time of the last sender report that arrived; 0: none did.
        last_report: u32,
        /// How long that is ago, in units of 2^-16 s.
        delay: u32,
    },
    /// Packets that are missing.
    Missing {
        ssrc: u32,
        numbers: Missing<'a>,
    },
    KeyframeWanted {
        ssrc: u32,
    },
    /// What arrived when, of everything.
    Arrivals(Arrivals<'a>),
    /// What the receiver estimates that the path carries.
    Estimate {
        bps: u64,
    },
    /// The peer reports on what it sends itself, at this NTP time of its clock.
    Sent {
        ntp: u64,
    },
    /// Something that is not about what we send.
    Foreign,
}

/// Reads a compound packet (already opened), as far as it is well-formed. Of arrivals it tells as long as they are not
/// more than [`TOLD_MAX`].
pub(super) fn read<'a>(mut compound: &'a [u8], mut take: impl FnMut(Report<'a>)) {
    let mut told = 0;
    let mut take = |report: Report<'a>| {
        if let Report::Arrivals(arrivals) = &report {
            told += usize::from(arrivals.left);
            if told > TOLD_MAX {
                return;
            }
        }
        take(report);
    };
    while let Some((header, _)) = compound.split_first_chunk::<HEADER_BYTES>() {
        let [first, kind, high, low] = *header;
        let length = HEADER_BYTES * (1 + usize::from(u16::from_be_bytes([high, low])));
        let Some((packet, rest)) = compound.split_at_checked(length) else { return };
        if first >> 6 != 2 {
            return;
        }
        compound = rest;
        read_one(first & 0x1f, kind, &packet[HEADER_BYTES..], &mut take);
    }
}

fn read_one<'a>(count: u8, kind: u8, body: &'a [u8], take: &mut impl FnMut(Report<'a>)) {
    match kind {
        RECEIVER_REPORT => blocks(body.get(4..).unwrap_or_default(), count, take),
        SENDER_REPORT => {
            let ntp = body.get(4..).and_then(<[u8]>::first_chunk::<8>);
            take(ntp.map_or(Report::Foreign, |ntp| Report::Sent { ntp: u64::from_be_bytes(*ntp) }));
            blocks(body.get(24..).unwrap_or_default(), count, take);
        }
        SOURCE_DESCRIPTION => {}
        TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK => {
            let Some((media, detail)) = body.get(4..).and_then(<[u8]>::split_first_chunk::<4>) else {
                return;
            };
            feedback(kind, count, u32::from_be_bytes(*media), detail, take);
        }
        _ => take(Report::Foreign),
    }
}

fn blocks<'a>(body: &[u8], count: u8, take: &mut impl FnMut(Report<'a>)) {
    let (blocks, _) = body.as_chunks::<BLOCK_BYTES>();
    for block in blocks.iter().take(count.into()) {
        let word = |at: usize| u32::from_be_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
        take(Report::Reception {
            ssrc: word(0),
            fraction_lost: block[4],
            last_report: word(16),
            delay: word(20),
        });
    }
}

fn feedback<'a>(kind: u8, format: u8, ssrc: u32, detail: &'a [u8], take: &mut impl FnMut(Report<'a>)) {
    match (kind, format) {
        (TRANSPORT_FEEDBACK, NACK) => take(Report::Missing { ssrc, numbers: Missing { detail, bit: 0 } }),
        (TRANSPORT_FEEDBACK, TRANSPORT_WIDE) => {
            take(Arrivals::new(detail).map_or(Report::Foreign, Report::Arrivals))
        }
        (PAYLOAD_FEEDBACK, PLI) => take(Report::KeyframeWanted { ssrc }),
        (PAYLOAD_FEEDBACK, FIR) => {
            // The SSRCs stand in the entries (RFC 5104, 4.3.1.1).
            for entry in detail.as_chunks::<8>().0 {
                take(Report::KeyframeWanted {
                    ssrc: u32::from_be_bytes([entry[0], entry[1], entry[2], entry[3]]),
                });
            }
        }
        (PAYLOAD_FEEDBACK, APPLICATION) => take(remb(detail).unwrap_or(Report::Foreign)),
        _ => take(Report::Foreign),
    }
}

/// draft-alvestrand-rmcat-remb, 2.2.
fn remb<'a>(detail: &[u8]) -> Option<Report<'a>> {
    let [name @ .., _count, high, middle, low] = detail.first_chunk::<8>()?;
    let mantissa = u64::from(u32::from_be_bytes([0, high & 3, *middle, *low]));
    let bps = mantissa.checked_shl((high >> 2).into())?;
    // Of 18 and 63 bits, more than there is can come out; the shift has cut it off then.
    (name == b"REMB" && bps >> (high >> 2) == mantissa).then_some(Report::Estimate { bps })
}

/// The sequence numbers of packets that are missing (RFC 4585, 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Missing<'a> {
    detail: &'a [u8],
    /// 0: the number itself; n: its bit n in the mask.
    bit: u32,
}

impl Iterator for Missing<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        loop {
            let (entry, rest) = self.detail.split_first_chunk::<4>()?;
            let first = u16::from_be_bytes([entry[0], entry[1]]);
            let mask = u32::from(u16::from_be_bytes([entry[2], entry[3]])) << 1 | 1;
            let bit = self.bit;
            self.bit += 1;
            if bit == 16 {
                (self.detail, self.bit) = (rest, 0);
            }
            if mask >> bit & 1 == 1 {
                return Some(first.wrapping_add(bit as u16));
            }
        }
    }
}

/// What arrived, by transport-wide sequence numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrivals<'a> {
    next: u16,
    left: u16,
    at_us: i64,
    chunks: &'a [u8],
    deltas: &'a [u8],
    /// Of the chunk that is being read: its symbols, the newest in the lowest bits, and how many are left.
    symbols: Symbols,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbols {
    Run {
        symbol: u8,
        left: u16,
    },
    /// The symbols from the highest bit down, each so many bits wide.
    Vector {
        bits: u16,
        width: u8,
        left: u8,
    },
}

/// One packet of a report, and when it arrived on the receiver's clock, in microseconds; `None`: it did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) number: u16,
    pub(super) at_us: Option<i64>,
}

impl<'a> Arrivals<'a> {
    /// `None` if it is cut short.
    fn new(detail: &'a [u8]) -> Option<Self> {
        let (head, body) = detail.split_first_chunk::<8>()?;
        let left = u16::from_be_bytes([head[2], head[3]]);
        let base = i32::from_be_bytes([head[4], head[5], head[6], 0]) >> 8;
        let chunks = chunk_bytes(body, left)?;
        let (chunks, deltas) = body.split_at(chunks);
        Some(Self {
            next: u16::from_be_bytes([head[0], head[1]]),
            left,
            at_us: i64::from(base) * BASE_US,
            chunks,
            deltas,
            symbols: Symbols::Run { symbol: 0, left: 0 },
        })
    }

    fn symbol(&mut self) -> Option<u8> {
        loop {
            match &mut self.symbols {
                Symbols::Run { symbol, left } if *left > 0 => {
                    *left -= 1;
                    return Some(*symbol);
                }
                Symbols::Vector { bits, width, left } if *left > 0 => {
                    *left -= 1;
                    let symbol = *bits >> (u16::from(*left) * u16::from(*width)) & ((1 << *width) - 1);
                    return Some(symbol as u8);
                }
                _ => {}
            }
            let (chunk, rest) = self.chunks.split_first_chunk::<2>()?;
            self.chunks = rest;
            self.symbols = Symbols::of(u16::from_be_bytes(*chunk));
        }
    }

    fn delta_us(&mut self, symbol: u8) -> Option<i64> {
        let quarters = if symbol == 1 {
            let (delta, rest) = self.deltas.split_first()?;
            self.deltas = rest;
            i64::from(*delta)
        } else {
            let (delta, rest) = self.deltas.split_first_chunk::<2>()?;
            self.deltas = rest;
            i64::from(i16::from_be_bytes(*delta))
        };
        Some(quarters * DELTA_US)
    }
}

impl Symbols {
    fn of(chunk: u16) -> Self {
        match chunk >> 14 {
            0 | 1 => Self::Run { symbol: (chunk >> 13 & 3) as u8, left: chunk & 0x1fff },
            2 => Self::Vector { bits: chunk & 0x3fff, width: 1, left: 14 },
            _ => Self::Vector { bits: chunk & 0x3fff, width: 2, left: 7 },
        }
    }

    const fn count(self) -> u32 {
        match self {
            Self::Run { left, .. } => left as u32,
            Self::Vector { left, .. } => left as u32,
        }
    }
}

/// How many bytes of chunks tell of so many packets.
fn chunk_bytes(body: &[u8], packets: u16) -> Option<usize> {
    let (mut told, mut bytes) = (0, 0);
    while told < u32::from(packets) {
        let chunk = body.get(bytes..)?.first_chunk::<2>()?;
        told += Symbols::of(u16::from_be_bytes(*chunk)).count();
        bytes += 2;
    }
    Some(bytes)
}

impl Iterator for Arrivals<'_> {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        self.left = self.left.checked_sub(1)?;
        let symbol = self.symbol()?;
        let number = self.next;
        self.next = number.wrapping_add(1);
        if symbol != 1 && symbol != 2 {
            return Some(Arrival { number, at_us: None });
        }
        self.at_us += self.delta_us(symbol)?;
        Some(Arrival { number, at_us: Some(self.at_us) })
    }
}

/// What a sender says of itself (RFC 3550, 6.4.1).
#[derive(Debug, Clone, Copy)]
pub(super) struct SenderInfo {
    pub(super) ssrc: u32,
    /// NTP time: seconds and their fraction, 32 bits each.
    pub(super) ntp: u64,
    /// The RTP timestamp of that moment.
    pub(super) timestamp: u32,
    pub(super) packets: u32,
    pub(super) octets: u32,
}

/// Appends a sender report without reception blocks.
pub(super) fn write_sender_report(info: &SenderInfo, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&[0x80, SENDER_REPORT, 0, 6]);
    bytes.extend_from_slice(&info.ssrc.to_be_bytes());
    bytes.extend_from_slice(&info.ntp.to_be_bytes());
    for word in [info.timestamp, info.packets, info.octets] {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
}

/// Appends the canonical name of some SSRCs, at most 31 (RFC 3550, 6.5).
pub(super) fn write_names(ssrcs: &[u32], name: &str, bytes: &mut Vec<u8>) {
    let name = &name.as_bytes()[..name.len().min(255)];
    // The name ends with one to four zeros, at a word.
    let item = 4 + 2 + name.len();
    let padding = 4 - item % 4;
    let words = ssrcs.len() * (item + padding) / 4;
    bytes.extend_from_slice(&[0x80 | ssrcs.len() as u8, SOURCE_DESCRIPTION]);
    bytes.extend_from_slice(&(words as u16).to_be_bytes());
    for ssrc in ssrcs {
        bytes.extend_from_slice(&ssrc.to_be_bytes());
        bytes.extend_from_slice(&[CNAME, name.len() as u8]);
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(&[0; 4][..padding]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reports(compound: &[u8]) -> Vec<Report<'_>> {
        let mut reports = Vec::new();
        read(compound, |report| reports.push(report));
        reports
    }

    fn feedback_packet(kind: u8, format: u8, detail: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80 | format, kind, 0, (2 + detail.len() / 4) as u8];
        packet.extend_from_slice(&1_u32.to_be_bytes());
        packet.extend_from_slice(&0xabcd_u32.to_be_bytes());
        packet.extend_from_slice(detail);
        packet
    }

    #[test]
    fn missing_packets_are_told_by_number_and_mask() {
        let packet = feedback_packet(TRANSPORT_FEEDBACK, NACK, &[0xff, 0xff, 0x80, 0x01, 0, 9, 0, 0]);
        let [Report::Missing { ssrc: 0xabcd, numbers }] = reports(&packet)[..] else { panic!("no NACK") };
        assert_eq!(numbers.collect::<Vec<_>>(), [0xffff, 0, 15, 9]);
    }

    #[test]
    fn key_frames_are_wanted_by_pli_and_by_each_entry_of_a_fir() {
        let pli = feedback_packet(PAYLOAD_FEEDBACK, PLI, &[]);
        assert_eq!(reports(&pli), [Report::KeyframeWanted { ssrc: 0xabcd }]);
        let fir = feedback_packet(PAYLOAD_FEEDBACK, FIR, &[0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0, 8, 1, 0, 0, 0]);
        assert_eq!(reports(&fir), [7, 8].map(|ssrc| Report::KeyframeWanted { ssrc }));
    }

    #[test]
    fn arrivals_are_read_from_runs_and_vectors() {
        // From 65534 on: a run of two that arrived (small deltas); one missing and one with a large, negative delta.
        let vector = 0b1100_1000_0000_0000_u16.to_be_bytes();
        let detail = [0xff, 0xfe, 0, 4, 0, 0, 2, 0, 0b0010_0000, 2, vector[0], vector[1], 4, 8, 0xff, 0xfc];
        let packet = feedback_packet(TRANSPORT_FEEDBACK, TRANSPORT_WIDE, &detail);
        let [Report::Arrivals(arrivals)] = reports(&packet)[..] else { panic!("no feedback") };
        let told: Vec<_> = arrivals.map(|one| (one.number, one.at_us)).collect();
        let base = 2 * BASE_US;
        assert_eq!(
            told,
            [(65534, Some(base + 1000)), (65535, Some(base + 3000)), (0, None), (1, Some(base + 2000))]
        );
    }

    #[test]
    fn feedback_that_is_cut_short_tells_nothing_false() {
        let detail = [0, 0, 0, 200, 0, 0, 2, 0, 0b0010_0000, 2, 0, 0];
        let packet = feedback_packet(TRANSPORT_FEEDBACK, TRANSPORT_WIDE, &detail);
        assert_eq!(reports(&packet), [Report::Foreign], "chunks for two of 200");
        // Two large deltas are told of, and there is one.
        let detail = [0, 0, 0, 2, 0, 0, 2, 0, 0b0100_0000, 2, 0, 4];
        let packet = feedback_packet(TRANSPORT_FEEDBACK, TRANSPORT_WIDE, &detail);
        let [Report::Arrivals(arrivals)] = reports(&packet)[..] else { panic!("no feedback") };
        assert_eq!(arrivals.map(|one| one.at_us).collect::<Vec<_>>(), [Some(2 * BASE_US + 1000)]);
        assert_eq!(reports(&packet[..packet.len() - 1]), []);
    }

    #[test]
    fn a_datagram_that_claims_more_packets_than_can_be_on_their_way_is_not_believed() {
        // Nine chunks, each a run of 8191 packets that did not arrive.
        let claims = |packets: u16| {
            let [high, low] = packets.to_be_bytes();
            let mut detail = vec![0, 0, high, low, 0, 0, 2, 0];
            detail.extend([0x1f, 0xff].repeat(10));
            feedback_packet(TRANSPORT_FEEDBACK, TRANSPORT_WIDE, &detail)
        };
        let told = |compound: &[u8]| -> usize {
            let count = |report: &Report<'_>| {
                if let Report::Arrivals(arrivals) = report { arrivals.count() } else { 0 }
            };
            reports(compound).iter().map(count).sum()
        };
        assert_eq!(told(&claims(65_535)), 0);
        assert_eq!(told(&claims(8000)), 8000);
        assert_eq!(told(&claims(8000).repeat(40)), 16_000, "two of forty");
    }

    #[test]
    fn an_estimate_is_read_from_remb() {
        let detail = [b'R', b'E', b'M', b'B', 1, 5 << 2 | 1, 0, 2, 0, 0, 0, 1];
        let packet = feedback_packet(PAYLOAD_FEEDBACK, APPLICATION, &detail);
        assert_eq!(reports(&packet), [Report::Estimate { bps: 0x1_0002 << 5 }]);
    }

    #[test]
    fn reception_is_read_from_both_kinds_of_report() {
        let block: Vec<u8> = (0..24).collect();
        let expected = Report::Reception {
            ssrc: 0x0001_0203,
            fraction_lost: 4,
            last_report: 0x1011_1213,
            delay: 0x1415_1617,
        };
        let mut receiver = vec![0x81, RECEIVER_REPORT, 0, 7, 9, 9, 9, 9];
        receiver.extend_from_slice(&block);
        assert_eq!(reports(&receiver), [expected]);
        let mut sender = vec![0x81, SENDER_REPORT, 0, 12];
        sender.extend_from_slice(&[0; 24]);
        sender.extend_from_slice(&block);
        assert_eq!(reports(&sender), [Report::Sent { ntp: 0 }, expected]);
    }

    #[test]
    fn what_we_write_has_the_lengths_that_it_claims() {
        for length in 1..9 {
            let mut bytes = Vec::new();
            let info = SenderInfo { ssrc: 1, ntp: 2, timestamp: 3, packets: 4, octets: 5 };
            write_sender_report(&info, &mut bytes);
            write_names(&[1, 2], &"alcove-1"[..length], &mut bytes);
            assert_eq!(bytes.len() % 4, 0);
            bytes.extend_from_slice(&feedback_packet(PAYLOAD_FEEDBACK, PLI, &[]));
            let told = reports(&bytes);
            assert_eq!(told, [Report::Sent { ntp: 2 }, Report::KeyframeWanted { ssrc: 0xabcd }], "{length}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut packets = 0;
            read(&bytes, |report| match report {
                Report::Missing { numbers, .. } => packets += numbers.count(),
                Report::Arrivals(arrivals) => packets += arrivals.count(),
                _ => packets += 1,
            });
            prop_assert!(packets <= 70_000);
        }
    }
}
