//! How a worker's datagrams come and go: alone over UDP, framed over TCP, through the relay.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use mio::event::Event;
use mio::{Events, Interest};

use super::addresses::{media_addresses, tcp_addresses};
use super::{
    BATCHES_PER_TURN, Hosted, LISTENER, LOOK_EVERY, MeetingId, News, SOCKET, WAKE, WayTo, WorkerThread,
};
use crate::appliance::media_socket::{Datagram, MediaSocket};
use crate::appliance::relay::{self, Relay};
use crate::sfu::{Demux, PeerId, Protocol, Run, TrafficClass};

/// Whose datagrams those to the TURN server are. The loop gives out numbers from 1 on.
const NOBODY: PeerId = PeerId(0);

impl WorkerThread {
    pub(super) fn receive(&mut self) {
        let Self { socket, demux, homes, meetings, clock, relay, .. } = self;
        for _ in 0..BATCHES_PER_TURN {
            let now = clock.now();
            let more = socket.receive(|datagram| {
                let Some(relay) = relay.as_mut().filter(|relay| relay.server() == Some(datagram.source))
                else {
                    return route(demux, homes, meetings, &datagram, now);
                };
                let Some((source, contents)) = relay.receive(datagram.contents, now) else { return };
                let Some(destination) = relay.address() else { return };
                route(demux, homes, meetings, &Datagram { source, destination, contents: &contents }, now);
            });
            match more {
                Ok(true) => {}
                Ok(false) => return,
                // A dead peer's port answers with ICMP, which the kernel reports here: not of interest.
                Err(error) => return log::debug!("receiving media failed: {error}"),
            }
        }
        // Edge-triggered: what is still waiting must be asked for again.
        drop(self.poll.registry().reregister(self.socket.source(), SOCKET, Interest::READABLE));
    }

    pub(super) fn receive_tcp(&mut self, events: &Events) {
        let Self { poll, tcp, demux, homes, meetings, clock, .. } = self;
        for token in events.iter().map(Event::token) {
            let now = clock.now();
            match token {
                SOCKET | WAKE => {}
                LISTENER => tcp.accept(poll.registry(), now),
                socket => tcp.turn(socket, poll.registry(), now, |proven, datagram| {
                    route_tcp(demux, homes, meetings, proven, datagram, now)
                }),
            }
        }
    }

    /// After the last words to those who are gone.
    pub(super) fn close_tcp(&mut self) {
        for peer in self.gone.drain(..) {
            self.tcp.forget(peer, self.poll.registry());
        }
        let now = self.clock.now();
        if now >= self.look_due {
            self.look_due = now + LOOK_EVERY;
            self.tcp.look(self.poll.registry(), now);
            self.look_at_addresses();
        }
    }

    /// Whoever joins is told the addresses that the machine has then: one may come late, or be another one.
    fn look_at_addresses(&mut self) {
        let Ok(addresses) = media_addresses(self.socket.port(), &self.announce) else { return };
        if addresses == self.addresses {
            return;
        }
        for address in addresses.iter().filter(|address| !self.addresses.contains(address)) {
            log::info!("media arrives at {address} from now on");
        }
        self.tcp_addresses = tcp_addresses(&addresses, self.https_port);
        self.addresses = addresses;
        for hosted in self.meetings.values_mut() {
            hosted.forwarder.set_addresses(self.addresses.clone(), self.tcp_addresses.clone());
        }
    }

    pub(super) fn adopt(&mut self, socket: &TcpStream, first: &[u8], now: Instant) {
        let Self { poll, tcp, demux, homes, meetings, .. } = self;
        if demux.checked(first).is_none() {
            return;
        }
        match socket.try_clone() {
            Ok(socket) => tcp.adopt(socket, first, poll.registry(), now, |proven, datagram| {
                route_tcp(demux, homes, meetings, proven, datagram, now)
            }),
            Err(error) => log::warn!("cannot take a TCP socket for media over: {error}"),
        }
    }

    /// From the address of a candidate datagrams may come through the relay.
    pub(super) fn permit(&mut self, peer: PeerId, candidate: &str, now: Instant) {
        if let (Some(relay), Some(from)) = (&mut self.relay, relay::address_of(candidate))
            && self.homes.contains_key(&peer)
        {
            relay.permit(peer, from, now);
        }
    }

    pub(super) fn set_relay_server(&mut self, server: SocketAddr, now: Instant) {
        if let Some(relay) = &mut self.relay {
            relay.set_server(server, now);
        }
    }

    pub(super) fn turn_relay(&mut self, now: Instant) {
        let Some(relay) = &mut self.relay else { return };
        if relay.poll_timeout().is_some_and(|at| at <= now) {
            relay.handle_timeout(now);
        }
        if self.relayed != relay.address() {
            self.relayed = relay.address();
            for hosted in self.meetings.values_mut() {
                hosted.forwarder.set_relayed_address(self.relayed);
            }
        }
        while let Some(news) = relay.poll_news() {
            if self.news.try_send(News::Relay { worker: self.index, news }).is_err() {
                log::error!("the loop does not take the news of its media workers");
            }
        }
    }

    /// Gives the relayed address back.
    pub(super) fn close_relay(&mut self, now: Instant) {
        if let Some(relay) = &mut self.relay {
            relay.close(now);
            send_to_relay(relay, &self.socket);
        }
    }

