//! How a peer comes to be: its offer, the lines that were negotiated, ICE restarts and candidates.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Instant;

use str0m::Candidate;
use str0m::Rtc;
use str0m::change::SdpOffer;
use str0m::media::{Mid, Pt, Rid};
use str0m::net::TcpType;
use str0m::rtp::Ssrc;

use super::arrival_numbers::{self, ArrivalNumbers};
use super::{CANDIDATES_MAX, Coding, Inlet, RtcPeer};
use crate::sfu::advice::with_advice;
use crate::sfu::dtls;
use crate::sfu::egress::{Egress, ExtensionIds, Outlet, PayloadType};
use crate::sfu::guard::guarded;
use crate::sfu::inbound::FromPeer;
use crate::sfu::offer::Plan;
use crate::sfu::outbox::Outbox;
use crate::sfu::transport::{RtcSetup, configure, video_codec};
use crate::sfu::{OfferRefused, PeerId};

/// The most characters of what str0m says of an offer or a candidate.
const CAUSE_CHARS_MAX: usize = 200;

impl RtcPeer {
    /// Answers a first offer.
    pub(in crate::sfu) fn answer(
        id: PeerId,
        setup: RtcSetup<'_>,
        plan: Plan,
        sdp: &str,
        now: Instant,
    ) -> Result<(Self, String), OfferRefused> {
        // Where the numbers are not offered str0m would read them all the same, from an extension that only it knows.
        let begin = || Self::begin(id, setup, plan, sdp, arrival_numbers::are_told(sdp), now);
        match guarded(|| Ok::<_, String>(begin())) {
            Ok(outcome) => outcome,
            Err(_) => Err(OfferRefused::Internal),
        }
    }

    fn begin(
        id: PeerId,
        setup: RtcSetup<'_>,
        plan: Plan,
        sdp: &str,
        has_numbers: bool,
        now: Instant,
    ) -> Result<(Self, String), OfferRefused> {
        let offer =
            SdpOffer::from_sdp_string(sdp).map_err(|error| OfferRefused::Malformed(shortened(&error)))?;
        let (mut rtc, secrets) = dtls::watched(|| configure(setup, has_numbers).build(now));
        add_own(&mut rtc, setup);
        add_own_tcp(&mut rtc, setup);
        add_relayed(&mut rtc, setup);
        let answer =
            rtc.sdp_api().accept_offer(offer).map_err(|error| OfferRefused::Malformed(shortened(&error)))?;
        let outlets = outlets(&mut rtc, &plan)?;
        detach(&mut rtc, &outlets);
        let answer = answer.to_sdp_string();
        // It passes over lines of another kind, and over what follows the first that it cannot read.
        if answer.lines().filter(|line| line.starts_with("m=")).count() != plan.lines.len() {
            return Err(OfferRefused::Malformed(
                "a line of it, or a media line that is neither audio nor video nor application".into(),
            ));
        }
        let arrival_numbers = ArrivalNumbers::of_answer(&answer);
        if has_numbers && !arrival_numbers::are_told(&answer) {
            // Offered for lines alone that are rejected, or by an id that cannot be had.
            return Self::begin(id, setup, plan, sdp, false, now);
        }
        let egress = Egress::new(id, secrets, outlets, setup.start_bitrate_bps, setup.wall, now);
        let mut peer = Self::new(id, rtc, plan, egress, arrival_numbers, now);
        peer.map_lines()?;
        peer.want_bandwidth(0);
        let answer = told(&answer, setup, &peer.plan);
        Ok((peer, answer))
    }

    /// Finds payload types, inlets and outlets in what was negotiated.
    pub(super) fn map_lines(&mut self) -> Result<(), OfferRefused> {
        for one in self.rtc.codec_config().params() {
            let coding = video_codec(one.spec().codec).map_or(Coding::Opus, Coding::Video);
            self.payload_types.push((one.pt(), coding));
            self.payload_types.extend(one.red().map(|red| (red, Coding::Red { opus: *one.pt() })));
        }
        for line in self.plan.lines.iter().filter(|line| line.kind.is_some()) {
            let negotiated =
                self.rtc.media(Mid::from(line.mid.as_str())).map_or(&[][..], |media| media.remote_pts());
            if negotiated.is_empty() && !line.is_rejected() {
                return Err(OfferRefused::NothingUsable(
                    "a media line offers neither Opus nor H.264, VP8, VP9 or AV1",
                ));
            }
        }
        for line in self.plan.sending() {
            let rids = line.rids.iter().map(|rid| Rid::from(rid.as_str())).collect();
            self.inlets.push(Inlet { mid: Mid::from(line.mid.as_str()), source: line.source, rids });
        }
        if self.inlets.is_empty() && self.egress.outlets().is_empty() {
            return Err(OfferRefused::NothingUsable("every media line is rejected or inactive"));
        }
        Ok(())
    }

