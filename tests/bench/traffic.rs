//! The thread that carries the packets of all fake participants, apart from the words.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use alcove_hal::clock::Clock;
use anyhow::Context;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use tokio::sync::oneshot;

use crate::arrivals::Arrivals;

const WAKE: Token = Token(usize::MAX);
/// The longest wait, so that a missed wake-up heals by itself.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// One end of the traffic: it sends by itself what is due, and counts what it is sent.
pub(crate) trait Endpoint: Send {
    /// Its socket, for `epoll`.
    fn source(&mut self) -> &mut UdpSocket;
    /// When [`Self::step`] is due.
    fn due(&self) -> Instant;
    /// Takes everything that waits in the socket.
    fn receive(&mut self, clock: &dyn Clock) -> anyhow::Result<()>;
    /// Sends what is due.
    fn step(&mut self, now: Instant) -> anyhow::Result<()>;
    /// Begins a new window, and hands over what arrived in the last one.
    fn turn(&mut self) -> Arrivals;
    /// How loud its microphone claims to be from now on, in dBov.
    fn set_level(&mut self, dbov: i8);
}

enum Order {
    Add(usize, Box<dyn Endpoint>),
    Remove(usize),
    Level(usize, i8),
    /// Begins a new window, and hands over what arrived in the last one.
    Turn(oneshot::Sender<Vec<(usize, Arrivals)>>),
}

/// The other threads' end. Cloning is cheap; the thread ends with the last one.
#[derive(Clone)]
pub(crate) struct Traffic {
    orders: Sender<Order>,
    waker: Arc<Waker>,
}

impl Traffic {
    /// Starts the thread.
    pub(crate) fn start(clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let poll = Poll::new().context("cannot make an epoll instance")?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE).context("cannot make a waker")?);
        let (orders, receiver) = channel();
        let mut carrier = Carrier { poll, clock, orders: receiver, endpoints: HashMap::new() };
        std::thread::Builder::new()
            .name("traffic".into())
            .spawn(move || carrier.run())
            .context("cannot start a thread")?;
        Ok(Self { orders, waker })
    }

    pub(crate) fn add(&self, id: usize, endpoint: impl Endpoint + 'static) {
        self.order(Order::Add(id, Box::new(endpoint)));
    }

    pub(crate) fn remove(&self, id: usize) {
        self.order(Order::Remove(id));
    }

    /// How loud that microphone claims to be from now on, in dBov.
    pub(crate) fn set_level(&self, id: usize, dbov: i8) {
        self.order(Order::Level(id, dbov));
    }

    /// What arrived since the last call, by endpoint.
    pub(crate) async fn turn(&self) -> anyhow::Result<Vec<(usize, Arrivals)>> {
        let (reply, arrivals) = oneshot::channel();
        self.order(Order::Turn(reply));
        arrivals.await.context("the traffic thread has ended")
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_ok() {
            drop(self.waker.wake());
        }
    }
}

struct Carrier {
    poll: Poll,
    clock: Arc<dyn Clock>,
    orders: Receiver<Order>,
    endpoints: HashMap<usize, Box<dyn Endpoint>>,
}

impl Carrier {
    fn run(&mut self) {
        let mut events = Events::with_capacity(256);
        loop {
            let due = self.endpoints.values().map(|one| one.due()).min();
            let wait =
                due.map_or(WAIT_MAX, |due| due.saturating_duration_since(self.clock.now()).min(WAIT_MAX));
            // Interrupted by a signal: look again.
            drop(self.poll.poll(&mut events, Some(wait)));
            if self.carry_out_all() == TryRecvError::Disconnected {
                return;
            }
            for event in events.iter().filter(|event| event.token() != WAKE) {
                let Token(id) = event.token();
                self.with(id, |endpoint, clock| endpoint.receive(clock));
            }
            for id in self.due(self.clock.now()) {
                self.with(id, |endpoint, clock| endpoint.step(clock.now()));
            }
        }
    }

    /// Returns why there are no more orders.
    fn carry_out_all(&mut self) -> TryRecvError {
        loop {
            match self.orders.try_recv() {
                Ok(order) => self.carry_out(order),
                Err(why) => return why,
            }
        }
    }

    fn due(&self, now: Instant) -> Vec<usize> {
        self.endpoints.iter().filter(|(_, one)| one.due() <= now).map(|(id, _)| *id).collect()
    }

    /// An endpoint that fails is left out, and its packets are missed in the figures.
    fn with(&mut self, id: usize, act: impl FnOnce(&mut dyn Endpoint, &dyn Clock) -> anyhow::Result<()>) {
        let Some(endpoint) = self.endpoints.get_mut(&id) else { return };
        if let Err(error) = act(&mut **endpoint, &*self.clock) {
            crate::report::say(&format!("endpoint {id} failed: {error:#}"));
            self.endpoints.remove(&id);
        }
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Add(id, mut endpoint) => {
                let registry = self.poll.registry();
                if registry.register(endpoint.source(), Token(id), Interest::READABLE).is_ok() {
                    self.endpoints.insert(id, endpoint);
                }
            }
            Order::Remove(id) => drop(self.endpoints.remove(&id)),
            Order::Level(id, dbov) => {
                if let Some(endpoint) = self.endpoints.get_mut(&id) {
                    endpoint.set_level(dbov);
                }
            }
            Order::Turn(reply) => {
                let take = |(id, one): (&usize, &mut Box<dyn Endpoint>)| (*id, one.turn());
                drop(reply.send(self.endpoints.iter_mut().map(take).collect()));
            }
        }
    }
}