    pub(super) fn flush(&mut self) {
        let now = self.clock.now();
        let Self { index, socket, tcp, poll, meetings, news, relay, wrapped, ways_to, .. } = self;
        for (id, hosted) in meetings.iter_mut().filter(|(_, hosted)| hosted.dirty) {
            hosted.dirty = false;
            let mut has_more = true;
            while has_more {
                has_more = hosted.forwarder.flush(now);
                while let Some((run, contents)) = hosted.forwarder.poll_transmit() {
                    let relay = relay.as_mut().filter(|relay| relay.address() == Some(run.route.source));
                    match (run.route.protocol, relay) {
                        (Protocol::Tcp, _) => tcp.send(&run, contents, poll.registry()),
                        (Protocol::Udp, None) => send(socket, &run, contents),
                        (Protocol::Udp, Some(relay)) => {
                            send_relayed(relay, socket, &run, contents, wrapped, now);
                        }
                    }
                }
            }
            deliver(hosted);
            cross(*id, hosted, ways_to);
            while let Some(event) = hosted.forwarder.poll_event() {
                if news.try_send(News::Meeting { worker: *index, meeting: *id, event }).is_err() {
                    log::error!("the loop does not take the news of its media workers");
                }
            }
        }
        if let Some(relay) = relay {
            send_to_relay(relay, socket);
        }
    }
}

/// Hands what was published here to the other branches of the meeting.
fn cross(meeting: MeetingId, hosted: &mut Hosted, ways: &mut [WayTo]) {
    let Hosted { forwarder, others, .. } = hosted;
    while let Some(crossing) = forwarder.poll_crossing() {
        for way in ways.iter_mut().filter(|way| others.contains(&way.worker)) {
            // A branch that does not keep up loses packets, and asks for a key frame, as over a network.
            way.fed |= way.ring.push((meeting, crossing.clone())).is_ok();
        }
    }
    for way in ways.iter_mut().filter(|way| way.fed) {
        way.fed = false;
        (way.wake)();
    }
}

fn route(
    demux: &mut Demux,
    homes: &HashMap<PeerId, MeetingId>,
    meetings: &mut HashMap<MeetingId, Hosted>,
    datagram: &Datagram<'_>,
    now: Instant,
) {
    let Some(peer) = demux.route(datagram.source, datagram.contents) else { return };
    let Some(hosted) = homes.get(&peer).and_then(|home| meetings.get_mut(home)) else { return };
    hosted.dirty = true;
    let route = datagram.route(Protocol::Udp);
    if hosted.forwarder.handle_datagram(peer, route, datagram.contents, now) {
        demux.confirm(peer, datagram.source);
    }
}

/// Returns the peer that has accepted the datagram.
fn route_tcp(
    demux: &Demux,
    homes: &HashMap<PeerId, MeetingId>,
    meetings: &mut HashMap<MeetingId, Hosted>,
    proven: Option<PeerId>,
    datagram: &Datagram<'_>,
    now: Instant,
) -> Option<PeerId> {
    let peer = demux.checked(datagram.contents).or(proven)?;
    let hosted = homes.get(&peer).and_then(|home| meetings.get_mut(home))?;
    hosted.dirty = true;
    let route = datagram.route(Protocol::Tcp);
    hosted.forwarder.handle_datagram(peer, route, datagram.contents, now).then_some(peer)
}

fn send(socket: &MediaSocket, run: &Run, contents: &[u8]) {
    // Lost on a full buffer or an unreachable network, as packets are: the receiver asks again.
    if let Err(error) = socket.send(run, contents) {
        log::debug!(peer = run.peer.0; "sending media to {} failed: {error}", run.route.destination);
    }
}

/// Sends a run through the relay: as a run again, once there is a channel.
fn send_relayed(
    relay: &mut Relay,
    socket: &MediaSocket,
    run: &Run,
    contents: &[u8],
    wrapped: &mut Vec<u8>,
    now: Instant,
) {
    let Some(route) = relay.route() else { return };
    wrapped.clear();
    for datagram in contents.chunks(run.segment_size.max(1)) {
        if !relay.wrap(run.route.destination, datagram, wrapped, now) {
            send(socket, &Run { route, segment_size: wrapped.len(), ..*run }, wrapped);
            wrapped.clear();
        }
    }
    send(socket, &Run { route, segment_size: relay::with_head(run.segment_size), ..*run }, wrapped);
}

/// What the relay's client itself has to say to the server.
fn send_to_relay(relay: &mut Relay, socket: &MediaSocket) {
    let Some(route) = relay.route() else { return };
    while let Some(contents) = relay.poll_transmit() {
        let run = Run { peer: NOBODY, route, segment_size: contents.len(), class: TrafficClass::Other };
        send(socket, &run, &contents);
    }
}

fn deliver(hosted: &mut Hosted) {
    let mut woken = Vec::new();
    while let Some((peer, packet)) = hosted.forwarder.poll_delivery() {
        let Some(end) = hosted.local.get_mut(&peer) else { continue };
        // A room that does not keep up loses packets, and asks for a key frame, as over a network.
        if end.link.to_room.push(packet).is_ok() && !woken.contains(&peer) {
            woken.push(peer);
        }
    }
    for peer in woken {
        if let Some(end) = hosted.local.get(&peer) {
            (end.wake)();
        }
    }
}
