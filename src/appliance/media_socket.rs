//! The UDP socket of one media worker: batched receive, and runs of equal datagrams sent in one call.
//!
//! Receiving is quinn-udp's; sending is not, because it leaves no room for the class of traffic.

use std::cell::Cell;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd as _;

use mio::net::UdpSocket;
use nix::libc;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};

use crate::sfu::{Protocol, Route, Run, TrafficClass};

/// How many receive buffers one call fills.
const BATCH: usize = 16;

/// A buffer takes what the kernel coalesces: at most 64 kB.
const BUFFER_BYTES: usize = 65_535;

/// What the kernel is asked to hold while the worker is busy.
const KERNEL_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// The most segments that one call may carry (Linux, UDP_MAX_SEGMENTS).
const SEGMENTS_MAX: usize = 64;

/// DSCPs (RFC 8837, table 1): expedited forwarding for sound, AF41 for pictures of high priority.
const EXPEDITED: u8 = 46;
pub(super) const ASSURED_41: u8 = 34;

/// A datagram as it arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Datagram<'a> {
    /// Who sent it.
    pub(super) source: SocketAddr,
    /// The address of ours that it was sent to, never unspecified.
    pub(super) destination: SocketAddr,
    /// What it says.
    pub(super) contents: &'a [u8],
}

impl Datagram<'_> {
    /// The way that it has come.
    pub(super) const fn route(&self, protocol: Protocol) -> Route {
        Route { protocol, source: self.source, destination: self.destination }
    }
}

/// A dual-stack UDP socket (IPv4 alone where the machine has no IPv6).
pub(super) struct MediaSocket {
    socket: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    buffers: Vec<u8>,
    /// The kernel and the network card cut runs; what one of them refuses is sent piece by piece from then on.
    cuts_runs: Cell<bool>,
}

