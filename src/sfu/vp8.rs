//! The VP8 payload descriptor (RFC 7741, 4.2): the ids that a slot counts by itself, and temporal layers.

use crate::sfu::rewrite::PictureIds;
use crate::sfu::temporal::Temporal;

const EXTENDED: u8 = 0x80;
const HAS_PICTURE: u8 = 0x80;
const HAS_TL0: u8 = 0x40;
const HAS_LAYER: u8 = 0x20;
/// The picture id has 15 bits.
const LONG_PICTURE: u8 = 0x80;

/// Where the ids stand: the two bytes of a long picture id, and the TL0PICIDX.
fn places(payload: &[u8]) -> Option<(Option<usize>, Option<usize>)> {
    let [first, flags, ..] = payload else { return None };
    if first & EXTENDED == 0 {
        return None;
    }
    let mut at = 2;
    let mut picture = None;
    if flags & HAS_PICTURE != 0 {
        let is_long = payload.get(at)? & LONG_PICTURE != 0;
        // A short id is too narrow for the slot's own numbers: it stays as it is.
        picture = (is_long && payload.len() > at + 1).then_some(at);
        at += if is_long { 2 } else { 1 };
    }
    let tl0 = (flags & HAS_TL0 != 0 && at < payload.len()).then_some(at);
    Some((picture, tl0))
}

/// The frame's place among the temporal layers; `None` where the packet does not tell.
pub(super) fn temporal(payload: &[u8]) -> Option<Temporal> {
    let flags = *payload.get(1).filter(|_| payload[0] & EXTENDED != 0)?;
    let has_layer = flags & HAS_LAYER != 0;
    let mut at = 2;
    if flags & HAS_PICTURE != 0 {
        at += if payload.get(at)? & LONG_PICTURE != 0 { 2 } else { 1 };
    }
    at += usize::from(flags & HAS_TL0 != 0);
    let byte = *payload.get(at).filter(|_| has_layer)?;
    let id = byte >> 6;
    let needs_base_alone = byte & 0x20 != 0;
    // Whoever left out the layer below would lack what later frames of this one need.
    Some(Temporal { id, opens: if needs_base_alone { id } else { 0 }, needs: id.saturating_sub(1) })
}

/// The ids of a packet; `None` where it has none.
pub(super) fn ids(payload: &[u8]) -> Option<PictureIds> {
    let (picture, tl0) = places(payload)?;
    let picture = picture.map(|at| u16::from_be_bytes([payload[at], payload[at + 1]]) & 0x7fff);
    Some(PictureIds { picture, tl0: tl0.map(|at| payload[at]) })
}

/// Writes other ids over those that a packet has.
pub(super) fn renumber(payload: &mut [u8], ids: PictureIds) {
    let Some((picture_at, tl0_at)) = places(payload) else { return };
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
    use super::*;

    #[test]
    fn ids_are_read_and_written_where_they_stand() {
        let mut packet = [0x90, 0xe0, 0x92, 0x34, 7, 0x20, 9, 9];
        assert_eq!(ids(&packet), Some(PictureIds { picture: Some(0x1234), tl0: Some(7) }));
        renumber(&mut packet, PictureIds { picture: Some(0x7ffe), tl0: Some(255) });
        assert_eq!(packet, [0x90, 0xe0, 0xff, 0xfe, 255, 0x20, 9, 9]);
    }

    #[test]
    fn a_short_picture_id_stays_and_what_follows_is_found() {
        let mut packet = [0x90, 0xc0, 0x12, 7, 9];
        assert_eq!(ids(&packet), Some(PictureIds { picture: None, tl0: Some(7) }));
        renumber(&mut packet, PictureIds { picture: Some(1), tl0: Some(8) });
        assert_eq!(packet, [0x90, 0xc0, 0x12, 8, 9]);
    }

    #[test]
    fn the_temporal_layer_stands_behind_the_ids() {
        let layer = |byte| temporal(&[0x90, 0xf0, 0x92, 0x34, 7, byte, 9]);
        assert_eq!(layer(0x00), Some(Temporal { id: 0, opens: 0, needs: 0 }));
        assert_eq!(layer(0x60), Some(Temporal { id: 1, opens: 1, needs: 0 }));
        assert_eq!(layer(0x80), Some(Temporal { id: 2, opens: 0, needs: 1 }));
        assert_eq!(temporal(&[0x90, 0x20, 0x65, 9]), Some(Temporal { id: 1, opens: 1, needs: 0 }));
        for without in [&[0x90, 0xc0, 0x12, 7, 9][..], &[0x10, 1], &[0x90, 0xf0, 0x92, 0x34, 7], &[0x90], &[]]
        {
            assert_eq!(temporal(without), None, "{without:?}");
        }
    }

    #[test]
    fn packets_without_ids_or_cut_short_are_left_alone() {
        for packet in [&[0x10, 1, 2, 3][..], &[0x90], &[0x90, 0x80], &[0x90, 0x80, 0x92], &[]] {
            let mut copy = packet.to_vec();
            renumber(&mut copy, PictureIds { picture: Some(1), tl0: Some(1) });
            assert_eq!(copy, packet);
        }
    }
}
