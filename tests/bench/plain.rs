//! A participant without a transport: bare UDP datagrams of the sizes and at the pace of a fake participant's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use alcove_hal::clock::Clock;
use mio::net::UdpSocket;

use crate::arrivals::{Arrivals, Times};
use crate::fake::Common;
use crate::player::{Flow, Outgoing, Player, Sends};
use crate::socket::Socket;
use crate::traffic::Endpoint;

/// What RTP (12), its extensions (16) and SRTP's tag (16) add to a payload: the flow (4), the number (8), zeros.
pub(crate) const HEADER_BYTES: usize = 44;
const FLOW_BYTES: usize = 4;
const NUMBER_END: usize = 12;

/// Sends to, and is sent by, a bare forwarder.
pub(crate) struct Plain {
    socket: Socket,
    player: Player,
    /// The number of its first flow among all of the run.
    first_flow: u32,
    to: SocketAddr,
    epoch: Instant,
    arrivals: Arrivals,
}

impl Plain {
    pub(crate) fn new(common: &Common, sends: Sends, first_flow: u32) -> anyhow::Result<Self> {
        let socket = Socket::bind(common.ip)?;
        let to = socket.address();
        let player = Player::new(Arc::clone(&common.recording), sends, common.epoch);
        let arrivals = Arrivals::default();
        Ok(Self { socket, player, first_flow, to, epoch: common.epoch, arrivals })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.address()
    }

    /// From then on it sends there.
    pub(crate) fn start(&mut self, to: SocketAddr, at: Instant) {
        self.to = to;
        self.player.start(at);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "there are a handful of flows")]
fn datagram(first_flow: u32, packet: &Outgoing) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    let flow = first_flow + packet.flow.index() as u32;
    bytes[..FLOW_BYTES].copy_from_slice(&flow.to_be_bytes());
    bytes[FLOW_BYTES..NUMBER_END].copy_from_slice(&packet.number.to_be_bytes());
    bytes.extend(&packet.payload);
    bytes
}

/// The flow that a datagram belongs to.
pub(crate) fn flow_of(datagram: &[u8]) -> Option<u32> {
    datagram.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

fn number_of(datagram: &[u8]) -> Option<u64> {
    datagram.get(FLOW_BYTES..)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

impl Endpoint for Plain {
    fn source(&mut self) -> &mut UdpSocket {
        self.socket.source()
    }

    fn due(&self) -> Instant {
        // Who sends nothing is never due: far from now, however long the run.
        self.player.due().unwrap_or_else(|| self.epoch + std::time::Duration::from_secs(1 << 31))
    }

    fn receive(&mut self, clock: &dyn Clock) -> anyhow::Result<()> {
        while let Some(datagram) = self.socket.receive() {
            let waited = clock.unix_time().saturating_sub(datagram.taken);
            let times = Times { epoch: self.epoch, now: clock.now(), waited };
            let contents = datagram.contents;
            if let (Some(flow), Some(number)) = (flow_of(contents), number_of(contents)) {
                self.arrivals.count(flow, number, &contents[HEADER_BYTES..], times);
            }
        }
        Ok(())
    }

    fn step(&mut self, now: Instant) -> anyhow::Result<()> {
        let Self { player, socket, arrivals, .. } = self;
        player.play(now, |packet| {
            socket.send(&datagram(self.first_flow, &packet), self.to);
            arrivals.sent[packet.flow.index()] += 1;
        });
        Ok(())
    }

    fn turn(&mut self) -> Arrivals {
        let mut window = self.arrivals.turn();
        window.dropped = self.socket.take_dropped();
        window
    }

    fn set_level(&mut self, _: i8) {}
}

/// The number of a participant's first flow among all of the run.
#[expect(clippy::cast_possible_truncation, reason = "there are a few hundred participants")]
pub(crate) fn first_flow(participant: usize) -> u32 {
    (participant * Flow::COUNT) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_tells_its_flow_and_its_number() {
        let packet =
            Outgoing { flow: Flow::Layer(2), number: 77, ticks: 0, is_last: true, payload: vec![9; 5] };
        let bytes = datagram(first_flow(3), &packet);
        assert_eq!((flow_of(&bytes), number_of(&bytes)), (Some(14), Some(77)));
        assert_eq!(bytes.len(), HEADER_BYTES + 5);
        assert_eq!(flow_of(&[1, 2]), None);
    }
}
