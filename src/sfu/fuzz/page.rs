//! A page that is connected: str0m at the other end, and the keys that it has agreed on with the forwarder.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid, Rid, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Input, Output, Rtc};

use super::{EVERYTHING, SERVER, drain, way_from};
use crate::sfu::dtls::{self, SecretsCell};
use crate::sfu::srtp::Protector;
use crate::sfu::{Event, Forwarder, PeerId, TrackFlow};
use crate::track::Source;

const RTP_HEADER_BYTES: usize = 12;
/// Where the SSRC of an RTP packet stands, and the first one that an RTCP packet is about.
const SSRC_AT: usize = 8;
/// The first SSRC that the reception blocks of a sender report are about.
const BLOCK_SSRC_AT: usize = 28;
const SENDER_REPORT: u8 = 200;

/// A page, its address and its keys.
pub(super) struct Page {
    pub(super) id: PeerId,
    address: SocketAddr,
    rtc: Rtc,
    deadline: Instant,
    secrets: SecretsCell,
    protector: Option<Protector>,
    /// The SSRCs that were spoken of: those of the page, those of the forwarder, and two that mean nothing to anybody.
    ssrcs: Vec<u32>,
    /// The highest sequence number of each SSRC, extended.
    highest: HashMap<u32, u64>,
}

impl Page {
    /// Joins, is connected, and has its tracks on.
    pub(super) fn join(
        forwarder: &mut Forwarder,
        id: PeerId,
        tells_arrivals: bool,
        now: &mut Instant,
    ) -> Self {
        let address = SocketAddr::from(([10, 0, 1, id.0 as u8], 5000));
        let mut config =
            Rtc::builder().set_rtp_mode(true).set_crypto_provider(dtls::provider()).clear_codecs();
        let known = config.codec_config();
        known.enable_opus(true, false);
        known.enable_vp8(true);
        known.add_h264(102.into(), Some(103.into()), true, 0x42_e0_1f);
        let (mut rtc, secrets) = dtls::watched(|| config.build(*now));
        rtc.add_local_candidate(Candidate::host(address, "udp").expect("an address"));
        let mut page = Self {
            id,
            address,
            rtc,
            deadline: *now,
            secrets,
            protector: None,
            ssrcs: vec![0, 0xdead_beef],
            highest: HashMap::new(),
        };
        page.negotiate(forwarder, tells_arrivals, *now);
        page.connect(forwarder, now);
        for source in Source::ALL {
            forwarder.set_track(id, source, TrackFlow::On, *now);
        }
        page
    }

    fn negotiate(&mut self, forwarder: &mut Forwarder, tells_arrivals: bool, now: Instant) {
        let (mids, offer, pending) = self.offer();
        let left_out = |line: &&str| {
            tells_arrivals || !line.contains("transport-cc") && !line.contains("transport-wide-cc")
        };
        let offer: String =
            offer.lines().filter(left_out).map(|line| numbered(line, &mids) + "\r\n").collect();
        let answer = forwarder.offer(self.id, EVERYTHING, &offer, now).expect("an answer");
        self.ssrcs.extend([offer.as_str(), answer.as_str()].into_iter().flat_map(ssrcs));
        let answer: String = answer.lines().map(|line| named(line, &mids) + "\r\n").collect();
        let answer = SdpAnswer::from_sdp_string(&answer).expect("an answer");
        self.rtc.sdp_api().accept_answer(pending, answer).expect("a fitting answer");
    }

    /// What the page offers, with fewer slots; its m-lines have names by chance.
    fn offer(&mut self) -> (Vec<Mid>, String, SdpPendingOffer) {
        let layers = ["q", "h", "f"].map(|rid| SimulcastLayer { rid: Rid::from(rid), attributes: None });
        let simulcast = Simulcast { send: layers.to_vec(), recv: Vec::new() };
        let mut api = self.rtc.sdp_api();
        let mut add = |kind, direction, simulcast| api.add_media(kind, direction, None, None, simulcast);
        let mut mids = vec![
            add(MediaKind::Audio, Direction::SendOnly, None),
            add(MediaKind::Video, Direction::SendOnly, Some(simulcast)),
            add(MediaKind::Video, Direction::SendOnly, None),
        ];
        for kind in [MediaKind::Audio, MediaKind::Audio, MediaKind::Video, MediaKind::Video] {
            mids.push(add(kind, Direction::RecvOnly, None));
        }
        let (offer, pending) = api.apply().expect("changes");
        (mids, offer.to_sdp_string(), pending)
    }

    fn connect(&mut self, forwarder: &mut Forwarder, now: &mut Instant) {
        let mut is_connected = false;
        for _ in 0..500 {
            *now += Duration::from_millis(10);
            self.step(forwarder, *now);
            forwarder.handle_timeout(*now);
            let said = drain(forwarder);
            self.hear(&said.datagrams, *now);
            is_connected |= said.events.contains(&Event::Connected { peer: self.id });
            if let Some(secrets) = self.secrets.get().filter(|_| is_connected) {
                self.protector = Protector::new(secrets).ok();
                return;
            }
        }
        panic!("the page was not connected");
    }

    /// Time has come: what the page sends of itself.
    pub(super) fn step(&mut self, forwarder: &mut Forwarder, now: Instant) {
        if self.deadline <= now {
            self.rtc.handle_input(Input::Timeout(now)).expect("time passes");
        }
        loop {
            match self.rtc.poll_output().expect("a healthy page") {
                Output::Timeout(at) => {
                    self.deadline = at;
                    return;
                }
                Output::Transmit(transmit) => {
                    forwarder.handle_datagram(self.id, way_from(self.address), &transmit.contents, now);
                }
                Output::Event(_) => {}
            }
        }
    }

