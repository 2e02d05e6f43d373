//! The VP9 payload descriptor (RFC 9628, 4.2): layers, the sizes of their pictures, and the ids that a slot counts by
//! itself.
//!
//! ```text
//!   I P L F B E V Z │ M picture id │ tid U sid D │ TL0PICIDX │ P_DIFF N … │ N_S Y G · sizes · pictures │ the frame
//!                     └─ if I ─────┘ └─ if L ────┘ └─ not F ─┘ └─ F and P ┘ └─ if V ────────────────────┘
//! ```

use crate::sfu::keyframe::Sight;
use crate::sfu::rewrite::PictureIds;
use crate::sfu::spatial::{Heights, Spatial, heights};
use crate::sfu::temporal::{TID_MAX, Temporal};

const HAS_PICTURE: u8 = 0x80;
const IS_PREDICTED: u8 = 0x40;
const HAS_LAYER: u8 = 0x20;
const IS_FLEXIBLE: u8 = 0x10;
const BEGINS: u8 = 0x08;
const ENDS: u8 = 0x04;
const HAS_STRUCTURE: u8 = 0x02;
/// The picture id has 15 bits.
const LONG_PICTURE: u8 = 0x80;
const PICTURE_MASK: u16 = 0x7fff;
/// The most pictures that a flexible one names as its references.
const REFERENCES_MAX: usize = 3;

/// A descriptor that was read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Read {
    flags: u8,
    /// Where the ids stand.
    picture_at: Option<usize>,
    tl0_at: Option<usize>,
    /// The byte of the layer indices.
    layer: Option<u8>,
    /// How many spatial layers the structure tells of, and their heights if it does.
    structure: Option<(u8, Option<Heights>)>,
}

fn read(payload: &[u8]) -> Option<Read> {
    let flags = *payload.first()?;
    let mut read = Read { flags, picture_at: None, tl0_at: None, layer: None, structure: None };
    let mut at = 1;
    if flags & HAS_PICTURE != 0 {
        let is_long = payload.get(at)? & LONG_PICTURE != 0;
        // A short id is too narrow for the slot's own numbers: it stays as it is.
        read.picture_at = is_long.then_some(at);
        at += if is_long { 2 } else { 1 };
    }
    if flags & HAS_LAYER != 0 {
        read.layer = Some(*payload.get(at)?);
        at += 1;
        if flags & IS_FLEXIBLE == 0 {
            read.tl0_at = Some(at);
            at += 1;
        }
    }
    if flags & (IS_FLEXIBLE | IS_PREDICTED) == IS_FLEXIBLE | IS_PREDICTED {
        at = behind_references(payload, at)?;
    }
    if flags & HAS_STRUCTURE != 0 {
        let (structure, behind) = read_structure(payload, at)?;
        read.structure = Some(structure);
        at = behind;
    }
    (payload.len() > at).then_some(read)
}

fn behind_references(payload: &[u8], at: usize) -> Option<usize> {
    for nth in 0..REFERENCES_MAX {
        if payload.get(at + nth)? & 1 == 0 {
            return Some(at + nth + 1);
        }
    }
    Some(at + REFERENCES_MAX)
}

/// The scalability structure (4.2.1), and where it ends.
fn read_structure(payload: &[u8], mut at: usize) -> Option<((u8, Option<Heights>), usize)> {
    let first = *payload.get(at)?;
    at += 1;
    let count = (first >> 5) + 1;
    let mut told = None;
    if first & 0x10 != 0 {
        let sizes = payload.get(at..at + 4 * usize::from(count))?;
        told = Some(heights(sizes.chunks_exact(4).map(|size| u16::from_be_bytes([size[2], size[3]]))));
        at += sizes.len();
    }
    if first & 0x08 != 0 {
        let pictures = *payload.get(at)?;
        at += 1;
        for _ in 0..pictures {
            at += 1 + usize::from(payload.get(at)? >> 2 & 3);
        }
    }
    Some(((count, told), at))
}

impl Read {
    fn spatial_id(&self) -> u8 {
        self.layer.map_or(0, |layer| layer >> 1 & 7)
    }

    fn starts_keyframe(&self) -> bool {
        self.flags & (BEGINS | IS_PREDICTED) == BEGINS && self.spatial_id() == 0
    }
}

/// Whether a key frame begins, and how high its largest picture is.
pub(super) fn look(payload: &[u8]) -> Sight {
    let Some(read) = read(payload).filter(Read::starts_keyframe) else { return Sight::default() };
    let heights = read.structure.and_then(|(_, heights)| heights);
    let height = heights.and_then(|heights| heights.into_iter().max()).filter(|height| *height > 0);
    Sight { starts_keyframe: true, height }
}

/// The frame's place among the layers; `count` is what the last structure told. `None` where the packet does not tell.
pub(super) fn layers(payload: &[u8], count: &mut u8) -> Option<(Temporal, Spatial)> {
    let read = read(payload)?;
    if let Some((told, _)) = read.structure {
        *count = told;
    }
    let layer = read.layer?;
    let id = (layer >> 5).min(TID_MAX);
    // U: nothing that follows needs an upper layer's pictures from before this one.
    let opens = if layer & 0x10 != 0 { TID_MAX } else { 0 };
    let spatial = Spatial {
        id: read.spatial_id(),
        count: *count,
        ends: read.flags & ENDS != 0,
        heights: read.structure.and_then(|(_, heights)| heights),
    };
    Some((Temporal { id, opens, needs: id }, spatial))
}

