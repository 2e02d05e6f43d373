//! The TCP sockets of one media worker: peers that UDP does not reach open them (RFC 6544, passive candidates).
//!
//! ```text
//!   accepted ─┐                     ┌── 5 s ──▶ closed
//!   handed    ┴▶ unproven ──────────┤
//!   over                            └── a check that a peer accepts ──▶ proven ── silence, peer gone, ──▶ closed
//!                                                                                 nonsense, hung up
//! ```

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::appliance::framing::{Backlog, Unframer};
use crate::appliance::media_socket::{ASSURED_41, Datagram};
use crate::sfu::{PeerId, Run};

/// How long a socket may take to bring a check that a peer accepts. Browsers send theirs at once.
const PROVE_WITHIN: Duration = Duration::from_secs(5);
/// How long a proven one may be silent. Browsers check even ways that they do not use every 25 s.
const SILENT_MAX: Duration = Duration::from_secs(60);
/// The most sockets that have not proved themselves; the oldest makes room.
const UNPROVEN_MAX: usize = 64;
/// The most proven ones; the next one is closed.
const PROVEN_MAX: usize = 512;
/// The most proven ones of a peer; the one that was silent longest makes room. A browser opens one to each candidate.
const OF_PEER_MAX: usize = 32;

/// What is read at once, and how often before the others have their turn.
const READ_BYTES: usize = 64 * 1024;
const READS_PER_TURN: usize = 4;

/// What the kernel may hold that was not sent yet (tcp(7), TCP_NOTSENT_LOWAT): what waits there can neither be dropped nor
/// overtaken.
const KERNEL_UNSENT_BYTES: u32 = 16 * 1024;

/// How many have not been accepted yet, in the kernel.
const ACCEPT_QUEUE: i32 = 128;

/// The sockets, and the port that they come to.
pub(super) struct MediaTcp {
    listener: TcpListener,
    sockets: HashMap<Token, Accepted>,
    /// By our address and theirs.
    by_ends: HashMap<(SocketAddr, SocketAddr), Token>,
    next_token: usize,
    buffer: Vec<u8>,
}

struct Accepted {
    socket: TcpStream,
    local: SocketAddr,
    remote: SocketAddr,
    unframer: Unframer,
    backlog: Backlog,
    /// The peer whose check it brought.
    peer: Option<PeerId>,
    /// When it was accepted, or something was accepted from it.
    heard_at: Instant,
}