    /// Answers an ICE restart. The media lines must be those of the first offer.
    pub(in crate::sfu) fn restart(
        &mut self,
        sdp: &str,
        plan: &Plan,
        setup: RtcSetup<'_>,
        now: Instant,
        out: &mut Outbox,
        up: &mut Vec<FromPeer>,
    ) -> Result<String, OfferRefused> {
        if !plan.has_lines_of(&self.plan) {
            return Err(OfferRefused::LinesChanged);
        }
        let offer =
            SdpOffer::from_sdp_string(sdp).map_err(|error| OfferRefused::Malformed(shortened(&error)))?;
        let mut answer = Err(OfferRefused::Internal);
        self.step(out, up, |peer, out, up| {
            attach(&mut peer.rtc, peer.egress.outlets());
            // The machine may have other addresses by now.
            add_own(&mut peer.rtc, setup);
            add_own_tcp(&mut peer.rtc, setup);
            add_relayed(&mut peer.rtc, setup);
            answer = peer
                .rtc
                .sdp_api()
                .accept_offer(offer)
                .map_err(|error| OfferRefused::Malformed(shortened(&error)));
            detach(&mut peer.rtc, peer.egress.outlets());
            peer.ufrag = peer.rtc.direct_api().local_ice_credentials().ufrag;
            peer.advance(now, out, up)
        });
        let answer = answer?;
        self.checkers.clear();
        self.candidates = 0;
        self.heard_at = now;
        self.told_silent = false;
        Ok(told(&answer.to_sdp_string(), setup, &self.plan))
    }

    pub(in crate::sfu) fn add_candidate(
        &mut self,
        text: &str,
        now: Instant,
        out: &mut Outbox,
        up: &mut Vec<FromPeer>,
    ) -> Result<(), OfferRefused> {
        let text = text.trim().trim_start_matches("a=");
        if text.is_empty() || text.starts_with("end-of-candidates") || text.contains(".local ") {
            // Names that only the browser's own network knows are found by its checks instead.
            return Ok(());
        }
        let candidate = Candidate::from_sdp_string(text)
            .map_err(|error| OfferRefused::BadCandidate(shortened(&error)))?;
        if self.candidates >= CANDIDATES_MAX {
            return Err(OfferRefused::TooManyCandidates(CANDIDATES_MAX));
        }
        self.candidates += 1;
        self.step(out, up, |peer, out, up| {
            peer.rtc.add_remote_candidate(candidate);
            peer.advance(now, out, up)
        });
        Ok(())
    }
}

/// Where media arrives over UDP.
pub(super) fn add_own(rtc: &mut Rtc, setup: RtcSetup<'_>) {
    for address in setup.ice_addresses {
        if let Ok(candidate) = Candidate::host(*address, "udp") {
            rtc.add_local_candidate(candidate);
        }
    }
}

/// Where it arrives over TCP.
fn add_own_tcp(rtc: &mut Rtc, setup: RtcSetup<'_>) {
    for address in setup.ice_tcp_addresses {
        // RFC 6544, 4.1: the other end opens the socket.
        let candidate = Candidate::builder().tcp().host(*address).tcptype(TcpType::Passive);
        if let Ok(candidate) = candidate.build() {
            rtc.add_local_candidate(candidate);
        }
    }
}

/// To str0m, which is lite here and makes no checks, the relayed address is one of our own.
fn add_relayed(rtc: &mut Rtc, setup: RtcSetup<'_>) {
    if let Some(candidate) =
        setup.ice_relayed_address.and_then(|address| Candidate::host(address, "udp").ok())
    {
        rtc.add_local_candidate(candidate);
    }
}

/// The answer as the peer is told: the relayed candidate comes last, and those of addresses that the machine has no more
/// are left out.
fn told(answer: &str, setup: RtcSetup<'_>, plan: &Plan) -> String {
    // An appliance needs no advice.
    let answer = if plan.is_of_bridge { answer.to_owned() } else { with_advice(answer, plan) };
    let told = |line: &str| {
        let Some(candidate) = line.strip_prefix("a=candidate:") else { return line.to_owned() };
        match place(candidate) {
            Some(("udp", address)) if Some(address) == setup.ice_relayed_address => {
                relayed(candidate).unwrap_or_default()
            }
            Some(("udp", address)) if !setup.ice_addresses.contains(&address) => String::new(),
            Some(("tcp", address)) if !setup.ice_tcp_addresses.contains(&address) => String::new(),
            _ => line.to_owned(),
        }
    };
    answer.split_inclusive("\r\n").map(told).collect()
}

