//! A network between two ends: delay, jitter, loss, reordering and duplication from a seed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Random numbers that are the same for the same seed (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `below`, exclusive.
    pub fn below(&mut self, below: u64) -> u64 {
        self.roll() % below.max(1)
    }

    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// How bad the network is.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    pub delay: Duration,
    pub jitter: Duration,
    pub loss_percent: u64,
    pub reorder_percent: u64,
    pub duplicate_percent: u64,
}

impl Weather {
    pub const CALM: Self = Self {
        delay: Duration::from_millis(2),
        jitter: Duration::ZERO,
        loss_percent: 0,
        reorder_percent: 0,
        duplicate_percent: 0,
    };

    pub const ROUGH: Self = Self {
        delay: Duration::from_millis(15),
        jitter: Duration::from_millis(6),
        loss_percent: 3,
        reorder_percent: 2,
        duplicate_percent: 1,
    };
}

/// A datagram on its way.
#[derive(Debug, Clone)]
pub struct Parcel {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub contents: Vec<u8>,
}

/// The network of one meeting.
#[derive(Debug)]
pub struct Link {
    pub weather: Weather,
    dice: Dice,
    on_the_way: BTreeMap<(Instant, u64), Parcel>,
    /// The newest arrival of each way: without reordering nothing overtakes.
    newest: BTreeMap<(SocketAddr, SocketAddr), Instant>,
    count: u64,
    /// Addresses that nothing reaches nor leaves.
    pub cut_off: Vec<SocketAddr>,
}

impl Link {
    pub fn new(weather: Weather, seed: u64) -> Self {
        Self {
            weather,
            dice: Dice::new(seed),
            on_the_way: BTreeMap::new(),
            newest: BTreeMap::new(),
            count: 0,
            cut_off: Vec::new(),
        }
    }

    pub fn send(&mut self, parcel: Parcel, now: Instant) {
        let cut = self.cut_off.iter().any(|one| *one == parcel.source || *one == parcel.destination);
        if cut || self.dice.percent(self.weather.loss_percent) {
            return;
        }
        if self.dice.percent(self.weather.duplicate_percent) {
            self.put(parcel.clone(), now);
        }
        self.put(parcel, now);
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
    pub fn receive(&mut self, now: Instant) -> Option<Parcel> {
        let first = *self.on_the_way.keys().next()?;
        (first.0 <= now).then(|| self.on_the_way.remove(&first)).flatten()
    }
}
