//! Meetings in VP9, whose picture sizes share one flow (SVC).

use std::time::{Duration, Instant};

use alcove::sfu::{Codecs, Event, PeerId};
use alcove::track::{Layer, Source, VideoCodec};

use crate::browser::Arrival;
use crate::link::Weather;
use crate::world::{BOTH, World};

const SECOND: Duration = Duration::from_secs(1);
const ALL: [VideoCodec; 3] = [VideoCodec::H264, VideoCodec::Vp8, VideoCodec::Vp9];

fn world(seed: u64) -> World {
    World::preferring(VideoCodec::Vp9, Weather::CALM, seed)
}

/// What arrived of pictures since then, in order, with its number.
fn since(world: &mut World, viewer: PeerId, since: Instant) -> Vec<(u64, Arrival)> {
    let arrivals = world.browser(viewer).arrivals.values();
    let arrivals =
        arrivals.flatten().filter(|(_, one)| one.stamp.source == Source::Camera && one.at >= since);
    arrivals.map(|(number, one)| (*number, *one)).collect()
}

/// Nothing is missing: each number follows the one before, and the last packet of each picture, and no other, says so.
fn check_whole(received: &[(u64, Arrival)]) {
    for pair in received.windows(2) {
        let ((number, one), (next_number, next)) = (pair[0], pair[1]);
        assert_eq!(next_number, number + 1, "a hole");
        assert_eq!(one.marker, next.timestamp != one.timestamp, "{one:?} before {next:?}");
    }
}

