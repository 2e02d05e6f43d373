//! The dependency descriptor: which layers a frame of any codec belongs to (AV1 RTP specification, appendix A).
//!
//! ```text
//!   s e template(6) number(16) │ flags(5) │ structure: layers · dtis · fdiffs · chains · sizes │ targets │ dtis …
//!   └──── every packet ───────┘ └───────── where more is to be told, as at key frames ─────────────────┘
//! ```
//!
//! The structure is told once; later packets name one of its templates. Only what decides whether a frame may be
//! left out is read, and only the frame's number is written.

use str0m::rtp::{Extension, ExtensionSerializer, ExtensionValues};

use crate::sfu::spatial::{Heights, Spatial, heights};
use crate::sfu::temporal::{TID_MAX, Temporal};

/// Its URI, as it is negotiated.
const URI: &str = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
/// What the mandatory fields take; a longer descriptor has more of them.
const MANDATORY_BYTES: usize = 3;
/// A template's id has 6 bits.
const TEMPLATES_MAX: usize = 64;
/// DTI: from this frame on the whole decode target is decodable (A.5).
const SWITCH: u8 = 2;

/// The bytes of a descriptor, as the transport hands them over.
#[derive(Debug)]
pub(super) struct Descriptor {
    bytes: [u8; 255],
    length: usize,
}

/// Carries descriptors through the transport, which itself never sends one.
#[derive(Debug)]
struct Carrier;

impl ExtensionSerializer for Carrier {
    fn write_to(&self, _: &mut [u8], _: &ExtensionValues) -> usize {
        0
    }

    fn parse_value(&self, value: &[u8], values: &mut ExtensionValues) -> bool {
        let mut bytes = [0; 255];
        let Some(filled) = bytes.get_mut(..value.len()) else { return false };
        filled.copy_from_slice(value);
        values.user_values.set(Descriptor { bytes, length: value.len() });
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }
}

/// The extension, to be negotiated.
pub(super) fn extension() -> Extension {
    Extension::with_serializer(URI, Carrier)
}

impl Descriptor {
    pub(super) fn of(values: &ExtensionValues) -> Option<&[u8]> {
        values.user_values.get::<Self>().map(|one| &one.bytes[..one.length])
    }
}

/// What templates mean, until another structure is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Structure {
    id_offset: u8,
    /// The temporal layer of each decode target.
    targets: Vec<u8>,
    templates: Vec<Template>,
    heights: Option<Heights>,
}

/// What a frame that names it has in common with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Template {
    spatial: u8,
    temporal: Temporal,
}

/// Writes another frame number over the one that is there.
pub(super) fn renumber(bytes: &mut [u8], frame: u16) {
    if let Some(number) = bytes.get_mut(1..MANDATORY_BYTES) {
        number.copy_from_slice(&frame.to_be_bytes());
    }
}

/// The number of a packet's frame.
pub(super) fn frame(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(1)?, *bytes.get(2)?]))
}

/// The layers of a packet's frame; takes note of the structure if it is told.
///
/// `None` where the bytes are cut short, or name a template of a structure that was never told.
pub(super) fn read(bytes: &[u8], structure: &mut Option<Structure>) -> Option<(Temporal, Spatial)> {
    let ends = *bytes.first()? & 0x40 != 0;
    let template = *bytes.first()? & 0x3f;
    if bytes.len() < MANDATORY_BYTES {
        return None;
    }
    let mut bits = Bits { bytes, at: 8 * MANDATORY_BYTES };
    let mut has_own_dtis = false;
    let mut tells_structure = false;
    if bytes.len() > MANDATORY_BYTES {
        let flags = bits.take(5)?;
        if flags & 0x10 != 0 {
            *structure = Some(read_structure(&mut bits)?);
            tells_structure = true;
        }
        if flags & 0x08 != 0 {
            bits.take(structure.as_ref()?.targets.len())?;
        }
        has_own_dtis = flags & 0x04 != 0;
    }
    let known = structure.as_ref()?;
    let at = usize::from((template + 64 - known.id_offset) % 64);
    let Template { spatial, mut temporal } = *known.templates.get(at)?;
    if has_own_dtis {
        temporal.opens = read_opens(&mut bits, &known.targets)?;
    }
    let heights = known.heights.filter(|_| tells_structure);
    Some((temporal, Spatial { id: spatial, count: known.count(), ends, heights }))
}