impl MediaTcp {
    /// Listens at `port` on every address, as `token` of the registry; sockets get the tokens after it.
    ///
    /// # Errors
    /// When the port is in use.
    pub(super) fn listen(port: u16, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut bound = listen_at(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port));
        if bound.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::AddrInUse) {
            bound = listen_at(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port));
        }
        let mut listener = TcpListener::from_std(bound?);
        registry.register(&mut listener, token, Interest::READABLE)?;
        let buffer = vec![0; READ_BYTES];
        Ok(Self {
            listener,
            sockets: HashMap::new(),
            by_ends: HashMap::new(),
            next_token: token.0 + 1,
            buffer,
        })
    }

    /// Takes everybody who has come.
    pub(super) fn accept(&mut self, registry: &Registry, now: Instant) {
        loop {
            match self.listener.accept() {
                Ok((socket, _)) => {
                    self.add(socket, registry, now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                // Asked again at the next look.
                Err(error) => return log::warn!("cannot accept TCP for media: {error}"),
            }
        }
    }

    /// Takes a socket that somebody else has accepted, and from which this datagram was read; `take` as in
    /// [`turn`](Self::turn).
    pub(super) fn adopt(
        &mut self,
        socket: std::net::TcpStream,
        first: &[u8],
        registry: &Registry,
        now: Instant,
        mut take: impl FnMut(Option<PeerId>, &Datagram<'_>) -> Option<PeerId>,
    ) {
        let Some(token) = self.add(TcpStream::from_std(socket), registry, now) else { return };
        let Some(accepted) = self.sockets.get_mut(&token) else { return };
        accepted.take(first, now, &mut take);
        if let Some(peer) = accepted.peer {
            self.make_room(token, peer, registry);
        }
    }

    fn add(&mut self, mut socket: TcpStream, registry: &Registry, now: Instant) -> Option<Token> {
        let (local, remote) = (canonical(socket.local_addr().ok()?), canonical(socket.peer_addr().ok()?));
        if self.sockets.values().filter(|one| one.peer.is_none()).count() >= UNPROVEN_MAX {
            self.close_oldest(registry, None);
        }
        tune(&socket, local);
        let token = Token(self.next_token);
        self.next_token += 1;
        if let Err(error) = registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE) {
            log::warn!("cannot watch a TCP socket for media: {error}");
            return None;
        }
        self.by_ends.insert((local, remote), token);
        let (unframer, backlog) = (Unframer::default(), Backlog::default());
        let accepted = Accepted { socket, local, remote, unframer, backlog, peer: None, heard_at: now };
        self.sockets.insert(token, accepted);
        Some(token)
    }

    /// Of those with this peer, closes the one that was heard longest ago.
    fn close_oldest(&mut self, registry: &Registry, peer: Option<PeerId>) {
        let of_peer = self.sockets.iter().filter(|(_, one)| one.peer == peer);
        let oldest = of_peer.min_by_key(|(token, one)| (one.heard_at, **token)).map(|(token, _)| *token);
        if let Some(token) = oldest {
            self.close(token, registry, "another one needs its place");
        }
    }

    /// The socket of this token can be read or written. Datagrams are handed to `take` with the peer that the socket
    /// is proven for; it tells which peer has accepted the datagram.
    pub(super) fn turn(
        &mut self,
        token: Token,
        registry: &Registry,
        now: Instant,
        mut take: impl FnMut(Option<PeerId>, &Datagram<'_>) -> Option<PeerId>,
    ) {
        let Some(accepted) = self.sockets.get_mut(&token) else { return };
        let before = accepted.peer;
        let outcome = accepted.turn(&mut self.buffer, now, &mut take);
        let is_new = accepted.peer.filter(|peer| before != Some(*peer));
        match outcome {
            Ok(Reading::Done) => {}
            // Edge-triggered: what is still waiting must be asked for again.
            Ok(Reading::More) => {
                let both = Interest::READABLE | Interest::WRITABLE;
                drop(registry.reregister(&mut accepted.socket, token, both));
            }
            Err(error) => self.close(token, registry, &error.to_string()),
        }
        if let Some(peer) = is_new {
            self.make_room(token, peer, registry);
        }
    }

    /// A socket has just been proven.
    fn make_room(&mut self, token: Token, peer: PeerId, registry: &Registry) {
        if self.sockets.values().filter(|one| one.peer == Some(peer)).count() > OF_PEER_MAX {
            self.close_oldest(registry, Some(peer));
        }
        if self.sockets.values().filter(|one| one.peer.is_some()).count() > PROVEN_MAX {
            self.close(token, registry, "there are too many");
        }
    }

    /// Sends a run of datagrams, each in a frame. What a slow reader leaves no room for is lost, as on any network.
    pub(super) fn send(&mut self, run: &Run, contents: &[u8], registry: &Registry) {
        let ends = (run.route.source, run.route.destination);
        let Some(token) = self.by_ends.get(&ends).copied() else { return };
        let Some(accepted) = self.sockets.get_mut(&token) else { return };
        for datagram in contents.chunks(run.segment_size.max(1)) {
            accepted.backlog.push(datagram, run.class);
        }
        if let Err(error) = accepted.backlog.write_to(&mut accepted.socket) {
            self.close(token, registry, &error.to_string());
        }
    }

    /// Closes the sockets of a peer that is gone.
    pub(super) fn forget(&mut self, peer: PeerId, registry: &Registry) {
        let of_peer = |(token, one): (&Token, &Accepted)| (one.peer == Some(peer)).then_some(*token);
        for token in self.sockets.iter().filter_map(of_peer).collect::<Vec<_>>() {
            self.close(token, registry, "its peer is gone");
        }
    }

    /// Closes those that have not proved themselves in time, or were silent for too long; from time to time.
    pub(super) fn look(&mut self, registry: &Registry, now: Instant) {
        let is_over = |(token, one): (&Token, &Accepted)| {
            let patience = if one.peer.is_some() { SILENT_MAX } else { PROVE_WITHIN };
            (now.saturating_duration_since(one.heard_at) >= patience).then_some(*token)
        };
        for token in self.sockets.iter().filter_map(is_over).collect::<Vec<_>>() {
            self.close(token, registry, "nothing was heard from it");
        }
        self.accept(registry, now);
    }

    fn close(&mut self, token: Token, registry: &Registry, why: &str) {
        let Some(mut accepted) = self.sockets.remove(&token) else { return };
        log::debug!("the TCP socket of {} for media is closed: {why}", accepted.remote);
        let ends = (accepted.local, accepted.remote);
        if self.by_ends.get(&ends) == Some(&token) {
            self.by_ends.remove(&ends);
        }
        drop(registry.deregister(&mut accepted.socket));
    }
}

/// Whether there is more to be read.
enum Reading {
    Done,
    More,
}

impl Accepted {
    fn turn(
        &mut self,
        buffer: &mut [u8],
        now: Instant,
        take: &mut impl FnMut(Option<PeerId>, &Datagram<'_>) -> Option<PeerId>,
    ) -> io::Result<Reading> {
        self.backlog.write_to(&mut self.socket)?;
        for _ in 0..READS_PER_TURN {
            let length = match self.socket.read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Reading::Done),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let mut unframer = std::mem::take(&mut self.unframer);
            let took = unframer.push(&buffer[..length], |datagram| self.take(datagram, now, take));
            self.unframer = unframer;
            took.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
        Ok(Reading::More)
    }

    fn take(
        &mut self,
        contents: &[u8],
        now: Instant,
        take: &mut impl FnMut(Option<PeerId>, &Datagram<'_>) -> Option<PeerId>,
    ) {
        let datagram = Datagram { source: self.remote, destination: self.local, contents };
        if let Some(by) = take(self.peer, &datagram) {
            (self.peer, self.heard_at) = (Some(by), now);
        }
    }
}

/// What goes wrong here costs speed or priority, and nothing else.
fn tune(socket: &TcpStream, local: SocketAddr) {
    let socket = SockRef::from(socket);
    let class = u32::from(ASSURED_41) << 2;
    let marked = if local.is_ipv4() { socket.set_tos_v4(class) } else { socket.set_tclass_v6(class) };
    let tuned = [socket.set_tcp_nodelay(true), socket.set_tcp_notsent_lowat(KERNEL_UNSENT_BYTES), marked];
    for error in tuned.into_iter().filter_map(Result::err) {
        log::debug!("a TCP socket for media is not tuned: {error}");
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn listen_at(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // Sockets of the last run that linger do not keep the port from the next one.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(ACCEPT_QUEUE)?;
    Ok(socket.into())
}

#[cfg(test)]
#[path = "media_tcp_tests.rs"]
mod tests;