/// The ids of a packet; `None` where it has none.
pub(super) fn ids(payload: &[u8]) -> Option<PictureIds> {
    let read = read(payload)?;
    let picture = read.picture_at.map(|at| u16::from_be_bytes([payload[at], payload[at + 1]]) & PICTURE_MASK);
    let tl0 = read.tl0_at.map(|at| payload[at]);
    (picture.is_some() || tl0.is_some()).then_some(PictureIds { picture, tl0 })
}

/// Writes other ids over those that a packet has.
pub(super) fn renumber(payload: &mut [u8], ids: PictureIds) {
    let Some(Read { picture_at, tl0_at, .. }) = read(payload) else { return };
    if let (Some(at), Some(picture)) = (picture_at, ids.picture) {
        let [high, low] = picture.to_be_bytes();
        (payload[at], payload[at + 1]) = (high | LONG_PICTURE, low);
    }
    if let (Some(at), Some(tl0)) = (tl0_at, ids.tl0) {
        payload[at] = tl0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The first packet of a key picture in three sizes, as Chromium sends it: 15-bit id, layer indices, sizes.
    const KEY: [u8; 18] = [
        0xaa, 0x81, 0x02, 0x00, 0x07, 0x58, 0x01, 0x40, 0, 0xb4, 0x02, 0x80, 0x01, 0x68, 0x05, 0, 0x02, 0xd0,
    ];

    fn with_structure(pictures: &[u8]) -> Vec<u8> {
        let mut payload = KEY.to_vec();
        payload.extend(pictures);
        payload.extend([0x82, 0x49]);
        payload
    }

    #[test]
    fn a_key_picture_tells_the_heights_of_all_its_sizes() {
        let payload = with_structure(&[2, 0x04, 1, 0x20]);
        assert_eq!(look(&payload), Sight { starts_keyframe: true, height: Some(720) });
        let mut count = 1;
        let (temporal, spatial) = layers(&payload, &mut count).expect("layers");
        assert_eq!((temporal.id, count), (0, 3));
        let heights = Some([180, 360, 720]);
        assert_eq!(spatial, Spatial { id: 0, count: 3, ends: false, heights });
    }

    #[test]
    fn later_packets_tell_their_layer_and_none_of_them_starts_anything() {
        let mut count = 3;
        // Picture id, layers, predicted, ends: tid 2, U, sid 1, D.
        let payload = [0x80 | 0x40 | 0x20 | ENDS, 0x90, 0x01, 0b0101_0011, 9, 0xff];
        let (temporal, spatial) = layers(&payload, &mut count).expect("layers");
        assert_eq!(temporal, Temporal { id: 2, opens: TID_MAX, needs: 2 });
        assert_eq!(spatial, Spatial { id: 1, count: 3, ends: true, heights: None });
        assert_eq!(look(&payload), Sight::default());
        let upper = [0x80 | 0x20 | BEGINS, 0x90, 0x01, 0b0000_0011, 9, 0xff];
        assert_eq!(
            look(&upper),
            Sight::default(),
            "the larger pictures of a key picture follow its smallest"
        );
        let flexible = [0x80 | 0x40 | 0x20 | IS_FLEXIBLE, 0x90, 0x01, 0b0010_0000, 0x03, 0x02, 0xff];
        assert_eq!(layers(&flexible, &mut count).map(|(temporal, _)| temporal.id), Some(1));
        assert_eq!(ids(&flexible), Some(PictureIds { picture: Some(0x1001), tl0: None }));
        assert_eq!(layers(&[0x08, 0xff], &mut count), None, "it tells of no layers");
    }

    #[test]
    fn ids_are_written_where_they_stand() {
        let mut payload = with_structure(&[0]);
        let before = payload.clone();
        assert_eq!(ids(&payload), Some(PictureIds { picture: Some(0x0102), tl0: Some(7) }));
        let other = PictureIds { picture: Some(0x7abc), tl0: Some(200) };
        renumber(&mut payload, other);
        assert_eq!(ids(&payload), Some(other));
        let changed: Vec<usize> = (0..payload.len()).filter(|at| before[*at] != payload[*at]).collect();
        assert_eq!(changed, [1, 2, 4]);
        assert_eq!(
            ids(&[0xa8, 0x7f, 0x00, 7, 1]),
            Some(PictureIds { picture: None, tl0: Some(7) }),
            "a short id"
        );
    }

    proptest! {
        #[test]
        fn no_payload_is_trusted(payload in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut count = 1;
            look(&payload);
            layers(&payload, &mut count);
            prop_assert!((1..=8).contains(&count));
            let mut renumbered = payload.clone();
            match ids(&payload) {
                Some(told) => {
                    let other = PictureIds { picture: told.picture.map(|id| !id & PICTURE_MASK), tl0: told.tl0.map(|id| !id) };
                    renumber(&mut renumbered, other);
                    prop_assert_eq!(ids(&renumbered), Some(other));
                }
                None => {
                    renumber(&mut renumbered, PictureIds { picture: Some(1), tl0: Some(1) });
                    prop_assert_eq!(renumbered, payload);
                }
            }
        }

        #[test]
        fn what_is_cut_short_tells_nothing(length in 0..KEY.len()) {
            prop_assert_eq!(ids(&KEY[..length]), None);
        }
    }
}