fn read_structure(bits: &mut Bits<'_>) -> Option<Structure> {
    let id_offset = bits.take(6)? as u8;
    let target_count = bits.take(5)? as usize + 1;
    let layers = read_layers(bits)?;
    let mut dtis = Vec::with_capacity(layers.len() * target_count);
    for _ in 0..layers.len() * target_count {
        dtis.push(bits.take(2)? as u8);
    }
    skip_differences(bits, layers.len())?;
    skip_chains(bits, layers.len(), target_count)?;
    let mut resolutions = None;
    if bits.take(1)? == 1 {
        let spatial = layers.last().map_or(0, |(spatial, _)| usize::from(*spatial)) + 1;
        let mut told = Vec::with_capacity(spatial);
        for _ in 0..spatial {
            bits.take(16)?;
            // One less than the height, which has 16 bits like it.
            told.push((bits.take(16)? as u16).saturating_add(1));
        }
        resolutions = Some(heights(told));
    }
    let row = |at: usize| &dtis[at * target_count..(at + 1) * target_count];
    // A decode target is the highest layer of the frames that it has.
    let of_target = |target: usize| {
        let members = layers.iter().enumerate().filter(|(at, _)| row(*at)[target] != 0);
        members.map(|(_, (_, temporal))| *temporal).max().unwrap_or(0)
    };
    let targets: Vec<u8> = (0..target_count).map(of_target).collect();
    let template = |(at, (spatial, id)): (usize, &(u8, u8))| Template {
        spatial: *spatial,
        temporal: Temporal { id: *id, needs: *id, opens: opens(row(at).iter().copied(), &targets) },
    };
    let templates = layers.iter().enumerate().map(template).collect();
    Some(Structure { id_offset, targets, templates, heights: resolutions })
}

impl Structure {
    /// How many spatial layers there are; templates stand in their order.
    fn count(&self) -> u8 {
        self.templates.last().map_or(1, |last| last.spatial + 1)
    }
}

/// The spatial and temporal layer of each template.
fn read_layers(bits: &mut Bits<'_>) -> Option<Vec<(u8, u8)>> {
    let mut layers = vec![(0, 0)];
    let (mut spatial, mut temporal) = (0, 0);
    loop {
        match bits.take(2)? {
            0 => {}
            1 => temporal += 1,
            2 => (spatial, temporal) = (spatial + 1, 0),
            _ => return Some(layers),
        }
        if layers.len() >= TEMPLATES_MAX {
            return None;
        }
        layers.push((spatial, temporal.min(TID_MAX)));
    }
}

fn skip_differences(bits: &mut Bits<'_>, templates: usize) -> Option<()> {
    for _ in 0..templates {
        while bits.take(1)? == 1 {
            bits.take(4)?;
        }
    }
    Some(())
}

fn skip_chains(bits: &mut Bits<'_>, templates: usize, targets: usize) -> Option<()> {
    let chains = bits.take_below(targets + 1)?;
    if chains == 0 {
        return Some(());
    }
    for _ in 0..targets {
        bits.take_below(chains)?;
    }
    for _ in 0..templates * chains {
        bits.take(4)?;
    }
    Some(())
}

fn read_opens(bits: &mut Bits<'_>, targets: &[u8]) -> Option<u8> {
    let mut highest = 0;
    for target in targets {
        if bits.take(2)? == u32::from(SWITCH) {
            highest = highest.max(*target);
        }
    }
    Some(highest)
}

/// The highest layer that can be followed from a frame with these indications on.
fn opens(dtis: impl Iterator<Item = u8>, targets: &[u8]) -> u8 {
    let switches = dtis.zip(targets).filter(|(dti, _)| *dti == SWITCH);
    switches.map(|(_, target)| *target).max().unwrap_or(0)
}

