//! Video payloads: what is read of them, and the ids that are written into them.

use crate::sfu::keyframe::look;
use crate::sfu::rewrite::Vp8Ids;
use crate::sfu::vp8;
use crate::track::VideoCodec;

/// An RTP payload: looked at as either codec, and renumbered as VP8.
pub fn payloads(data: &[u8]) {
    for codec in [VideoCodec::H264, VideoCodec::Vp8] {
        let sight = look(codec, data);
        assert!(sight.starts_keyframe || sight.height.is_none(), "a height without a key frame");
    }
    let Some(ids) = vp8::ids(data) else { return check_left_alone(data) };
    assert!(ids.picture.is_none_or(|picture| picture < 1 << 15));
    let other = Vp8Ids { picture: ids.picture.map(|id| !id & 0x7fff), tl0: ids.tl0.map(|id| !id) };
    let mut renumbered = data.to_vec();
    vp8::renumber(&mut renumbered, other);
    assert_eq!(vp8::ids(&renumbered), Some(other), "what was written is not what is read");
    let bytes = 2 * usize::from(ids.picture.is_some()) + usize::from(ids.tl0.is_some());
    let changed = data.iter().zip(&renumbered).filter(|(before, after)| before != after).count();
    assert!(changed <= bytes, "more than the ids was changed");
    vp8::renumber(&mut renumbered, ids);
    assert_eq!(renumbered, data, "the ids do not come back");
}

fn check_left_alone(data: &[u8]) {
    let mut renumbered = data.to_vec();
    vp8::renumber(&mut renumbered, Vp8Ids { picture: Some(1), tl0: Some(1) });
    assert_eq!(renumbered, data, "something was written where there are no ids");
}