    /// Takes checks and handshakes; media is not looked at.
    pub(super) fn hear(&mut self, datagrams: &[(PeerId, SocketAddr, Vec<u8>)], now: Instant) {
        for (_, _, contents) in datagrams.iter().filter(|(to, _, _)| *to == self.id) {
            if contents.first().is_none_or(|first| *first >= 64) {
                continue;
            }
            let receive = Receive::new(Protocol::Udp, SERVER, self.address, contents).expect("a datagram");
            self.rtc.handle_input(Input::Receive(now, receive)).expect("a datagram");
            self.deadline = now;
        }
    }

    /// Sends a datagram as it is.
    pub(super) fn send(&self, forwarder: &mut Forwarder, datagram: &[u8], now: Instant) {
        forwarder.handle_datagram(self.id, way_from(self.address), datagram, now);
    }

    /// Sends RTP, protected. Its sequence number counts from the highest of its SSRC; a small first byte of the SSRC
    /// stands for one of those that were spoken of.
    pub(super) fn send_rtp(&mut self, forwarder: &mut Forwarder, packet: &[u8], now: Instant) {
        let Some(protector) = self.protector.as_ref().filter(|_| packet.len() >= RTP_HEADER_BYTES) else {
            return;
        };
        let mut packet = packet.to_vec();
        spell_out(&mut packet, SSRC_AT, &self.ssrcs);
        let ssrc = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);
        let before = self.highest.get(&ssrc).copied();
        let number = u16::from_be_bytes([packet[2], packet[3]]).wrapping_add(before.unwrap_or(0) as u16);
        packet[2..4].copy_from_slice(&number.to_be_bytes());
        let extended = before.map_or_else(|| number.into(), |before| nearest(before, number));
        self.highest.insert(ssrc, extended.max(before.unwrap_or(0)));
        let header = header_bytes(&packet);
        if protector.protect_rtp(&mut packet, 0, header, ssrc, extended).is_ok() {
            self.send(forwarder, &packet, now);
        }
    }

    /// Sends RTCP, protected; SSRCs as with RTP.
    pub(super) fn send_rtcp(&mut self, forwarder: &mut Forwarder, compound: &[u8], now: Instant) {
        let mut compound = compound.to_vec();
        let mut at = 0;
        while let Some([_, kind, high, low]) = compound.get(at..at + 4) {
            let (length, is_sender) = (u16::from_be_bytes([*high, *low]), *kind == SENDER_REPORT);
            spell_out(&mut compound, at + if is_sender { BLOCK_SSRC_AT } else { SSRC_AT }, &self.ssrcs);
            at += 4 + 4 * usize::from(length);
        }
        let Some(protector) = self.protector.as_mut() else { return };
        if protector.protect_rtcp(&mut compound, 0).is_ok() {
            self.send(forwarder, &compound, now);
        }
    }
}

/// A line of an offer with numbers for the names of its m-lines, as browsers have them.
fn numbered(line: &str, mids: &[Mid]) -> String {
    renamed(line, |name| mids.iter().position(|mid| **mid == *name).map(|number| number.to_string()))
}

/// A line of an answer with the names again.
fn named(line: &str, mids: &[Mid]) -> String {
    renamed(line, |number| mids.get(number.parse::<usize>().ok()?).map(Mid::to_string))
}

/// A line with other names for m-lines.
fn renamed(line: &str, other: impl Fn(&str) -> Option<String>) -> String {
    if let Some(name) = line.strip_prefix("a=mid:").and_then(&other) {
        return format!("a=mid:{name}");
    }
    let Some(names) = line.strip_prefix("a=group:BUNDLE ") else { return line.to_owned() };
    let names: Vec<String> = names.split(' ').filter_map(other).collect();
    format!("a=group:BUNDLE {}", names.join(" "))
}

fn ssrcs(sdp: &str) -> Vec<u32> {
    let number = |line: &str| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok();
    let mut ssrcs: Vec<u32> = sdp.lines().filter_map(number).collect();
    ssrcs.dedup();
    ssrcs
}

/// Puts an SSRC that was spoken of where a small number stands for it.
fn spell_out(packet: &mut [u8], at: usize, ssrcs: &[u32]) {
    let Some(place) = packet.get_mut(at..at + 4) else { return };
    if let Some(ssrc) = ssrcs.get(usize::from(place[0])) {
        place.copy_from_slice(&ssrc.to_be_bytes());
    }
}

/// The number nearest to another one that ends with these 16 bits (RFC 3711, appendix A); before zero it runs down from
/// the top.
fn nearest(before: u64, number: u16) -> u64 {
    let ahead = i64::from(number.wrapping_sub(before as u16) as i16);
    before.wrapping_add_signed(ahead)
}

/// What of an RTP packet is not encrypted (RFC 3550, 5.1).
fn header_bytes(packet: &[u8]) -> usize {
    let sources = RTP_HEADER_BYTES + 4 * usize::from(packet[0] & 0x0f);
    let extension = match packet.get(sources..sources + 4) {
        Some([_, _, high, low]) if packet[0] & 0x10 != 0 => {
            4 + 4 * usize::from(u16::from_be_bytes([*high, *low]))
        }
        _ => 0,
    };
    (sources + extension).min(packet.len())
}
