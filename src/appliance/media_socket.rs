//! The UDP socket of one media worker: batched receive, and runs of equal datagrams sent in one call.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mio::net::UdpSocket;
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};

/// How many receive buffers one call fills.
const BATCH: usize = 16;

/// A buffer takes what the kernel coalesces: at most 64 kB.
const BUFFER_BYTES: usize = 65_535;

/// What the kernel is asked to hold while the worker is busy.
const KERNEL_BUFFER_BYTES: usize = 4 * 1024 * 1024;

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

/// A dual-stack UDP socket (IPv4 alone where the machine has no IPv6).
pub(super) struct MediaSocket {
    socket: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    buffers: Vec<u8>,
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
        Ok(Self { socket: UdpSocket::from_std(socket), state, local, buffers: vec![0; BATCH * BUFFER_BYTES] })
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

    /// The most datagrams that one [`MediaSocket::send`] may carry.
    pub(super) fn segments_max(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Sends a run of datagrams of `segment_bytes` each, the last one perhaps shorter. When the kernel's
    /// buffer is full they are lost, as on any network.
    ///
    /// # Errors
    /// What the kernel says, `WouldBlock` when its buffer is full.
    pub(super) fn send(
        &self,
        from: SocketAddr,
        to: SocketAddr,
        contents: &[u8],
        segment_bytes: usize,
    ) -> io::Result<()> {
        let run = segment_bytes * self.segments_max().max(1);
        contents.chunks(run).try_for_each(|part| self.send_run(from, to, part, segment_bytes))
    }

    fn send_run(
        &self,
        from: SocketAddr,
        to: SocketAddr,
        contents: &[u8],
        segment_bytes: usize,
    ) -> io::Result<()> {
        let transmit = Transmit {
            destination: self.for_socket(to),
            ecn: None,
            contents,
            segment_size: (contents.len() > segment_bytes).then_some(segment_bytes),
            src_ip: Some(self.for_socket(from).ip()),
        };
        self.socket.try_io(|| self.state.try_send(UdpSockRef::from(&self.socket), &transmit))
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

    #[test]
    fn a_run_arrives_as_single_datagrams_from_the_address_it_was_sent_from() {
        let mut receiver = MediaSocket::bind(0).expect("a free port");
        let sender = MediaSocket::bind(0).expect("a free port");
        let from = SocketAddr::from(([127, 0, 0, 1], sender.port()));
        let to = SocketAddr::from(([127, 0, 0, 1], receiver.port()));
        let contents: Vec<u8> = (0..250_u8).collect();
        sender.send(from, to, &contents, 100).expect("loopback takes it");
        let got = wait_readable(&mut receiver);
        let lengths: Vec<usize> = got.iter().map(|(_, _, contents)| contents.len()).collect();
        assert_eq!(lengths, [100, 100, 50]);
        assert!(got.iter().all(|(source, destination, _)| *source == from && *destination == to));
        assert_eq!(got.concat_contents(), contents);
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
