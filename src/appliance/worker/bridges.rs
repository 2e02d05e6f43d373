//! Bridges on a worker: offered, answered, and told whose lines theirs are.

use std::net::SocketAddr;
use std::time::Instant;

use super::{MeetingId, WorkerThread};
use crate::sfu::{BridgeLines, Inward, OfferRefused, Outward, PeerId};
use crate::track::VideoCodec;

/// What the loop orders of bridges.
pub(in crate::appliance) enum BridgeOrder {
    /// What they send from now on.
    CarryOut(Vec<Outward>),
    /// Whose the lines are on which they receive.
    CarryIn(Vec<Inward>),
    /// What everybody at the other end decodes.
    FarDecodes(Vec<VideoCodec>),
}

impl WorkerThread {
    pub(super) fn order_bridge(&mut self, peer: PeerId, order: BridgeOrder, now: Instant) {
        let Some(meeting) = self.homes.get(&peer).copied() else { return };
        let Some(hosted) = self.meetings.get_mut(&meeting) else { return };
        hosted.dirty = true;
        match order {
            BridgeOrder::CarryOut(outward) => hosted.forwarder.carry_out(peer, outward, now),
            BridgeOrder::FarDecodes(codecs) => hosted.forwarder.set_far_decodes(peer, codecs),
            BridgeOrder::CarryIn(inward) => {
                hosted.forwarder.carry_in(peer, &inward, now);
                self.homes.extend(inward.into_iter().map(|one| (one.guest, meeting)));
            }
        }
    }

    pub(super) fn propose(
        &mut self,
        meeting: MeetingId,
        peer: PeerId,
        lines: BridgeLines,
        now: Instant,
    ) -> Result<String, OfferRefused> {
        let hosted = self.meetings.get_mut(&meeting).ok_or(OfferRefused::UnknownPeer)?;
        hosted.dirty = true;
        let offer = hosted.forwarder.propose(peer, lines, now)?;
        if let Some(ufrag) = hosted.forwarder.ufrag(peer) {
            self.demux.insert_ufrag(peer, ufrag);
        }
        self.homes.insert(peer, meeting);
        Ok(offer)
    }

    /// The other end is lite: it answers checks without saying whose they are, so that its addresses tell.
    pub(super) fn accept(&mut self, peer: PeerId, answer: &str, now: Instant) -> Result<(), OfferRefused> {
        let hosted = self.home_of(peer).ok_or(OfferRefused::UnknownPeer)?;
        hosted.forwarder.accept(peer, answer, now)?;
        for address in answer.lines().filter_map(udp_address) {
            self.demux.confirm(peer, address);
        }
        Ok(())
    }
}

/// RFC 8839, 5.1.
fn udp_address(line: &str) -> Option<SocketAddr> {
    let mut words = line.strip_prefix("a=candidate:")?.split(' ').skip(2);
    let (transport, _, ip, port) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let address = SocketAddr::new(ip.parse().ok()?, port.parse().ok()?);
    transport.eq_ignore_ascii_case("udp").then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_an_answer_are_those_of_udp() {
        let udp = "a=candidate:1 1 udp 2130706175 198.51.100.1 7800 typ host ufrag x";
        assert_eq!(udp_address(udp), Some(SocketAddr::from(([198, 51, 100, 1], 7800))));
        assert_eq!(udp_address("a=candidate:1 1 tcp 1 198.51.100.1 7800 typ host tcptype passive"), None);
        assert_eq!(udp_address("a=mid:1"), None);
    }
}
