//! Who failed to say who they are, and how often: the bounded table that makes guessing slow.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// The most failures of one address within [`WINDOW`]; then it waits for the end of the window.
pub(crate) const FAILURES_MAX: u32 = 20;

/// How long failures are remembered from the first one on.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);

/// The most addresses that are remembered; the one with the oldest window is forgotten for a new one.
const ADDRESSES_MAX: usize = 4096;

/// The failures of each address. An IPv6 address stands for its /64, which is what one household has.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    windows: BTreeMap<IpAddr, Window>,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    count: u32,
}

impl Failures {
    /// How long the address has still to wait, if it has to.
    pub(crate) fn wait(&self, from: IpAddr, now: Instant) -> Option<Duration> {
        let window = self.windows.get(&network(from))?;
        let left = WINDOW.checked_sub(now.saturating_duration_since(window.since))?;
        (window.count >= FAILURES_MAX && !left.is_zero()).then_some(left)
    }

    /// One more failure.
    pub(crate) fn add(&mut self, from: IpAddr, now: Instant) {
        let from = network(from);
        if !self.windows.contains_key(&from) {
            self.make_room(now);
        }
        let window = self.windows.entry(from).or_insert(Window { since: now, count: 0 });
        if now.saturating_duration_since(window.since) >= WINDOW {
            *window = Window { since: now, count: 0 };
        }
        window.count = window.count.saturating_add(1);
    }

    fn make_room(&mut self, now: Instant) {
        if self.windows.len() < ADDRESSES_MAX {
            return;
        }
        self.windows.retain(|_, window| now.saturating_duration_since(window.since) < WINDOW);
        if self.windows.len() < ADDRESSES_MAX {
            return;
        }
        let oldest = self.windows.iter().min_by_key(|(_, window)| window.since).map(|(address, _)| *address);
        if let Some(oldest) = oldest {
            self.windows.remove(&oldest);
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn start() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "an Instant to count from; nothing waits for it")]
        Instant::now()
    }

    #[test]
    fn an_address_waits_after_too_many_failures_and_may_try_again_later() {
        let (now, from) = (start(), IpAddr::from([192, 0, 2, 1]));
        let mut failures = Failures::default();
        for _ in 0..FAILURES_MAX {
            assert_eq!(failures.wait(from, now), None);
            failures.add(from, now);
        }
        assert_eq!(failures.wait(from, now), Some(WINDOW));
        assert_eq!(failures.wait(IpAddr::from([192, 0, 2, 2]), now), None);
        assert_eq!(failures.wait(from, now + WINDOW), None);
        failures.add(from, now + WINDOW);
        assert_eq!(failures.wait(from, now + WINDOW), None);
    }

    #[test]
    fn addresses_of_one_household_are_counted_together() {
        let now = start();
        let mut failures = Failures::default();
        for host in 0..FAILURES_MAX {
            let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 7, 0, 0, 0, u16::try_from(host).expect("small"));
            failures.add(address.into(), now);
        }
        assert!(failures.wait(Ipv6Addr::new(0x2001, 0xdb8, 0, 7, 9, 9, 9, 9).into(), now).is_some());
        assert!(failures.wait(Ipv6Addr::new(0x2001, 0xdb8, 0, 8, 0, 0, 0, 1).into(), now).is_none());
    }

    #[test]
    fn the_table_never_grows_beyond_its_limit() {
        let now = start();
        let mut failures = Failures::default();
        for number in 0..2 * u32::try_from(ADDRESSES_MAX).expect("small") {
            failures.add(Ipv4Addr::from_bits(number).into(), now + Duration::from_millis(number.into()));
        }
        assert_eq!(failures.windows.len(), ADDRESSES_MAX);
    }
}
