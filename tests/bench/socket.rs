//! A UDP socket of the generator, which tells when the kernel took each datagram.
//!
//! What waits in the socket until the generator comes to it is thereby no part of a delay. Datagrams that the
//! kernel has coalesced are taken apart by it, not handed over as one: on a real network there are none.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket as Plain};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use anyhow::Context;
use mio::net::UdpSocket;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, cmsg_space, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;

/// More than any datagram that is sent here.
const BUFFER_BYTES: usize = 2048;
/// Never reached: what connects to it only learns the machine's own address (RFC 5737).
const ELSEWHERE: &str = "192.0.2.1:9";

/// A bound, non-blocking socket.
pub(crate) struct Socket {
    socket: UdpSocket,
    address: SocketAddr,
    buffer: Vec<u8>,
    control: Vec<u8>,
    /// What the kernel has dropped because the generator did not come in time: all, and as told last.
    dropped: u32,
    dropped_told: u32,
}

/// A datagram as it arrived.
pub(crate) struct Datagram<'a> {
    pub(crate) source: SocketAddr,
    /// When the kernel took it, since the Unix epoch.
    pub(crate) taken: Duration,
    pub(crate) contents: &'a [u8],
}

impl Socket {
    /// Binds a free port of `ip`.
    ///
    /// # Errors
    /// When there is none, or when the kernel does not tell times.
    pub(crate) fn bind(ip: IpAddr) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::new(ip, 0)).context("no free UDP port")?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true).context("no times of arrival")?;
        setsockopt(&socket, sockopt::RxqOvfl, &1).context("no counts of what is dropped")?;
        let address = socket.local_addr().context("a socket without an address")?;
        let control = vec![0; cmsg_space::<TimeSpec>() + cmsg_space::<u32>()];
        let buffer = vec![0; BUFFER_BYTES];
        Ok(Self { socket, address, buffer, control, dropped: 0, dropped_told: 0 })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The socket, for `epoll`.
    pub(crate) fn source(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// The next datagram that waits.
    pub(crate) fn receive(&mut self) -> Option<Datagram<'_>> {
        let mut slices = [std::io::IoSliceMut::new(&mut self.buffer)];
        let fd = self.socket.as_raw_fd();
        let message =
            recvmsg::<SockaddrIn>(fd, &mut slices, Some(&mut self.control), MsgFlags::empty()).ok()?;
        let source = SocketAddr::from(message.address?);
        let mut taken = None;
        for told in message.cmsgs().ok()? {
            match told {
                ControlMessageOwned::ScmTimestampns(at) => taken = Some(Duration::from(at)),
                ControlMessageOwned::RxqOvfl(all) => self.dropped = all,
                _ => {}
            }
        }
        let length = message.bytes;
        Some(Datagram { source, taken: taken?, contents: &self.buffer[..length] })
    }

    /// How many datagrams were dropped since the last call because nobody took them in time.
    pub(crate) fn take_dropped(&mut self) -> u32 {
        let new = self.dropped.wrapping_sub(self.dropped_told);
        self.dropped_told = self.dropped;
        new
    }

    /// What the kernel does not take is lost, as on any network; it is counted as lost at the other end.
    pub(crate) fn send(&self, contents: &[u8], to: SocketAddr) {
        drop(self.socket.send_to(contents, to));
    }
}

/// The address that others reach this machine at; not all servers can be reached by loopback.
pub(crate) fn own_address() -> IpAddr {
    let routed = || {
        let socket = Plain::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect(ELSEWHERE)?;
        socket.local_addr()
    };
    routed().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}
