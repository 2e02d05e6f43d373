//! A network between two ends: delay, jitter, loss, reordering and duplication from a seed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use alcove::sfu::{Protocol, Route};

use crate::world::SERVER;

/// Random numbers that are the same for the same seed (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `below`, exclusive.
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.roll() % below.max(1)
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// How bad the network is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) delay: Duration,
    pub(crate) jitter: Duration,
    pub(crate) loss_percent: u64,
    pub(crate) reorder_percent: u64,
    pub(crate) duplicate_percent: u64,
    /// How much passes in a second to each browser, behind a queue of [`QUEUE_MAX`]; more is lost.
    pub(crate) bits_per_second: Option<u64>,
}

/// The longest that a datagram waits for its turn on a narrow network.
const QUEUE_MAX: Duration = Duration::from_millis(200);

impl Weather {
    pub(crate) const CALM: Self = Self {
        delay: Duration::from_millis(2),
        jitter: Duration::ZERO,
        loss_percent: 0,
        reorder_percent: 0,
        duplicate_percent: 0,
        bits_per_second: None,
    };

    pub(crate) const ROUGH: Self = Self {
        delay: Duration::from_millis(15),
        jitter: Duration::from_millis(6),
        loss_percent: 3,
        reorder_percent: 2,
        duplicate_percent: 1,
        bits_per_second: None,
    };
}

/// A datagram on its way.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) contents: Vec<u8>,
}

impl Parcel {
    pub(crate) fn route(&self) -> Route {
        Route { protocol: Protocol::Udp, source: self.source, destination: self.destination }
    }
}

/// The network of one meeting.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) weather: Weather,
    dice: Dice,
    on_the_way: BTreeMap<(Instant, u64), Parcel>,
    /// The newest arrival of each way: without reordering nothing overtakes.
    newest: BTreeMap<(SocketAddr, SocketAddr), Instant>,
    /// When each destination's way is free again.
    free_at: BTreeMap<SocketAddr, Instant>,
    count: u64,
    /// Addresses that nothing reaches nor leaves.
    pub(crate) cut_off: Vec<SocketAddr>,
}

impl Link {
    pub(crate) fn new(weather: Weather, seed: u64) -> Self {
        Self {
            weather,
            dice: Dice::new(seed),
            on_the_way: BTreeMap::new(),
            newest: BTreeMap::new(),
            free_at: BTreeMap::new(),
            count: 0,
            cut_off: Vec::new(),
        }
    }

    pub(crate) fn send(&mut self, parcel: Parcel, now: Instant) {
        let cut = self.cut_off.iter().any(|one| *one == parcel.source || *one == parcel.destination);
        if cut || self.dice.percent(self.weather.loss_percent) {
            return;
        }
        let Some(leaves) = self.queue(&parcel, now) else { return };
        if self.dice.percent(self.weather.duplicate_percent) {
            self.put(parcel.clone(), leaves);
        }
        self.put(parcel, leaves);
    }

    /// When its turn has come; `None` where the queue is full.
    fn queue(&mut self, parcel: &Parcel, now: Instant) -> Option<Instant> {
        let narrow = self.weather.bits_per_second.filter(|_| parcel.destination != SERVER);
        let Some(bits_per_second) = narrow else { return Some(now) };
        let free_at = self.free_at.entry(parcel.destination).or_insert(now);
        let begins = now.max(*free_at);
        if begins - now > QUEUE_MAX {
            return None;
        }
        *free_at = begins + Duration::from_micros(parcel.contents.len() as u64 * 8_000_000 / bits_per_second);
        Some(*free_at)
    }

    fn put(&mut self, parcel: Parcel, now: Instant) {
        let jitter_us = self.weather.jitter.as_micros() as u64;
        let mut at = now + self.weather.delay + Duration::from_micros(self.dice.below(jitter_us + 1));
        let newest = self.newest.entry((parcel.source, parcel.destination)).or_insert(at);
        if self.dice.percent(self.weather.reorder_percent) {
            at += Duration::from_millis(8);
        } else {
            at = at.max(*newest);
            *newest = at;
        }
        self.count += 1;
        self.on_the_way.insert((at, self.count), parcel);
    }

    /// The next datagram that has arrived.
    pub(crate) fn receive(&mut self, now: Instant) -> Option<Parcel> {
        let first = *self.on_the_way.keys().next()?;
        (first.0 <= now).then(|| self.on_the_way.remove(&first)).flatten()
    }
}