/// The transport and the address of a candidate (RFC 8839, 5.1).
fn place(candidate: &str) -> Option<(&str, SocketAddr)> {
    let mut words = candidate.split(' ').skip(2);
    let (transport, _, ip, port) = (words.next()?, words.next()?, words.next()?, words.next()?);
    Some((transport, SocketAddr::new(ip.parse().ok()?, port.parse().ok()?)))
}

/// RFC 8445, 5.1.2: the type's preference is the highest byte of the priority, and 0 for relayed ones.
fn relayed(candidate: &str) -> Option<String> {
    let mut words = candidate.split(' ');
    let (foundation, component, transport) = (words.next()?, words.next()?, words.next()?);
    let priority: u32 = words.next()?.parse().ok()?;
    let (ip, port) = (words.next()?, words.next()?);
    let priority = (priority & 0x00ff_ffff).max(1);
    let any = if ip.contains(':') { "::" } else { "0.0.0.0" };
    Some(format!(
        "a=candidate:r{foundation} {component} {transport} {priority} {ip} {port} typ relay raddr {any} rport 0\r\n"
    ))
}

/// What is wrong, in a sentence: str0m repeats what it could not read, all of it.
pub(super) fn shortened(error: &impl Display) -> String {
    error.to_string().chars().filter(|c| !c.is_control()).take(CAUSE_CHARS_MAX).collect()
}

/// The lines that we send on, as they were negotiated.
pub(super) fn outlets(rtc: &mut Rtc, plan: &Plan) -> Result<Vec<Outlet>, OfferRefused> {
    let params = rtc.codec_config().params().to_vec();
    let mut outlets = Vec::new();
    for line in plan.receiving() {
        let mid = Mid::from(line.mid.as_str());
        let Some(media) = rtc.media(mid) else { continue };
        let negotiated: Vec<Pt> = media.remote_pts().to_vec();
        let extensions = ExtensionIds::new(|extension| media.remote_extmap().id_of(extension));
        let payload_types = params.iter().filter(|one| negotiated.contains(&one.pt()));
        let payload_types = payload_types.map(|one| PayloadType {
            codec: video_codec(one.spec().codec),
            number: *one.pt(),
            resend: one.resend().map(|pt| *pt),
            red: one.red().map(|pt| *pt),
        });
        let payload_types = payload_types.collect();
        let mut direct = rtc.direct_api();
        let rid = line.rid.as_ref().map(|(_, rid)| Rid::from(rid.as_str()));
        let Some(line_of_str0m) = direct.stream_tx_by_mid(mid, rid) else {
            return Err(OfferRefused::NothingUsable("a media line asks for simulcast to be sent to it"));
        };
        let (ssrc, resend) = (*line_of_str0m.ssrc(), line_of_str0m.rtx().map(|ssrc| *ssrc));
        let outlet = Outlet::new(&line.mid, line.kind, ssrc, resend, payload_types, extensions);
        outlets.push(outlet.of_layer(line.rid.map(|(_, rid)| rid)));
    }
    Ok(outlets)
}

/// str0m shall not report on lines that it does not send on.
pub(super) fn detach(rtc: &mut Rtc, outlets: &[Outlet]) {
    for outlet in outlets {
        rtc.direct_api().remove_stream_tx(Ssrc::from(outlet.ssrc));
    }
}

/// While it answers again it shall know the SSRCs of the first answer, or it would make up others.
fn attach(rtc: &mut Rtc, outlets: &[Outlet]) {
    for outlet in outlets {
        let resend = outlet.resend_ssrc.map(Ssrc::from);
        rtc.direct_api().declare_stream_tx(
            Ssrc::from(outlet.ssrc),
            resend,
            Mid::from(outlet.mid.as_str()),
            outlet.rid.as_deref().map(Rid::from),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relayed_address_is_told_as_such_and_comes_last() {
        let host = "abc 1 udp 2130706175 198.51.100.1 50000 typ host ufrag x\r\n";
        let told = relayed(host).expect("a candidate");
        assert_eq!(
            told,
            "a=candidate:rabc 1 udp 16776959 198.51.100.1 50000 typ relay raddr 0.0.0.0 rport 0\r\n"
        );
        let six = relayed("abc 1 udp 2130706431 2001:db8::1 50000 typ host").expect("a candidate");
        assert!(six.ends_with(" typ relay raddr :: rport 0\r\n"), "{six}");
        assert_eq!(relayed("abc 1 udp"), None);
    }
}
