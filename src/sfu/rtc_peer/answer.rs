//! How a peer comes to be: its offer, the lines that were negotiated, ICE restarts and candidates.

use std::time::Instant;

use str0m::Candidate;
use str0m::change::SdpOffer;
use str0m::media::{Mid, Rid};

use super::{Inlet, Outlet, RtcPeer};
use crate::sfu::guard::guarded;
use crate::sfu::inbound::FromPeer;
use crate::sfu::offer::{Plan, with_start_bitrate};
use crate::sfu::outbox::Outbox;
use crate::sfu::transport::{RtcSetup, configure, video_codec};
use crate::sfu::{OfferRefused, PeerId};
use crate::track::Kind;

impl RtcPeer {
    /// Answers a first offer.
    pub(in crate::sfu) fn answer(
        id: PeerId,
        setup: RtcSetup<'_>,
        plan: Plan,
        sdp: &str,
        now: Instant,
    ) -> Result<(Self, String), OfferRefused> {
        let begin = || Self::begin(id, setup, plan, sdp, now);
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
        now: Instant,
    ) -> Result<(Self, String), OfferRefused> {
        let offer =
            SdpOffer::from_sdp_string(sdp).map_err(|error| OfferRefused::Malformed(error.to_string()))?;
        let receives = plan.receiving().iter().any(|line| line.kind == Kind::Video);
        let mut rtc = configure(setup, receives).build(now);
        for address in setup.ice_addresses {
            if let Ok(candidate) = Candidate::host(*address, "udp") {
                rtc.add_local_candidate(candidate);
            }
        }
        let answer =
            rtc.sdp_api().accept_offer(offer).map_err(|error| OfferRefused::Malformed(error.to_string()))?;
        let mut peer = Self {
            id,
            ufrag: rtc.direct_api().local_ice_credentials().ufrag,
            rtc,
            plan,
            deadline: now,
            latest: now,
            destination: None,
            inlets: Vec::new(),
            outlets: Vec::new(),
            ssrcs: Vec::new(),
            payload_types: Vec::new(),
            connected: false,
            lost_since: Some(now),
            heard_at: now,
            media_heard_at: None,
            media_sent_at: None,
            told_silent: true,
            dirty: true,
            over: false,
        };
        peer.map_lines()?;
        peer.want_bandwidth(0, 0);
        Ok((peer, with_start_bitrate(&answer.to_sdp_string())))
    }

    /// Finds payload types, inlets and outlets in what was negotiated.
    fn map_lines(&mut self) -> Result<(), OfferRefused> {
        let params = self.rtc.codec_config().params();
        self.payload_types = params.iter().map(|one| (one.pt(), video_codec(one.spec().codec))).collect();
        for line in self.plan.lines.iter().filter(|line| line.kind.is_some()) {
            let negotiated =
                self.rtc.media(Mid::from(line.mid.as_str())).map_or(&[][..], |media| media.remote_pts());
            if negotiated.is_empty() && !line.is_rejected() {
                return Err(OfferRefused::NothingUsable(
                    "a media line offers neither Opus nor H.264 nor VP8",
                ));
            }
        }
        for line in self.plan.sending() {
            let rids = line.rids.iter().map(|rid| Rid::from(rid.as_str())).collect();
            self.inlets.push(Inlet { mid: Mid::from(line.mid.as_str()), source: line.source, rids });
        }
        for line in self.plan.receiving() {
            let mid = Mid::from(line.mid.as_str());
            let negotiated = self.rtc.media(mid).map_or(&[][..], |media| media.remote_pts());
            let payload_types = self.payload_types.iter().filter(|(pt, _)| negotiated.contains(pt));
            let payload_types = payload_types.map(|(pt, codec)| (*codec, *pt)).collect();
            let ssrc = self.rtc.direct_api().stream_tx_by_mid(mid, None).map(|stream| stream.ssrc());
            let Some(ssrc) = ssrc else {
                return Err(OfferRefused::NothingUsable("a media line asks for simulcast to be sent to it"));
            };
            self.outlets.push(Outlet { mid, ssrc, kind: line.kind, payload_types });
        }
        if self.inlets.is_empty() && self.outlets.is_empty() {
            return Err(OfferRefused::NothingUsable("every media line is rejected or inactive"));
        }
        Ok(())
    }

    /// Answers an ICE restart. The media lines must be those of the first offer.
    pub(in crate::sfu) fn restart(
        &mut self,
        sdp: &str,
        plan: &Plan,
        now: Instant,
        out: &mut Outbox,
        up: &mut Vec<FromPeer>,
    ) -> Result<String, OfferRefused> {
        if !plan.has_lines_of(&self.plan) {
            return Err(OfferRefused::LinesChanged);
        }
        let offer =
            SdpOffer::from_sdp_string(sdp).map_err(|error| OfferRefused::Malformed(error.to_string()))?;
        let mut answer = Err(OfferRefused::Internal);
        self.step(out, up, |peer, out, up| {
            answer =
                peer.rtc.sdp_api().accept_offer(offer).map_err(|e| OfferRefused::Malformed(e.to_string()));
            peer.ufrag = peer.rtc.direct_api().local_ice_credentials().ufrag;
            peer.advance(now, out, up)
        });
        let answer = answer?;
        self.heard_at = now;
        self.told_silent = false;
        Ok(with_start_bitrate(&answer.to_sdp_string()))
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
            .map_err(|error| OfferRefused::BadCandidate(error.to_string()))?;
        self.step(out, up, |peer, out, up| {
            peer.rtc.add_remote_candidate(candidate);
            peer.advance(now, out, up)
        });
        Ok(())
    }
}
