//! A media worker: one thread, one UDP socket and the TCP sockets of its port carry meetings or branches of them, and
//! never block.
//!
//! ```text
//!   orders ──▶ ┌──────────────────────────────────────────────┐ ──▶ news (to the loop)
//!   datagrams ▶│ route ▸ feed ▸ due timers ▸ flush ▸ send runs │ ──▶ datagrams
//!   room ring ▶│                                              │ ──▶ room ring
//!   branches ─▶└──────────────────────────────────────────────┘ ──▶ branches (rings of other workers)
//! ```

mod addresses;
mod bridges;
mod busy;
mod orders;
mod ways;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use alcove_hal::clock::Clock;
use anyhow::Context;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use rtrb::{Consumer, Producer};

use crate::appliance::media_socket::MediaSocket;
use crate::appliance::media_tcp::MediaTcp;
use crate::appliance::relay::{Relay, RelayNews, RelaySettings};
use crate::sfu::{self, Crossing, Demux, DtlsIdentity, Forwarder, PeerId, Totals, WallClock};

use addresses::{media_addresses, tcp_addresses};
pub(super) use bridges::BridgeOrder;
use busy::Busy;
pub(super) use orders::{LocalEnd, Order};

const SOCKET: Token = Token(0);
const WAKE: Token = Token(1);
/// The tokens after it are those of accepted sockets.
const LISTENER: Token = Token(2);

/// How often two sockets are tried to get one port when any will do.
const PORT_TRIES: usize = 16;

/// The most news that wait for the loop. More than a minute of the busiest meeting's: at the limit the loop
/// is dead and the newest is dropped.
pub(super) const NEWS_MAX: usize = 65_536;

/// The most packets on their way from one worker to another; at the limit the newest is dropped. A tenth of a second
/// of the largest meeting.
pub(super) const CROSSING_MAX: usize = 2_048;

/// The most batches taken from the socket before timers and orders have their turn.
const BATCHES_PER_TURN: usize = 8;

/// The shortest time from one turn to the next. A turn has its price, however little there is to do: packets that
/// arrive one by one are taken together, and those of a frame leave together. Nobody notices half a millisecond.
const TURN_MIN: Duration = Duration::from_micros(400);

/// How often the TCP sockets are looked through, and the machine's addresses.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The longest wait, so that a missed wake-up heals by itself.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// A meeting as the workers know it. Unique in the process, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct MeetingId(pub(super) u64);

/// What the worker has to tell the loop.
#[derive(Debug)]
pub(super) enum News {
    Meeting {
        /// Which one tells.
        worker: usize,
        meeting: MeetingId,
        event: sfu::Event,
    },
    /// Whether media can be relayed through the worker with this index.
    Relay { worker: usize, news: RelayNews },
}

/// The loop's end of a worker.
pub(super) struct Worker {
    orders: Sender<Order>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
    turns: Arc<AtomicU64>,
    busy_per_mille: Arc<AtomicU32>,
    /// Where its media arrives, on every address of the machine, and on those of the configuration.
    port: u16,
    announce: Vec<IpAddr>,
}

impl Worker {
    /// Starts a worker on `port` (0: any). Media over TCP comes to the port of HTTPS as well, as [`Order::Adopt`].
    ///
    /// # Errors
    /// When the port is in use, or the machine has no address.
    pub(super) fn start(
        index: usize,
        (port, https_port): (u16, u16),
        announce: &[IpAddr],
        identity: DtlsIdentity,
        wall: WallClock,
        clock: Arc<dyn Clock>,
        (news, relay): (tokio::sync::mpsc::Sender<News>, Option<RelaySettings>),
    ) -> anyhow::Result<Self> {
        let poll = Poll::new().context("cannot make an epoll instance")?;
        let (mut socket, tcp) = bind(port, poll.registry())?;
        poll.registry()
            .register(socket.source(), SOCKET, Interest::READABLE)
            .context("cannot watch the socket")?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE).context("cannot make a waker")?);
        let port = socket.port();
        let addresses = media_addresses(port, announce).context("cannot list the network's addresses")?;
        let (orders, receiver) = channel();
        let turns = Arc::<AtomicU64>::default();
        let busy_per_mille = Arc::<AtomicU32>::default();
        let now = clock.now();
        let worker_thread = WorkerThread {
            index,
            poll,
            socket,
            tcp,
            look_due: now,
            orders: receiver,
            news,
            identity,
            wall,
            tcp_addresses: tcp_addresses(&addresses, https_port),
            addresses,
            announce: announce.to_owned(),
            https_port,
            demux: Demux::default(),
            homes: HashMap::new(),
            meetings: HashMap::new(),
            ways_to: Vec::new(),
            ways_from: Vec::new(),
            ended: Totals::default(),
            gone: Vec::new(),
            relay: relay.map(|settings| Relay::new(settings, now)),
            relayed: None,
            wrapped: Vec::new(),
            turns: Arc::clone(&turns),
            busy: Busy::new(Arc::clone(&busy_per_mille), now),
            clock,
        };
        let thread = std::thread::Builder::new()
            .name(format!("media-{index}"))
            .spawn(move || worker_thread.run())
            .context("cannot start a media thread")?;
        Ok(Self {
            orders,
            waker,
            thread: Some(thread),
            turns,
            busy_per_mille,
            port,
            announce: announce.to_owned(),
        })
    }

    /// Where its media arrives now.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        media_addresses(self.port, &self.announce).unwrap_or_default()
    }

    /// Hands over an order; it is carried out within the worker's next turn.
    pub(super) fn order(&self, order: Order) {
        if self.orders.send(order).is_ok() {
            self.wake();
        }
    }

    /// How often its loop has turned.
    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// The share of its time that it was busy lately.
    pub(super) fn busy_per_mille(&self) -> u32 {
        self.busy_per_mille.load(Ordering::Relaxed)
    }

    /// What the room calls after it has published something.
    pub(super) fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        let waker = Arc::clone(&self.waker);
        // Fails only when the eventfd's counter is full, and then a wake-up is pending anyway.
        Arc::new(move || drop(waker.wake()))
    }

    fn wake(&self) {
        drop(self.waker.wake());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.order(Order::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("a media thread panicked");
        }
    }
}

