//! The thread that carries the packets of all fake participants, apart from the words.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use alcove_hal::clock::Clock;
use anyhow::Context;
use mio::{Events, Interest, Poll, Token, Waker};
use tokio::sync::oneshot;

use crate::fake::{Arrivals, Fake};

const WAKE: Token = Token(usize::MAX);
/// The longest wait, so that a missed wake-up heals by itself.
const WAIT_MAX: Duration = Duration::from_millis(100);

enum Order {
    Add(usize, Box<Fake>),
    Remove(usize),
    Level(usize, i8),
    /// Begins a new window, and hands over what arrived in the last one.
    Turn(oneshot::Sender<Vec<(usize, Arrivals)>>),
}

/// The other threads' end. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Traffic {
    orders: Sender<Order>,
    waker: Arc<Waker>,
}

impl Traffic {
    /// Starts the thread; it ends with the process.
    pub(crate) fn start(clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let poll = Poll::new().context("cannot make an epoll instance")?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE).context("cannot make a waker")?);
        let (orders, receiver) = channel();
        let mut carrier = Carrier { poll, clock, orders: receiver, fakes: HashMap::new() };
        std::thread::Builder::new()
            .name("traffic".into())
            .spawn(move || carrier.run())
            .context("cannot start a thread")?;
        Ok(Self { orders, waker })
    }

    pub(crate) fn add(&self, id: usize, fake: Fake) {
        self.order(Order::Add(id, Box::new(fake)));
    }

    pub(crate) fn remove(&self, id: usize) {
        self.order(Order::Remove(id));
    }

    /// How loud that microphone claims to be from now on, in dBov.
    pub(crate) fn set_level(&self, id: usize, dbov: i8) {
        self.order(Order::Level(id, dbov));
    }

    /// What arrived since the last call, by fake participant.
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
    fakes: HashMap<usize, Fake>,
}

impl Carrier {
    fn run(&mut self) {
        let mut events = Events::with_capacity(256);
        loop {
            let due = self.fakes.values().map(Fake::due).min();
            let wait =
                due.map_or(WAIT_MAX, |due| due.saturating_duration_since(self.clock.now()).min(WAIT_MAX));
            // Interrupted by a signal: look again.
            drop(self.poll.poll(&mut events, Some(wait)));
            while let Ok(order) = self.orders.try_recv() {
                self.carry_out(order);
            }
            for event in events.iter().filter(|event| event.token() != WAKE) {
                let Token(id) = event.token();
                self.with(id, |fake, clock| fake.receive(clock));
            }
            let now = self.clock.now();
            let due: Vec<usize> = self.due(now);
            for id in due {
                self.with(id, |fake, _| fake.step(now));
            }
        }
    }

    fn due(&self, now: Instant) -> Vec<usize> {
        self.fakes.iter().filter(|(_, fake)| fake.due() <= now).map(|(id, _)| *id).collect()
    }

    /// A fake participant that fails is left out, and its packets are missed in the figures.
    fn with(&mut self, id: usize, act: impl FnOnce(&mut Fake, &dyn Clock) -> anyhow::Result<()>) {
        let Some(fake) = self.fakes.get_mut(&id) else { return };
        if let Err(error) = act(fake, &*self.clock) {
            crate::report::say(&format!("participant {id} failed: {error:#}"));
            self.fakes.remove(&id);
        }
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Add(id, mut fake) => {
                let registry = self.poll.registry();
                if registry.register(&mut fake.socket, Token(id), Interest::READABLE).is_ok() {
                    self.fakes.insert(id, *fake);
                }
            }
            Order::Remove(id) => drop(self.fakes.remove(&id)),
            Order::Level(id, dbov) => {
                if let Some(fake) = self.fakes.get_mut(&id) {
                    fake.level_dbov = dbov;
                }
            }
            Order::Turn(reply) => {
                let take = |(id, fake): (&usize, &mut Fake)| (*id, std::mem::take(&mut fake.arrivals));
                drop(reply.send(self.fakes.iter_mut().map(take).collect()));
            }
        }
    }
}
