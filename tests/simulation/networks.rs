//! Bad networks: how long pictures stand still, whether sound goes on, and what people are told.

use std::time::{Duration, Instant};

use alcove::sfu::{Event, PeerId};

use crate::browser::{AUDIO_SLOTS, Arrival};
use crate::link::Weather;
use crate::world::{BOTH, CAMERA, World};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// A picture that stands longer than this is noticed: three frames and 150 ms (W3C webrtc-stats, freezeCount).
const FREEZE: Duration = Duration::from_millis(250);

/// When each packet of a flow was of use: not before those before it, unless it begins anew.
fn of_use<'a>(arrivals: impl Iterator<Item = (&'a u64, &'a Arrival)>) -> Vec<Instant> {
    let mut used: Vec<Instant> = Vec::new();
    let mut last: Option<u64> = None;
    for (number, arrival) in arrivals {
        let follows = last.is_none_or(|last| *number == last + 1);
        if !follows && !arrival.stamp.begins {
            continue;
        }
        last = Some(*number);
        used.push(used.last().map_or(arrival.at, |before| arrival.at.max(*before)));
    }
    used
}

/// How long somebody's camera stood still for a viewer since then, all in all.
fn frozen(world: &mut World, viewer: PeerId, since: Instant) -> Duration {
    let browser = world.browser(viewer);
    let slots = browser.slots.iter().skip(AUDIO_SLOTS);
    let arrivals = slots.filter_map(|slot| browser.arrivals.get(slot)).next().expect("a picture");
    let used: Vec<Instant> = of_use(arrivals.iter()).into_iter().filter(|at| *at >= since).collect();
    let pauses = used.windows(2).map(|pair| pair[1] - pair[0]);
    pauses.filter(|pause| *pause > FREEZE).sum()
}

/// The longest time without any sound.
fn longest_silence(world: &mut World, listener: PeerId, since: Instant) -> Duration {
    let browser = world.browser(listener);
    let sounds = browser.slots.iter().take(AUDIO_SLOTS).filter_map(|slot| browser.arrivals.get(slot));
    let mut at: Vec<Instant> =
        sounds.flat_map(|slot| slot.values().map(|one| one.at)).filter(|at| *at >= since).collect();
    at.sort_unstable();
    at.windows(2).map(|pair| pair[1] - pair[0]).max().expect("sounds")
}

/// The grades that were told of a peer last.
fn grades(world: &World, of: PeerId) -> Option<(u8, u8)> {
    world.events.iter().rev().find_map(|event| match event {
        Event::Quality { peer, up, down } if *peer == of => Some((*up, *down)),
        _ => None,
    })
}

fn lossy(percent: u64) -> Weather {
    Weather {
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(5),
        loss_percent: percent,
        ..Weather::CALM
    }
}

#[test]
fn at_ten_per_cent_loss_each_way_pictures_stand_still_less_than_a_second_in_a_minute_and_sound_goes_on() {
    for seed in 200..203 {
        let mut world = World::new(lossy(10), seed);
        let publisher = world.join(&BOTH, &CAMERA);
        let viewer = world.join(&BOTH, &[]);
        world.watch(viewer, &[(publisher, 720)]);
        world.run(5 * SECOND);
        let since = world.now;
        world.run(MINUTE);
        let stood = frozen(&mut world, viewer, since);
        assert!(stood < SECOND, "seed {seed}: {stood:?} in a minute");
        let silence = longest_silence(&mut world, viewer, since);
        assert!(silence <= Duration::from_millis(200), "seed {seed}: {silence:?}");
        let stats = world.forwarder.stats(viewer);
        let seen = world.seen_by(viewer);
        assert!(seen.iter().any(|stamp| stamp.layer == 2), "seed {seed}: {seen:?}, {stats:?}");
    }
}

#[test]
fn a_network_that_becomes_narrow_is_followed_within_three_seconds_and_used_again_within_fifteen() {
    let mut world = World::new(lossy(0), 210);
    // Four pictures of 500 kbit/s.
    let ids = [0; 4].map(|_| world.join(&BOTH, &CAMERA));
    let viewer = world.join(&BOTH, &[]);
    world.watch(viewer, &ids.map(|id| (id, 720)));
    world.run(5 * SECOND);
    let layers =
        |world: &mut World| world.seen_by(viewer).iter().map(|stamp| stamp.layer).collect::<Vec<_>>();
    assert_eq!(layers(&mut world), [2; 4]);
    world.link.weather.bits_per_second = Some(500_000);
    world.run(3 * SECOND);
    let estimate =
        |world: &World| world.forwarder.stats(viewer).and_then(|stats| stats.estimate_bps).expect("told");
    assert!(estimate(&world) <= 550_000, "{} bit/s", estimate(&world));
    world.run(10 * SECOND);
    world.link.weather.bits_per_second = None;
    world.run(15 * SECOND);
    assert_eq!(layers(&mut world), [2; 4], "{} bit/s", estimate(&world));
}

#[test]
fn how_good_a_way_is_is_told_when_it_becomes_bad_and_when_it_is_good_again() {
    let mut world = World::new(lossy(0), 220);
    let publisher = world.join(&BOTH, &CAMERA);
    let viewer = world.join(&BOTH, &[]);
    world.watch(viewer, &[(publisher, 720)]);
    world.run(6 * SECOND);
    assert_eq!(grades(&world, viewer), None, "nothing is told of good ways");
    world.link.weather.loss_percent = 15;
    world.run(6 * SECOND);
    let (_, down) = grades(&world, viewer).expect("told");
    assert!(down <= 2, "{down}");
    world.link.weather.loss_percent = 0;
    world.run(30 * SECOND);
    assert_eq!(grades(&world, viewer), Some((5, 5)));
}

#[test]
fn a_way_that_is_lost_has_grade_zero() {
    let mut world = World::new(lossy(0), 230);
    let publisher = world.join(&BOTH, &CAMERA);
    world.run(4 * SECOND);
    world.browsers.retain(|browser| browser.id != publisher);
    world.run(6 * SECOND);
    assert_eq!(grades(&world, publisher), Some((0, 0)));
}