impl MediaSocket {
    /// Binds to `port` on every address; 0 takes any free port.
    ///
    /// # Errors
    /// When the port is in use.
    pub(super) fn bind(port: u16) -> io::Result<Self> {
        let any = [IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::UNSPECIFIED)];
        let mut bound = bind_one(SocketAddr::new(any[0], port));
        if bound.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::AddrInUse) {
            bound = bind_one(SocketAddr::new(any[1], port));
        }
        let socket = bound?;
        let reference = UdpSockRef::from(&socket);
        let state = UdpSocketState::new(reference)?;
        let local = socket.local_addr()?;
        // The kernel gives what it has; less is no reason not to start.
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER_BYTES);
        let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER_BYTES);
        let cuts_runs = Cell::new(state.max_gso_segments() > 1);
        let buffers = vec![0; BATCH * BUFFER_BYTES];
        Ok(Self { socket: UdpSocket::from_std(socket), state, local, buffers, cuts_runs })
    }

    /// The port that it is bound to.
    pub(super) const fn port(&self) -> u16 {
        self.local.port()
    }

    /// The socket, for `epoll`.
    pub(super) const fn source(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// Hands what has arrived to `take`, one datagram at a time, until nothing is left or a batch is full.
    /// Returns whether more may be waiting.
    ///
    /// # Errors
    /// What the kernel says, but not that nothing has arrived.
    pub(super) fn receive(&mut self, mut take: impl FnMut(Datagram<'_>)) -> io::Result<bool> {
        let mut metas = [RecvMeta::default(); BATCH];
        let mut slices: Vec<IoSliceMut<'_>> =
            self.buffers.chunks_mut(BUFFER_BYTES).map(IoSliceMut::new).collect();
        let (socket, state) = (&self.socket, &self.state);
        let count = match socket.try_io(|| state.recv(UdpSockRef::from(socket), &mut slices, &mut metas)) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        for (meta, slice) in metas.iter().zip(&slices).take(count) {
            let Some(to) = meta.dst_ip else { continue };
            let destination = SocketAddr::new(to.to_canonical(), self.local.port());
            let source = SocketAddr::new(meta.addr.ip().to_canonical(), meta.addr.port());
            for contents in slice[..meta.len].chunks(meta.stride.max(1)) {
                take(Datagram { source, destination, contents });
            }
        }
        Ok(count == BATCH)
    }

    /// Sends a run of datagrams. When the kernel's buffer is full they are lost, as on any network.
    ///
    /// # Errors
    /// What the kernel says, `WouldBlock` when its buffer is full.
    pub(super) fn send(&self, run: &Run, contents: &[u8]) -> io::Result<()> {
        let mut parts = contents.chunks(run.segment_size.max(1) * SEGMENTS_MAX);
        parts.try_for_each(|part| {
            if part.len() <= run.segment_size {
                return self.send_part(run, part, None);
            }
            if self.cuts_runs.get() {
                match self.send_part(run, part, u16::try_from(run.segment_size).ok()) {
                    // What cards without checksums answer, and some virtual ones.
                    Err(error) if matches!(error.raw_os_error(), Some(libc::EIO | libc::EINVAL)) => {
                        log::info!(
                            "the network does not cut runs of datagrams ({error}): they are sent one by one"
                        );
                        self.cuts_runs.set(false);
                    }
                    outcome => return outcome,
                }
            }
            part.chunks(run.segment_size).try_for_each(|segment| self.send_part(run, segment, None))
        })
    }

    fn send_part(&self, run: &Run, part: &[u8], segment_bytes: Option<u16>) -> io::Result<()> {
        let tos = dscp(run.class) << 2;
        let traffic_class = i32::from(tos);
        let Route { source, destination, .. } = run.route;
        let (from_v4, from_v6) = (packet_info_v4(source.ip()), packet_info_v6(source.ip()));
        let (from, class) = match destination.ip() {
            IpAddr::V4(_) => (ControlMessage::Ipv4PacketInfo(&from_v4), ControlMessage::Ipv4Tos(&tos)),
            IpAddr::V6(_) => {
                (ControlMessage::Ipv6PacketInfo(&from_v6), ControlMessage::Ipv6TClass(&traffic_class))
            }
        };
        let segments = segment_bytes.unwrap_or_default();
        let control = [from, class, ControlMessage::UdpGsoSegments(&segments)];
        let control = if segment_bytes.is_some() { &control[..] } else { &control[..2] };
        let to = SockaddrStorage::from(self.for_socket(destination));
        sendmsg(self.socket.as_raw_fd(), &[IoSlice::new(part)], control, MsgFlags::empty(), Some(&to))?;
        Ok(())
    }

    /// A dual-stack socket wants IPv4 addresses mapped into IPv6 (RFC 4291, 2.5.5.2).
    fn for_socket(&self, address: SocketAddr) -> SocketAddr {
        match address.ip() {
            IpAddr::V4(ip) if self.local.is_ipv6() => {
                SocketAddr::new(IpAddr::V6(ip.to_ipv6_mapped()), address.port())
            }
            _ => address,
        }
    }
}

const fn dscp(class: TrafficClass) -> u8 {
    match class {
        TrafficClass::Other => 0,
        TrafficClass::Audio => EXPEDITED,
        TrafficClass::Video => ASSURED_41,
    }
}

/// The address that a datagram leaves from (ip(7), IP_PKTINFO).
fn packet_info_v4(from: IpAddr) -> libc::in_pktinfo {
    let address = match from {
        IpAddr::V4(ip) => u32::from_ne_bytes(ip.octets()),
        IpAddr::V6(_) => 0,
    };
    let none = libc::in_addr { s_addr: 0 };
    libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: libc::in_addr { s_addr: address }, ipi_addr: none }
}

/// The same for IPv6 (ipv6(7), IPV6_PKTINFO).
fn packet_info_v6(from: IpAddr) -> libc::in6_pktinfo {
    let address = match from {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: address.octets() }, ipi6_ifindex: 0 }
}