/// The UDP socket and the TCP listener, with one port number.
fn bind(port: u16, registry: &Registry) -> anyhow::Result<(MediaSocket, MediaTcp)> {
    let mut tries = if port == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        let socket = MediaSocket::bind(port)
            .with_context(|| format!("cannot take UDP port {port} for media; free it or set media.port"))?;
        match MediaTcp::listen(socket.port(), registry, LISTENER) {
            Ok(tcp) => return Ok((socket, tcp)),
            // Somebody else has the other half of the free port.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            Err(error) => {
                let port = socket.port();
                let what = format!("cannot take TCP port {port} for media; free it or set media.port");
                return Err(error).context(what);
            }
        }
    }
}

struct Hosted {
    forwarder: Forwarder,
    /// The workers that carry its other branches.
    others: Vec<usize>,
    local: HashMap<PeerId, LocalEnd>,
    /// Something was fed since the last flush.
    dirty: bool,
}

struct WorkerThread {
    index: usize,
    poll: Poll,
    socket: MediaSocket,
    tcp: MediaTcp,
    /// When the TCP sockets are looked through next, and the machine's addresses.
    look_due: Instant,
    orders: Receiver<Order>,
    news: tokio::sync::mpsc::Sender<News>,
    clock: Arc<dyn Clock>,
    identity: DtlsIdentity,
    wall: WallClock,
    addresses: Vec<SocketAddr>,
    tcp_addresses: Vec<SocketAddr>,
    /// What the addresses are made of, besides those of the machine.
    announce: Vec<IpAddr>,
    https_port: u16,
    demux: Demux,
    /// Which meeting a peer is in.
    homes: HashMap<PeerId, MeetingId>,
    meetings: HashMap<MeetingId, Hosted>,
    /// The ways to other workers, and from them.
    ways_to: Vec<WayTo>,
    ways_from: Vec<Consumer<ToBranch>>,
    /// The sums of meetings that are over.
    ended: Totals,
    /// Those who were told goodbye, and whose TCP sockets are to be closed.
    gone: Vec<PeerId>,
    relay: Option<Relay>,
    /// The relayed address that the meetings know.
    relayed: Option<SocketAddr>,
    /// Reused for what goes to the relay.
    wrapped: Vec<u8>,
    turns: Arc<AtomicU64>,
    busy: Busy,
}

/// A packet on its way to a branch of its meeting.
pub(super) type ToBranch = (MeetingId, Crossing);

struct WayTo {
    worker: usize,
    ring: Producer<ToBranch>,
    wake: Arc<dyn Fn() + Send + Sync>,
    /// Something was put in since it was woken.
    fed: bool,
}

impl WorkerThread {
    fn run(mut self) {
        let mut events = Events::with_capacity(64);
        let mut next_turn = self.clock.now();
        loop {
            let wait = self.wait();
            match self.poll.poll(&mut events, Some(wait)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => log::error!("waiting for media failed: {error}"),
            }
            self.clock.wait_until(next_turn);
            let began = self.clock.now();
            next_turn = began + TURN_MIN;
            if self.carry_out_orders() {
                return;
            }
            self.receive();
            self.receive_tcp(&events);
            self.take_from_rooms();
            self.take_from_branches();
            self.turn_timers();
            self.flush();
            self.close_tcp();
            self.turns.fetch_add(1, Ordering::Relaxed);
            self.busy.worked(began, self.clock.now());
        }
    }

    fn wait(&self) -> Duration {
        let meetings = self.meetings.values().filter_map(|hosted| hosted.forwarder.poll_timeout());
        let deadline = meetings.chain(self.relay.as_ref().and_then(Relay::poll_timeout)).min();
        deadline.map_or(WAIT_MAX, |at| at.saturating_duration_since(self.clock.now()).min(WAIT_MAX))
    }

    fn take_from_rooms(&mut self) {
        let now = self.clock.now();
        for hosted in self.meetings.values_mut() {
            let Hosted { forwarder, local, dirty, .. } = hosted;
            for (peer, end) in local.iter_mut() {
                while let Ok(packet) = end.link.from_room.pop() {
                    forwarder.handle_local(*peer, packet, now);
                    *dirty = true;
                }
            }
        }
    }

    fn take_from_branches(&mut self) {
        let now = self.clock.now();
        for ring in &mut self.ways_from {
            while let Ok((meeting, crossing)) = ring.pop() {
                if let Some(hosted) = self.meetings.get_mut(&meeting) {
                    hosted.forwarder.handle_crossing(crossing, now);
                    hosted.dirty = true;
                }
            }
        }
    }

    fn turn_timers(&mut self) {
        let now = self.clock.now();
        self.turn_relay(now);
        for hosted in self.meetings.values_mut() {
            if hosted.forwarder.poll_timeout().is_some_and(|at| at <= now) {
                hosted.forwarder.handle_timeout(now);
                hosted.dirty = true;
            }
        }
    }
}