fn sizes(received: &[(u64, Arrival)]) -> Vec<u8> {
    let mut sizes: Vec<u8> = received.iter().map(|(_, one)| one.stamp.layer).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

fn keyframes_asked(world: &mut World, publisher: PeerId) -> usize {
    world.browser(publisher).keyframe_requests.len()
}

#[test]
fn everybody_gets_the_sizes_up_to_the_one_that_is_wished_for_and_no_holes() {
    let mut world = world(900);
    let publisher = world.join(&ALL, &[Source::Camera]);
    let (large, small) = (world.join(&ALL, &[]), world.join(&ALL, &[]));
    world.watch(large, &[(publisher, 720)]);
    world.watch(small, &[(publisher, 180)]);
    world.run(2 * SECOND);
    let start = world.now;
    world.run(3 * SECOND);
    for (viewer, expected) in [(large, vec![0, 1, 2]), (small, vec![0])] {
        let received = since(&mut world, viewer, start);
        assert!(received.len() >= 85, "{} packets in three seconds", received.len());
        assert_eq!(sizes(&received), expected);
        assert!(received.iter().all(|(_, one)| one.stamp.codec == Some(VideoCodec::Vp9)));
        check_whole(&received);
        assert_eq!(world.check_slots(viewer), 0);
    }
}

#[test]
fn down_is_at_once_and_up_is_at_a_key_frame_that_is_asked_for_once() {
    let mut world = world(910);
    let publisher = world.join(&ALL, &[Source::Camera]);
    let (viewer, other) = (world.join(&ALL, &[]), world.join(&ALL, &[]));
    for who in [viewer, other] {
        world.watch(who, &[(publisher, 720)]);
    }
    world.run(3 * SECOND);
    let (start, asked) = (world.now, keyframes_asked(&mut world, publisher));
    world.watch(viewer, &[(publisher, 180)]);
    world.run(SECOND);
    let received = since(&mut world, viewer, start + Duration::from_millis(40));
    assert_eq!(sizes(&received), [0], "from the next picture on");
    assert_eq!(keyframes_asked(&mut world, publisher), asked, "without a key frame");
    let start = world.now;
    world.watch(viewer, &[(publisher, 720)]);
    world.run(3 * SECOND);
    assert_eq!(keyframes_asked(&mut world, publisher), asked + 1);
    let received = since(&mut world, viewer, start);
    let first_large = received.iter().find(|(_, one)| one.stamp.layer == 2).expect("it grows").1;
    assert!(first_large.at - start < Duration::from_millis(100), "{:?}", first_large.at - start);
    check_whole(&received);
    for who in [viewer, other] {
        assert_eq!(world.check_slots(who), 0);
    }
}

#[test]
fn picture_ids_keep_their_distances_whatever_is_left_out() {
    let mut world = world(920);
    let publisher = world.join(&ALL, &[Source::Camera]);
    let viewer = world.join(&ALL, &[]);
    world.watch(viewer, &[(publisher, 720)]);
    world.run(6 * SECOND);
    // Enough for half of the frames of the middle size.
    world.link.weather.bits_per_second = Some(500_000);
    world.run(10 * SECOND);
    let start = world.now;
    world.run(3 * SECOND);
    let received = since(&mut world, viewer, start);
    let times: Vec<(u16, u32)> =
        received.iter().map(|(_, one)| (one.picture.expect("VP9"), one.timestamp)).collect();
    for pair in times.windows(2) {
        let pictures = pair[1].0.wrapping_sub(pair[0].0) & 0x7fff;
        // 2,970 ticks are 33 ms.
        assert_eq!(u32::from(pictures) * 2970, pair[1].1.wrapping_sub(pair[0].1), "{pair:?}");
    }
    assert!(!sizes(&received).contains(&2), "{:?}", sizes(&received));
    check_whole(&received);
    world.link.weather.bits_per_second = None;
    world.run(30 * SECOND);
    assert!(world.seen_by(viewer).iter().any(|stamp| stamp.layer == 2), "it grows again");
    // What the network itself had no room for never came.
    world.check_slots(viewer);
}

#[test]
fn the_publisher_is_told_which_sizes_are_watched_and_may_make_fewer() {
    let mut world = world(930);
    let publisher = world.join(&ALL, &[Source::Camera]);
    let viewer = world.join(&ALL, &[]);
    world.watch(viewer, &[(publisher, 360)]);
    world.run(5 * SECOND);
    let wanted = |world: &World| {
        let told = world.events.iter().rev().find_map(|event| match event {
            Event::LayersWanted { peer, highest, .. } if *peer == publisher => Some(*highest),
            _ => None,
        });
        told.flatten()
    };
    assert_eq!(wanted(&world), Some(Layer(1)));
    let bytes_in = |world: &mut World| {
        let before = world.forwarder.stats(publisher).expect("its counters").bytes_in;
        world.run(2 * SECOND);
        world.forwarder.stats(publisher).expect("its counters").bytes_in - before
    };
    let before = bytes_in(&mut world);
    let ask = |world: &mut World, sizes: u8| {
        world.browser(publisher).make_sizes(sizes);
    };
    ask(&mut world, 2);
    let after = bytes_in(&mut world);
    assert!(after * 2 < before, "{before} bytes before, {after} after");
    assert!(world.seen_by(viewer).iter().all(|stamp| stamp.layer <= 1), "{:?}", world.seen_by(viewer));
    world.watch(viewer, &[(publisher, 720)]);
    assert_eq!(wanted(&world), Some(Layer(1)), "until the next step");
    world.run(Duration::from_millis(10));
    assert_eq!(wanted(&world), Some(Layer(2)), "more is told at once");
    ask(&mut world, 3);
    world.run(2 * SECOND);
    let start = world.now;
    world.run(SECOND);
    let received = since(&mut world, viewer, start);
    assert_eq!(sizes(&received), [0, 1, 2]);
    check_whole(&received);
    assert_eq!(world.check_slots(viewer), 0);
}

#[test]
fn somebody_without_the_codec_turns_all_to_the_plain_one_and_back() {
    let mut world = world(940);
    let publisher = world.join(&ALL, &[Source::Camera]);
    let viewer = world.join(&ALL, &[]);
    world.watch(viewer, &[(publisher, 720)]);
    world.run(2 * SECOND);
    let codec = |world: &mut World| world.seen_by(viewer).first().and_then(|stamp| stamp.codec);
    assert_eq!(codec(&mut world), Some(VideoCodec::Vp9));
    let old = world.join(&BOTH, &[]);
    world.watch(old, &[(publisher, 720)]);
    world.run(2 * SECOND);
    assert!(world.events.contains(&Event::Codecs(Codecs::preferring(VideoCodec::H264))));
    for who in [viewer, old] {
        let seen = world.seen_by(who);
        assert!(seen.len() == 1 && seen[0].codec == Some(VideoCodec::H264) && seen[0].layer == 2, "{seen:?}");
    }
    world.leave(old);
    world.run(3 * SECOND);
    assert_eq!(codec(&mut world), Some(VideoCodec::Vp9));
    let start = world.now;
    world.run(SECOND);
    let received = since(&mut world, viewer, start);
    assert_eq!(sizes(&received), [0, 1, 2]);
    check_whole(&received);
    assert_eq!(world.check_slots(viewer), 0);
}

#[test]
fn loss_and_reordering_lose_no_more_than_of_other_codecs() {
    let mut world = World::preferring(VideoCodec::Vp9, Weather::ROUGH, 950);
    let publisher = world.join(&ALL, &[Source::Camera]);
    let (small, large) = (world.join(&ALL, &[]), world.join(&ALL, &[]));
    world.watch(small, &[(publisher, 180)]);
    world.watch(large, &[(publisher, 720)]);
    world.run(20 * SECOND);
    world.link.weather = Weather::CALM;
    world.run(3 * SECOND);
    let missing = world.check_slots(large);
    let arrived: usize = world.browser(large).arrivals.values().map(|slot| slot.len()).sum();
    assert!(missing * 50 < arrived as u64, "{missing} of {arrived} never came");
    // Of a size that is left out, what comes late fills its place with nothing: that is not counted here.
    world.check_slots(small);
    for viewer in [small, large] {
        assert!(!world.seen_by(viewer).is_empty(), "{viewer} sees nothing");
    }
}
