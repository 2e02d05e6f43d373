//! Datagrams for a peer that has offered and is not connected: checks, handshakes, noise.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;

use super::{EVERYTHING, Input, drain, meeting, origin, way_from};
use crate::sfu::{Demux, Event, Forwarder, GoneWhy, PeerId};

const PEER: PeerId = PeerId(1);
/// An offer that can be answered: one sound each way. Nobody knows the key to the certificate.
const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\n\
    a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\n\
    a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:\
    1E:1F\r\na=rtpmap:111 opus/48000/2\r\n";
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const HEADER_BYTES: usize = 20;
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const FINGERPRINT: u16 = 0x8028;

thread_local! {
    /// Kept while nothing was accepted: then it is as if it were new.
    static LINE: RefCell<Option<Line>> = const { RefCell::new(None) };
}

/// Steps: a byte for the kind (the two lowest bits) and the sender (the rest), and a piece with its length in front.
///
/// * 0: the piece is a datagram.
/// * 1, 2: the piece is type and attributes of a STUN message, which is addressed, and for 1 signed, as it should be.
/// * 3: time passes, twenty milliseconds for each byte of the piece.
pub fn datagrams(data: &[u8]) {
    let mut line = LINE.take().unwrap_or_else(Line::new);
    let mut input = Input(data);
    while let Some((kind, piece)) = input.step() {
        line.step(kind, piece);
    }
    if !line.was_touched {
        LINE.set(Some(line));
    }
}

struct Line {
    forwarder: Forwarder,
    demux: Demux,
    /// As a check to the peer names them.
    ufrags: String,
    key: hmac::Key,
    now: Instant,
    was_touched: bool,
    /// The peer has taken its handshake back.
    is_over: bool,
}

impl Line {
    fn new() -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[]);
        let (forwarder, demux) = (meeting(), Demux::new());
        let ufrags = String::new();
        let mut line =
            Self { forwarder, demux, ufrags, key, now: origin(), was_touched: false, is_over: false };
        line.offer("abcd");
        line
    }

    /// Offers, with this ufrag; a second time it is an ICE restart.
    fn offer(&mut self, theirs: &str) {
        let offer = OFFER.replace("a=ice-ufrag:abcd", &format!("a=ice-ufrag:{theirs}"));
        let answer = self.forwarder.offer(PEER, EVERYTHING, &offer, self.now).expect("an answer");
        let password = answer.lines().find_map(|line| line.strip_prefix("a=ice-pwd:")).expect("a password");
        self.key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        let ours = self.forwarder.ufrag(PEER).expect("a ufrag");
        self.ufrags = format!("{ours}:{theirs}");
        self.demux.insert_ufrag(PEER, ours);
    }

    fn step(&mut self, kind: u8, piece: &[u8]) {
        let source = SocketAddr::from(([10, 0, 1, kind >> 4], 5000 + u16::from(kind >> 2)));
        if self.is_over {
            return;
        }
        match kind & 3 {
            0 => self.hears(source, piece),
            1 => self.hears(source, &self.check(piece, true)),
            2 => self.hears(source, &self.check(piece, false)),
            _ => self.pass_time(piece.len()),
        }
    }

    fn hears(&mut self, source: SocketAddr, datagram: &[u8]) {
        let Some(peer) = self.demux.route(source, datagram) else { return };
        assert_eq!(peer, PEER);
        if self.forwarder.handle_datagram(peer, way_from(source), datagram, self.now) {
            self.demux.confirm(peer, source);
            self.was_touched = true;
        }
        self.forwarder.flush(self.now);
        for event in drain(&mut self.forwarder).events {
            if matches!(event, Event::Gone { .. }) {
                // Only from where ICE has found the peer does this arrive; before there are keys, alerts are not signed.
                assert!(has_fatal_alert(datagram), "noise ends a peer: {event:?}");
                self.is_over = true;
            }
        }
    }

    fn pass_time(&mut self, steps: usize) {
        self.was_touched = true;
        for _ in 0..steps.min(100) {
            self.now += Duration::from_millis(20);
            self.forwarder.handle_timeout(self.now);
            for event in drain(&mut self.forwarder).events {
                let is_failure = |why: &GoneWhy| *why != GoneWhy::IceFailed;
                assert!(!matches!(&event, Event::Gone { why, .. } if is_failure(why)), "{event:?}");
            }
        }
    }

    /// A STUN message to the peer (RFC 8489, 5 and 14).
    fn check(&self, piece: &[u8], is_signed: bool) -> Vec<u8> {
        let (kind, attributes) = piece.split_first_chunk::<2>().unwrap_or((&[0, 1], &[]));
        let mut message = vec![kind[0] & 0x3f, kind[1], 0, 0];
        message.extend(COOKIE);
        message.extend([7; 12]);
        attribute(&mut message, USERNAME, self.ufrags.as_bytes());
        message.extend(attributes);
        message.resize(message.len().next_multiple_of(4), 0);
        if is_signed {
            tell_length(&mut message, 24);
            let tag = hmac::sign(&self.key, &message);
            attribute(&mut message, MESSAGE_INTEGRITY, tag.as_ref());
            tell_length(&mut message, 8);
            let sum = crc32(&message) ^ 0x5354_554e;
            attribute(&mut message, FINGERPRINT, &sum.to_be_bytes());
        }
        tell_length(&mut message, 0);
        message
    }
}

