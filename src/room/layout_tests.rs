//! Questions to the layout: who stands where, and that nothing ever overlaps.

use proptest::prelude::*;

use super::*;
use crate::room::scene::SceneAside;

const HD: Size = Size { width: 1280, height: 720 };

/// A meeting of this room (id 0) and `others` participants (ids from 1).
fn meeting(others: u64) -> SceneModel {
    let person = |id| SceneParticipant {
        id,
        name: format!("person {id}"),
        is_room: id == 0,
        camera: true,
        microphone_muted: false,
        screen: false,
    };
    SceneModel {
        meeting: Some("standup".into()),
        participants: (0..=others).map(person).collect(),
        ..SceneModel::default()
    }
}

fn places(layout: &Layout, place: Place) -> Vec<u64> {
    layout.tiles.iter().filter(|tile| tile.place == place).map(|tile| tile.participant).collect()
}

#[test]
fn outside_a_meeting_the_whole_screen_welcomes() {
    let layout = arrange(&SceneModel::default(), HD, None);
    assert_eq!(layout.welcome, Some(Rect { x: 0, y: 0, width: 1280, height: 720 }));
    assert!(layout.tiles.is_empty());
}

#[test]
fn alone_the_room_shows_itself_small_and_invites() {
    let layout = arrange(&meeting(0), HD, None);
    assert_eq!(places(&layout, Place::Own), [0]);
    assert!(layout.welcome.is_some() && layout.panel.is_none());
}

#[test]
fn what_goes_on_stands_below_a_smaller_invitation_and_beside_all_pictures() {
    let aside = SceneAside { hands: vec!["Ann".into()], ..SceneAside::default() };
    let before = arrange(&meeting(3), HD, None);
    let layout = arrange(&SceneModel { aside: aside.clone(), ..meeting(3) }, HD, None);
    let (panel, aside_rect) = (layout.panel.unwrap(), layout.aside.unwrap());
    assert_eq!((before.aside, &before.tiles), (None, &layout.tiles));
    assert!(panel.height < before.panel.unwrap().height && panel.y + panel.height < aside_rect.y);
    assert!(aside_rect.y + aside_rect.height <= layout.tiles.last().unwrap().rect.y);
    assert_eq!(arrange(&SceneModel { aside, ..meeting(0) }, HD, None).aside, None, "alone there is none");
}

#[test]
fn up_to_four_others_are_equals() {
    for count in 2..=4 {
        let layout = arrange(&meeting(count), HD, None);
        assert_eq!(places(&layout, Place::Grid), (1..=count).collect::<Vec<_>>());
    }
}

#[test]
fn five_others_need_a_stage_for_the_active_speaker() {
    let model = SceneModel { active: Some(3), ..meeting(5) };
    let layout = arrange(&model, HD, None);
    assert_eq!(places(&layout, Place::Stage), [3]);
    assert_eq!(places(&layout, Place::Strip), [1, 2, 4, 5]);
}

#[test]
fn the_room_itself_never_takes_the_stage() {
    let model = SceneModel { active: Some(0), ..meeting(5) };
    assert_eq!(places(&arrange(&model, HD, Some(4)), Place::Stage), [4]);
    assert_eq!(places(&arrange(&model, HD, None), Place::Stage), [1]);
}

#[test]
fn a_shared_screen_takes_the_stage_uncut_and_its_owner_stays_visible() {
    let mut model = meeting(3);
    model.participants[2].screen = true;
    let layout = arrange(&model, HD, None);
    assert_eq!((layout.tiles[0].participant, layout.tiles[0].source), (2, Source::Screen));
    assert_eq!(layout.tiles[0].fit, Fit::Contain);
    assert_eq!(places(&layout, Place::Strip), [1, 2, 3]);
}

#[test]
fn who_is_heard_gets_a_tile_in_a_crowd() {
    let model = SceneModel { active: Some(1), heard: vec![1, 11, 3], ..meeting(12) };
    let layout = arrange(&model, HD, None);
    assert_eq!(places(&layout, Place::Strip), [2, 3, 4, 5, 6, 11]);
    assert_eq!(layout.hidden, 5);
}

#[test]
fn wishes_follow_the_tiles_and_leave_out_what_is_not_sent() {
    let mut model = SceneModel { active: Some(2), ..meeting(6) };
    model.participants[4].camera = false;
    let wishes = wishes(&model, &arrange(&model, HD, None));
    let told: Vec<_> = wishes.iter().map(|wish| (wish.participant, wish.max_height)).collect();
    assert_eq!(told, [(2, 720), (1, 180), (3, 180), (5, 180), (6, 180)]);
}

fn overlap(a: Rect, b: Rect) -> bool {
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}

proptest! {
    #[test]
    fn rectangles_are_even_inside_and_apart(
        others in 0_u64..40,
        half in (160_u32..1920, 90_u32..1080),
        active in proptest::option::of(0_u64..40),
        screen in proptest::option::of(1_usize..40),
        staged in proptest::option::of(0_u64..50),
    ) {
        let size = Size { width: half.0 * 2, height: half.1 * 2 };
        let mut model = SceneModel { active, heard: active.into_iter().collect(), ..meeting(others) };
        if let Some(sharer) = screen.and_then(|index| model.participants.get_mut(index)) {
            sharer.screen = true;
        }
        let layout = arrange(&model, size, staged);
        let mut rects: Vec<Rect> = layout.tiles.iter().map(|tile| tile.rect).collect();
        rects.extend(layout.panel);
        rects.extend(layout.welcome);
        for (index, rect) in rects.iter().enumerate() {
            prop_assert!([rect.x, rect.y, rect.width, rect.height].iter().all(|n| n % 2 == 0), "{rect:?}");
            prop_assert!(rect.width >= 2 && rect.height >= 2, "{rect:?}");
            prop_assert!(rect.x + rect.width <= size.width && rect.y + rect.height <= size.height, "{rect:?}");
            prop_assert!(rects[..index].iter().all(|other| !overlap(*rect, *other)), "{rects:?}");
        }
        prop_assert!(layout.tiles.iter().filter(|tile| tile.place == Place::Strip).count() <= STRIP_MAX as usize);
    }
}