fn bind_one(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_readable(socket: &mut MediaSocket) -> Vec<(SocketAddr, SocketAddr, Vec<u8>)> {
        let mut poll = mio::Poll::new().expect("epoll");
        poll.registry()
            .register(socket.source(), mio::Token(0), mio::Interest::READABLE)
            .expect("the socket can be watched");
        let mut events = mio::Events::with_capacity(4);
        poll.poll(&mut events, Some(std::time::Duration::from_secs(5))).expect("epoll");
        let mut got = Vec::new();
        while socket
            .receive(|d| got.push((d.source, d.destination, d.contents.to_vec())))
            .expect("datagrams can be received")
        {}
        got
    }

    fn run(source: SocketAddr, destination: SocketAddr, segment_size: usize, class: TrafficClass) -> Run {
        let route = Route { protocol: Protocol::Udp, source, destination };
        Run { peer: crate::sfu::PeerId(1), route, segment_size, class }
    }

    #[test]
    fn a_run_arrives_as_single_datagrams_from_the_address_it_was_sent_from() {
        for cuts_runs in [true, false] {
            let mut receiver = MediaSocket::bind(0).expect("a free port");
            let sender = MediaSocket::bind(0).expect("a free port");
            sender.cuts_runs.set(cuts_runs && sender.cuts_runs.get());
            let from = SocketAddr::from(([127, 0, 0, 1], sender.port()));
            let to = SocketAddr::from(([127, 0, 0, 1], receiver.port()));
            let contents: Vec<u8> = (0..250_u8).collect();
            sender.send(&run(from, to, 100, TrafficClass::Video), &contents).expect("loopback takes it");
            let got = wait_readable(&mut receiver);
            let lengths: Vec<usize> = got.iter().map(|(_, _, contents)| contents.len()).collect();
            assert_eq!(lengths, [100, 100, 50]);
            assert!(got.iter().all(|(source, destination, _)| *source == from && *destination == to));
            assert_eq!(got.concat_contents(), contents);
        }
    }

    /// The TOS or traffic class of what arrives at a socket.
    fn class_of_next(receiver: &std::net::UdpSocket) -> Option<i32> {
        use nix::sys::socket::{ControlMessageOwned, recvmsg};
        let mut bytes = [0; 64];
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let mut space = nix::cmsg_space!(i32, i32);
        let fd = receiver.as_raw_fd();
        let message = recvmsg::<SockaddrStorage>(fd, &mut slices, Some(&mut space), MsgFlags::empty())
            .expect("a datagram");
        message.cmsgs().expect("whole").find_map(|one| match one {
            ControlMessageOwned::Ipv4Tos(tos) => Some(tos.into()),
            ControlMessageOwned::Ipv6TClass(class) => Some(class),
            _ => None,
        })
    }

    #[test]
    fn networks_are_told_what_a_datagram_carries_over_ipv4_and_ipv6() {
        use nix::sys::socket::{setsockopt, sockopt};
        let sender = MediaSocket::bind(0).expect("a free port");
        let mut homes = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
        if std::net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
            homes.push(IpAddr::V6(Ipv6Addr::LOCALHOST));
        }
        for home in homes {
            let receiver = std::net::UdpSocket::bind((home, 0)).expect("a free port");
            match home {
                IpAddr::V4(_) => setsockopt(&receiver, sockopt::IpRecvTos, &true).expect("an option"),
                IpAddr::V6(_) => setsockopt(&receiver, sockopt::Ipv6RecvTClass, &true).expect("an option"),
            }
            let (from, to) =
                (SocketAddr::new(home, sender.port()), receiver.local_addr().expect("an address"));
            for (class, tos) in
                [(TrafficClass::Audio, 0xb8), (TrafficClass::Video, 0x88), (TrafficClass::Other, 0)]
            {
                sender.send(&run(from, to, 4, class), &[1, 2, 3, 4]).expect("loopback takes it");
                assert_eq!(class_of_next(&receiver), Some(tos), "{class:?} to {home}");
            }
        }
    }

    trait Concat {
        fn concat_contents(&self) -> Vec<u8>;
    }

    impl Concat for Vec<(SocketAddr, SocketAddr, Vec<u8>)> {
        fn concat_contents(&self) -> Vec<u8> {
            self.iter().flat_map(|(_, _, contents)| contents.clone()).collect()
        }
    }

    #[test]
    fn a_port_in_use_is_refused() {
        let first = MediaSocket::bind(0).expect("a free port");
        let error = MediaSocket::bind(first.port()).err().expect("the port is taken");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