/// Whether one of the records of a datagram takes the handshake back (RFC 6347, 4.1; RFC 5246, 7.2.2).
fn has_fatal_alert(mut datagram: &[u8]) -> bool {
    const RECORD_HEADER_BYTES: usize = 13;
    const ALERT: u8 = 21;
    const FATAL: u8 = 2;
    while let Some((header, rest)) = datagram.split_first_chunk::<RECORD_HEADER_BYTES>() {
        if header[0] == ALERT && rest.first() == Some(&FATAL) {
            return true;
        }
        let length = u16::from_be_bytes([header[11], header[12]]);
        datagram = rest.get(usize::from(length)..).unwrap_or_default();
    }
    false
}

fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend(kind.to_be_bytes());
    message.extend((value.len() as u16).to_be_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

/// The length counts what follows the header, and so many bytes that are yet to come.
fn tell_length(message: &mut [u8], to_come: usize) {
    let length = (message.len() - HEADER_BYTES + to_come) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

/// ISO 3309, as FINGERPRINT has it.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sfu::OfferRefused;

    const CHECK: [u8; 10] = [0, 1, 0, 0x24, 0, 4, 0x6e, 0x7f, 0, 0xff];

    /// Whether a check from that port is answered.
    fn is_answered(line: &mut Line, port: u16) -> bool {
        let (source, check) = (SocketAddr::from(([10, 0, 2, 1], port)), line.check(&CHECK, true));
        let accepted = line.forwarder.handle_datagram(PEER, way_from(source), &check, line.now);
        line.forwarder.flush(line.now);
        let answered = drain(&mut line.forwarder).datagrams.iter().any(|(_, to, _)| *to == source);
        assert_eq!(accepted, answered);
        answered
    }

    #[test]
    fn a_peer_is_checked_from_so_many_addresses_and_no_more_until_it_restarts_ice() {
        let mut line = Line::new();
        let answered: Vec<u16> = (1..=300).filter(|port| is_answered(&mut line, *port)).collect();
        assert_eq!(answered, (1..=256).collect::<Vec<_>>());
        assert!(is_answered(&mut line, 7), "an address that is known goes on");
        line.offer("efgh");
        assert!(is_answered(&mut line, 301));
    }

    #[test]
    fn a_peer_has_so_many_candidates_and_no_more() {
        let mut line = Line::new();
        let mut trickle = |port: u16| {
            let candidate = format!("candidate:1 1 udp 2122260223 192.168.1.7 {port} typ host");
            line.forwarder.trickle(PEER, &candidate, line.now)
        };
        assert!((1..=256).all(|port| trickle(port).is_ok()));
        assert_eq!(trickle(257), Err(OfferRefused::TooManyCandidates(256)));
    }
}
