//! Video payloads: what is read of them, and the ids that are written into them.

use crate::sfu::keyframe::look;
use crate::sfu::rewrite::PictureIds;
use crate::sfu::temporal::TID_MAX;
use crate::sfu::{descriptor, vp8, vp9};
use crate::track::VideoCodec;

/// An RTP payload: looked at as either codec, and renumbered as VP8 and VP9; and what descriptors tell.
pub fn payloads(data: &[u8]) {
    for codec in [VideoCodec::H264, VideoCodec::Vp8, VideoCodec::Vp9, VideoCodec::Av1] {
        let sight = look(codec, data);
        assert!(sight.starts_keyframe || sight.height.is_none(), "a height without a key frame");
    }
    check_ids(data, vp8::ids, vp8::renumber);
    check_ids(data, vp9::ids, vp9::renumber);
    check_layers(data);
}

/// What is read of the layers, by a descriptor and by a payload; and that a frame's number alone is written.
fn check_layers(data: &[u8]) {
    let mut structure = None;
    let told = [vp9::layers(data, &mut 1), descriptor::read(data, &mut structure)];
    for (temporal, _) in told.into_iter().flatten() {
        assert!(temporal.id <= TID_MAX, "a temporal layer beyond the highest");
    }
    let mut renumbered = data.to_vec();
    descriptor::renumber(&mut renumbered, 0x1234);
    assert_eq!(descriptor::frame(&renumbered), descriptor::frame(data).map(|_| 0x1234));
    assert_eq!(renumbered.get(3..), data.get(3..), "more than the frame number was changed");
}

fn check_ids(
    data: &[u8],
    ids: impl Fn(&[u8]) -> Option<PictureIds>,
    renumber: impl Fn(&mut [u8], PictureIds),
) {
    let Some(told) = ids(data) else { return check_left_alone(data, renumber) };
    assert!(told.picture.is_none_or(|picture| picture < 1 << 15));
    let other = PictureIds { picture: told.picture.map(|id| !id & 0x7fff), tl0: told.tl0.map(|id| !id) };
    let mut renumbered = data.to_vec();
    renumber(&mut renumbered, other);
    assert_eq!(ids(&renumbered), Some(other), "what was written is not what is read");
    let bytes = 2 * usize::from(told.picture.is_some()) + usize::from(told.tl0.is_some());
    let changed = data.iter().zip(&renumbered).filter(|(before, after)| before != after).count();
    assert!(changed <= bytes, "more than the ids was changed");
    renumber(&mut renumbered, told);
    assert_eq!(renumbered, data, "the ids do not come back");
}

fn check_left_alone(data: &[u8], renumber: impl Fn(&mut [u8], PictureIds)) {
    let mut renumbered = data.to_vec();
    renumber(&mut renumbered, PictureIds { picture: Some(1), tl0: Some(1) });
    assert_eq!(renumbered, data, "something was written where there are no ids");
}
