//! What a peer's transport has to say: datagrams to be sent, and what they brought.

use str0m::rtp::{RtpPacket, Ssrc};
use str0m::{Event as RtcEvent, IceConnectionState};

use super::{RtcPeer, SSRCS_MAX};
use crate::sfu::GoneWhy;
use crate::sfu::inbound::{FromPeer, Packet};
use crate::sfu::outbox::{Outbox, Route};
use crate::track::{Kind, Layer, Source};

/// Extended sequence numbers have 48 bits (RFC 3711, 3.3.1).
const NUMBERS: u64 = 1 << 48;

impl RtcPeer {
    pub(super) fn transmit(
        &mut self,
        transmit: str0m::net::Transmit,
        out: &mut Outbox,
        up: &mut Vec<FromPeer>,
    ) {
        // STUN goes to every address that checks; media (RFC 7983: from 20 on) to the one that is in use.
        let is_media = transmit.contents.first().is_some_and(|first| *first >= 20);
        if is_media {
            self.egress.set_route(transmit.source, transmit.destination);
        }
        let moved = is_media && self.destination != Some(transmit.destination);
        if moved && self.destination.replace(transmit.destination).is_some() && self.connected {
            up.push(FromPeer::Moved);
        }
        let route = Route { source: transmit.source, destination: transmit.destination };
        out.send(self.id, route, &transmit.contents);
    }

    pub(super) fn on_event(&mut self, event: RtcEvent, up: &mut Vec<FromPeer>) {
        match event {
            RtcEvent::Connected => self.on_connected(up),
            RtcEvent::IceConnectionStateChange(state) => self.on_ice(state),
            RtcEvent::RtpPacket(packet) => self.on_rtp(packet, up),
            RtcEvent::Closed => {
                self.over = true;
                up.push(FromPeer::Gone(GoneWhy::ClosedByPeer));
            }
            // Data channels and pauses mean nothing here; words travel over the WebSocket.
            _ => {}
        }
    }

    fn on_connected(&mut self, up: &mut Vec<FromPeer>) {
        self.connected = true;
        self.lost_since = None;
        self.told_silent = false;
        up.push(FromPeer::Connected);
    }

    fn on_ice(&mut self, state: IceConnectionState) {
        match state {
            IceConnectionState::Disconnected => {
                self.lost_since.get_or_insert(self.latest);
            }
            IceConnectionState::Connected | IceConnectionState::Completed if self.connected => {
                self.lost_since = None;
            }
            _ => {}
        }
    }

    fn on_rtp(&mut self, rtp: RtpPacket, up: &mut Vec<FromPeer>) {
        self.media_heard_at = Some(self.latest);
        if let Some(number) = rtp.header.ext_vals.transport_cc {
            self.arrival_numbers.heard(number);
        }
        if *rtp.seq_no >= NUMBERS {
            // From before the first packet: counted down past zero.
            return;
        }
        let known = self.ssrcs.iter().find(|(ssrc, _, _)| *ssrc == rtp.header.ssrc);
        let (source, layer, fresh) = match known {
            Some((_, source, layer)) => (*source, *layer, false),
            None => match self.learn(rtp.header.ssrc) {
                Some((source, layer)) => (source, layer, true),
                None => return,
            },
        };
        let codec = self.payload_types.iter().find(|(pt, _)| *pt == rtp.header.payload_type);
        let Some((_, codec)) = codec else { return };
        if codec.is_some() != (source.kind() == Kind::Video) || rtp.payload.is_empty() {
            return;
        }
        let packet = Packet {
            sequence: *rtp.seq_no,
            timestamp: rtp.header.timestamp,
            marker: rtp.header.marker,
            codec: *codec,
            audio_level: rtp.header.ext_vals.audio_level,
            voice: rtp.header.ext_vals.voice_activity,
            captured: rtp.header.ext_vals.abs_capture_time,
            payload: rtp.payload,
        };
        up.push(FromPeer::Media { source, layer, fresh, packet });
    }

    /// The track and layer of an SSRC that is seen for the first time.
    fn learn(&mut self, ssrc: Ssrc) -> Option<(Source, Layer)> {
        let mut direct = self.rtc.direct_api();
        let stream = direct.stream_rx(&ssrc)?;
        let inlet = self.inlets.iter().find(|inlet| inlet.mid == stream.mid())?;
        let at = match stream.rid() {
            Some(rid) => inlet.rids.iter().position(|one| *one == rid)?,
            None => 0,
        };
        let layer = Layer(u8::try_from(at).ok()?);
        if self.ssrcs.len() >= SSRCS_MAX {
            self.ssrcs.remove(0);
        }
        self.ssrcs.push((ssrc, inlet.source, layer));
        Some((inlet.source, layer))
    }
}
