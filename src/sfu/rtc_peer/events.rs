//! What a peer's transport has to say: datagrams to be sent, and what they brought.

use str0m::net::Protocol as Transport;
use str0m::rtp::{RtpPacket, Ssrc};
use str0m::{Event as RtcEvent, IceConnectionState};

use super::{Coding, Flow, RtcPeer};
use crate::sfu::capture::Making;
use crate::sfu::descriptor::Descriptor;
use crate::sfu::inbound::{FromPeer, Packet};
use crate::sfu::outbox::Outbox;
use crate::sfu::red::Red;
use crate::sfu::{GoneWhy, Protocol, Route, descriptor, vp9};
use crate::track::{Kind, Layer, VideoCodec};

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
        let protocol = if transmit.proto == Transport::Udp { Protocol::Udp } else { Protocol::Tcp };
        let route = Route { protocol, source: transmit.source, destination: transmit.destination };
        if is_media {
            self.egress.set_route(route);
        }
        let end = (protocol, route.destination);
        let moved = is_media && self.destination != Some(end);
        if moved && self.destination.replace(end).is_some() && self.connected {
            up.push(FromPeer::Moved);
        }
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
            self.arrival_numbers.heard(number, self.latest);
        }
        if *rtp.seq_no >= NUMBERS {
            // From before the first packet: counted down past zero.
            return;
        }
        let known = self.flows.iter().position(|flow| flow.ssrc == rtp.header.ssrc);
        let Some(at) = known.or_else(|| self.learn(rtp.header.ssrc)) else { return };
        let flow = &mut self.flows[at];
        let (line, source, layer, fresh) = (flow.line, flow.source, flow.layer, known.is_none());
        let described = Descriptor::of(&rtp.header.ext_vals);
        let mut layers = described.and_then(|bytes| descriptor::read(bytes, &mut flow.structure));
        let coding = self.payload_types.iter().find(|(pt, _)| *pt == rtp.header.payload_type);
        let (codec, red) = match coding {
            Some((_, Coding::Opus)) => (None, None),
            // What cannot be read is not passed on either.
            Some((_, Coding::Red { opus })) => match Red::read(&rtp.payload, *opus) {
                Some(red) => (None, Some(red)),
                None => return,
            },
            Some((_, Coding::Video(codec))) => (Some(*codec), None),
            None => return,
        };
        if codec.is_some() != (source.kind() == Kind::Video) || rtp.payload.is_empty() {
            return;
        }
        if codec == Some(VideoCodec::Vp9) && layers.is_none() {
            layers = vp9::layers(&rtp.payload, &mut self.flows[at].vp9_layers);
        }
        let packet = Packet {
            sequence: *rtp.seq_no,
            timestamp: rtp.header.timestamp,
            marker: rtp.header.marker,
            codec,
            audio_level: rtp.header.ext_vals.audio_level,
            voice: rtp.header.ext_vals.voice_activity,
            captured: rtp
                .header
                .ext_vals
                .abs_capture_time
                .and_then(|told| self.egress.captured(told, self.latest)),
            making: rtp
                .header
                .ext_vals
                .video_timing
                .map(|told| Making::new(told.encode_start, told.encode_finish)),
            temporal: layers.map(|(temporal, _)| temporal),
            spatial: layers.map(|(_, spatial)| spatial),
            descriptor: described.filter(|_| codec == Some(VideoCodec::Av1)).map(Into::into),
            red,
            payload: rtp.payload,
        };
        up.push(FromPeer::Media { line, source, layer, fresh, packet });
    }

    /// Finds the track and layer of an SSRC that is seen for the first time.
    fn learn(&mut self, ssrc: Ssrc) -> Option<usize> {
        let mut direct = self.rtc.direct_api();
        let stream = direct.stream_rx(&ssrc)?;
        let line = self.inlets.iter().position(|inlet| inlet.mid == stream.mid())?;
        let inlet = &self.inlets[line];
        let at = match stream.rid() {
            Some(rid) => inlet.rids.iter().position(|one| *one == rid)?,
            None => 0,
        };
        let layer = Layer(u8::try_from(at).ok()?);
        let source = inlet.source;
        if self.flows.len() >= self.ssrcs_max() {
            self.flows.remove(0);
        }
        self.flows.push(Flow { ssrc, line, source, layer, structure: None, vp9_layers: 1 });
        Some(self.flows.len() - 1)
    }
}