/// Bits, most significant first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// Up to 32 bits.
    fn take(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// A number below `limit` in as few bits as it needs (A.8.1, `ns`).
    fn take_below(&mut self, limit: usize) -> Option<usize> {
        let width = usize::BITS - limit.leading_zeros();
        let shorter = (1_usize << width) - limit;
        let value = self.take(width as usize - 1)? as usize;
        if value < shorter {
            return Some(value);
        }
        Some((value << 1) - shorter + self.take(1)? as usize)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The key frame of a picture of 320x180 in three temporal layers, as Chromium 156 sends it (H.264, L1T3).
    const KEY: [u8; 16] =
        [0x80, 0x00, 0x01, 0x80, 0x02, 0x14, 0xea, 0xa8, 0x60, 0x41, 0x4d, 0x14, 0x10, 0x20, 0x84, 0x26];

    fn layer(bytes: &[u8], structure: &mut Option<Structure>) -> Option<(u8, u8)> {
        read(bytes, structure).map(|(frame, _)| (frame.id, frame.opens))
    }

    #[test]
    fn a_browsers_frames_are_told_apart_by_the_structure_of_its_key_frame() {
        let mut structure = None;
        assert_eq!(layer(&KEY, &mut structure), Some((0, 2)), "a key frame opens everything");
        let known = structure.clone().expect("a structure");
        assert_eq!((known.targets, known.templates.len()), (vec![0, 1, 2], 5));
        let frames: [(&[u8], (u8, u8)); 6] = [
            (&[0x00, 0x00, 0x01], (0, 2)),
            (&[0x84, 0x00, 0x04, 0x12, 0x40], (2, 0)),
            (&[0xc4, 0x00, 0x05, 0x12, 0x40], (2, 0)),
            (&[0x82, 0x00, 0x07, 0x1a, 0xa0, 0x30], (1, 2)),
            (&[0x83, 0x00, 0x0a, 0x1a, 0x40, 0x48], (2, 0)),
            (&[0x81, 0x00, 0x0d], (0, 2)),
        ];
        for (bytes, expected) in frames {
            assert_eq!(layer(bytes, &mut structure), Some(expected), "{bytes:02x?}");
        }
    }

    #[test]
    fn what_names_an_unknown_template_or_is_cut_short_tells_nothing() {
        assert_eq!(read(&[0x80, 0x00, 0x01], &mut None), None, "no structure yet");
        let mut structure = None;
        read(&KEY, &mut structure);
        assert_eq!(read(&[0x85, 0x00, 0x01], &mut structure), None, "five templates, from 0 to 4");
        for length in 0..KEY.len() - 1 {
            let mut nothing = None;
            assert!(length == 3 || read(&KEY[..length], &mut nothing).is_none(), "{length}");
            assert_eq!(nothing, None, "{length}");
        }
    }

    #[test]
    fn a_frame_may_have_indications_of_its_own() {
        let mut structure = None;
        read(&KEY, &mut structure);
        // Flags 00100, then for the three targets: not present, switch, switch.
        let own = [0x83, 0x00, 0x0a, 0b0010_0001, 0b0100_0000];
        assert_eq!(layer(&own, &mut structure), Some((2, 2)));
        let none = [0x83, 0x00, 0x0a, 0b0010_0000, 0b0000_0000];
        assert_eq!(layer(&none, &mut structure), Some((2, 0)));
    }

    /// Bits, as an encoder writes them.
    #[derive(Default)]
    struct Writer {
        bytes: Vec<u8>,
        count: usize,
    }

    impl Writer {
        fn put(&mut self, value: u32, width: usize) {
            for at in (0..width).rev() {
                if self.count.is_multiple_of(8) {
                    self.bytes.push(0);
                }
                let last = self.bytes.last_mut().expect("a byte");
                *last |= ((value >> at & 1) as u8) << (7 - self.count % 8);
                self.count += 1;
            }
        }
    }

    /// The first packet of a key frame with so many layers: a template and a decode target for each of them.
    fn structure_of(spatial: u8, temporal: u8, id_offset: u8, heights: Option<&[u16]>) -> Vec<u8> {
        let layers: Vec<(u8, u8)> = (0..spatial).flat_map(|s| (0..temporal).map(move |t| (s, t))).collect();
        let mut bits = Writer::default();
        bits.put(0x80 | u32::from(id_offset), 8);
        bits.put(7, 16);
        bits.put(0b10000, 5);
        bits.put(id_offset.into(), 6);
        bits.put(layers.len() as u32 - 1, 5);
        for pair in layers.windows(2) {
            bits.put(if pair[0].0 == pair[1].0 { 1 } else { 2 }, 2);
        }
        bits.put(3, 2);
        for one in &layers {
            for target in &layers {
                bits.put(if target.0 >= one.0 && target.1 >= one.1 { 2 } else { 0 }, 2);
            }
        }
        bits.put(0, layers.len());
        // No chains: zero of as many as there are targets and none.
        bits.put(0, (usize::BITS - (layers.len() + 1).leading_zeros()) as usize - 1);
        bits.put(heights.is_some().into(), 1);
        for height in heights.unwrap_or_default() {
            bits.put(u32::from(*height) * 16 / 9 - 1, 16);
            bits.put(u32::from(*height) - 1, 16);
        }
        bits.bytes
    }

    #[test]
    fn the_sizes_of_a_flow_are_told_by_its_structure() {
        let mut structure = None;
        let told = structure_of(3, 3, 60, Some(&[180, 360, 720]));
        let (temporal, spatial) = read(&told, &mut structure).expect("a key frame");
        assert_eq!((temporal.id, temporal.opens), (0, 2));
        let heights = Some([180, 360, 720]);
        assert_eq!(spatial, Spatial { id: 0, count: 3, ends: false, heights });
        // The eighth template, whose ids go on behind 63 with 0: the largest size, layer 1; and the last packet of it.
        let (temporal, spatial) = read(&[0x40 | 3, 0, 8], &mut structure).expect("a later frame");
        assert_eq!(temporal.id, 1);
        assert_eq!(spatial, Spatial { id: 2, count: 3, ends: true, heights: None });
    }

    #[test]
    fn a_frame_number_is_written_where_it_stands() {
        let mut bytes = KEY.to_vec();
        assert_eq!(frame(&bytes), Some(1));
        renumber(&mut bytes, 0xabcd);
        assert_eq!(frame(&bytes), Some(0xabcd));
        assert_eq!((bytes[0], &bytes[3..]), (KEY[0], &KEY[3..]));
        renumber(&mut bytes[..2], 1);
        assert_eq!(bytes[1], 0xab, "no room, nothing written");
    }

    proptest! {
        #[test]
        fn structures_are_read_as_they_are_written(
            spatial in 1_u8..=3, temporal in 1_u8..=3, id_offset in 0_u8..64, has_heights in any::<bool>(),
        ) {
            let all = [90, 270, 810];
            let heights = &all[..usize::from(spatial)];
            let told = structure_of(spatial, temporal, id_offset, has_heights.then_some(heights));
            let mut structure = None;
            let first = read(&told, &mut structure).expect("a key frame").1;
            prop_assert_eq!(first.largest(), has_heights.then(|| all[usize::from(spatial) - 1]));
            for at in 0..spatial * temporal {
                let (frame, place) = read(&[(id_offset + at) % 64, 0, 9], &mut structure).expect("a template");
                prop_assert_eq!((place.id, frame.id, place.count), (at / temporal, at % temporal, spatial));
            }
            for length in 4..told.len() - 1 {
                let mut nothing = None;
                prop_assert!(read(&told[..length], &mut nothing).is_none());
            }
        }

        #[test]
        fn no_bytes_are_trusted(
            told in proptest::collection::vec(any::<u8>(), 0..96),
            then in proptest::collection::vec(any::<u8>(), 0..24),
        ) {
            let mut structure = None;
            let structured = [&[0x80, 0, 0, 0x80 | told.first().copied().unwrap_or(0)][..], &told].concat();
            for bytes in [&structured, &told, &then] {
                if let Some((frame, spatial)) = read(bytes, &mut structure) {
                    prop_assert!(spatial.id < spatial.count);
                    prop_assert!(frame.id <= TID_MAX && frame.opens <= TID_MAX && frame.needs <= TID_MAX);
                }
            }
            if let Some(known) = structure {
                prop_assert!(known.templates.len() <= TEMPLATES_MAX && known.targets.len() <= 32);
            }
        }
    }
}
