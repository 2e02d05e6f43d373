//! A peer to which we offer, as a page does to us: another appliance, which answers.
//!
//! ```text
//!   propose ─▶ proposed ── accept ──▶ as any peer: it checks, connects, sends and receives
//! ```
//!
//! The answer tells of the other end what an offer would: where it sends and what it takes.

use std::time::Instant;

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Simulcast, SimulcastLayer};
use str0m::rtp::Ssrc;

use super::RtcPeer;
use super::answer::{add_own, detach, outlets, shortened};
use super::arrival_numbers::ArrivalNumbers;
use crate::sfu::bridge::BridgeLines;
use crate::sfu::dtls::{self, SecretsCell};
use crate::sfu::egress::Egress;
use crate::sfu::guard::guarded;
use crate::sfu::offer::Plan;
use crate::sfu::outbox::Outbox;
use crate::sfu::transport::{RtcSetup, configure};
use crate::sfu::{OfferRefused, PeerId};
use crate::track::Kind;

/// The names of layers, smallest first.
const RIDS: [&str; 3] = ["q", "h", "f"];

/// An offer of ours that was not answered yet.
pub(super) struct Proposed {
    pending: SdpPendingOffer,
    /// The SSRCs that the offer tells, by the `a=mid` of their line.
    told: Vec<(String, u32)>,
    secrets: SecretsCell,
}

impl RtcPeer {
    /// Offers lines of a bridge both ways.
    pub(in crate::sfu) fn propose(
        id: PeerId,
        setup: RtcSetup<'_>,
        lines: BridgeLines,
        now: Instant,
    ) -> Result<(Self, String), OfferRefused> {
        let begin = || Ok::<_, String>(Self::begin_proposal(id, setup, lines, now));
        guarded(begin).unwrap_or(Err(OfferRefused::Internal))
    }

    fn begin_proposal(
        id: PeerId,
        setup: RtcSetup<'_>,
        lines: BridgeLines,
        now: Instant,
    ) -> Result<(Self, String), OfferRefused> {
        let config = configure(setup, true).set_ice_lite(false);
        let (mut rtc, secrets) = dtls::watched(|| config.build(now));
        add_own(&mut rtc, setup);
        let mut changes = rtc.sdp_api();
        for way in [Direction::SendOnly, Direction::RecvOnly] {
            for (kind, count) in [(Kind::Audio, lines.audio), (Kind::Video, lines.video)] {
                for _ in 0..count {
                    match kind {
                        Kind::Audio => changes.add_media(MediaKind::Audio, way, None, None, None),
                        Kind::Video => {
                            changes.add_media(MediaKind::Video, way, None, None, Some(layers(way)))
                        }
                    };
                }
            }
        }
        let (offer, pending) = changes.apply().ok_or(OfferRefused::Internal)?;
        let offer = offer.to_sdp_string();
        let told = SecretsCell::clone(&secrets);
        let egress = Egress::new(id, told, Vec::new(), setup.start_bitrate_bps, setup.wall, now);
        let plan = Plan { is_of_bridge: true, ..Plan::default() };
        let mut peer = Self::new(id, rtc, plan, egress, ArrivalNumbers::of_answer(&offer), now);
        peer.proposed = Some(Proposed { pending, told: told_ssrcs(&offer), secrets });
        Ok((peer, offer))
    }

    /// The other end has answered: what it sends and takes is known from now on.
    pub(in crate::sfu) fn accept(
        &mut self,
        answer: &str,
        setup: RtcSetup<'_>,
        now: Instant,
        out: &mut Outbox,
    ) -> Result<(), OfferRefused> {
        let plan = Plan::read_of_bridge(answer)?;
        let proposed = self.proposed.take().ok_or(OfferRefused::LinesChanged)?;
        let parsed =
            SdpAnswer::from_sdp_string(answer).map_err(|error| OfferRefused::Malformed(shortened(&error)))?;
        let mut outcome = Err(OfferRefused::Internal);
        let mut nobody = Vec::new();
        self.step(out, &mut nobody, |peer, out, up| {
            outcome = peer.take_answer(proposed, plan, answer, parsed, setup, now);
            peer.advance(now, out, up)
        });
        outcome
    }

    fn take_answer(
        &mut self,
        proposed: Proposed,
        plan: Plan,
        text: &str,
        answer: SdpAnswer,
        setup: RtcSetup<'_>,
        now: Instant,
    ) -> Result<(), OfferRefused> {
        let Proposed { pending, told, secrets } = proposed;
        self.rtc
            .sdp_api()
            .accept_answer(pending, answer)
            .map_err(|error| OfferRefused::Malformed(shortened(&error)))?;
        let mut outlets = outlets(&mut self.rtc, &plan)?;
        detach(&mut self.rtc, &outlets);
        for outlet in &mut outlets {
            // What was told of a line without layers is what the other end expects.
            let known = told.iter().find(|(mid, _)| *mid == outlet.mid).map(|(_, ssrc)| *ssrc);
            outlet.ssrc = known.filter(|_| outlet.rid.is_none()).unwrap_or(outlet.ssrc);
        }
        for (_, ssrc) in &told {
            self.rtc.direct_api().remove_stream_tx(Ssrc::from(*ssrc));
        }
        self.egress = Egress::new(self.id, secrets, outlets, setup.start_bitrate_bps, setup.wall, now);
        self.arrival_numbers = ArrivalNumbers::of_answer(text);
        self.plan = plan;
        self.map_lines()?;
        self.want_bandwidth(0);
        Ok(())
    }
}

/// Three layers of a picture that are sent, or taken.
fn layers(way: Direction) -> Simulcast {
    let mut simulcast = Simulcast::new();
    for rid in RIDS {
        match way {
            Direction::SendOnly => simulcast.add_send_layer(SimulcastLayer::new(rid)),
            _ => simulcast.add_recv_layer(SimulcastLayer::new(rid)),
        }
    }
    simulcast
}

/// Every SSRC of the offer with the `a=mid` of its line, each once, in their order.
fn told_ssrcs(offer: &str) -> Vec<(String, u32)> {
    let mut told: Vec<(String, u32)> = Vec::new();
    for section in offer.split("\r\nm=").skip(1) {
        let Some(mid) = section.lines().find_map(|line| line.strip_prefix("a=mid:")) else { continue };
        let ssrcs =
            section.lines().filter_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok());
        for ssrc in ssrcs {
            if told.iter().all(|(_, known)| *known != ssrc) {
                told.push((mid.to_owned(), ssrc));
            }
        }
    }
    told
}
