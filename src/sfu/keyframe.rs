//! Reading just enough of a video payload: does a key frame start here, and how high is its picture.

use str0m::format::{detect_h264_keyframe, detect_h264_nalu};

use crate::sfu::vp9;
use crate::track::VideoCodec;

/// The NAL unit type of a sequence parameter set (ITU-T H.264, table 7-1).
const NALU_SPS: u8 = 7;
/// The RTP aggregation packet of RFC 6184, 5.7.1.
const NALU_STAP_A: u8 = 24;

/// What a payload says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sight {
    /// A decoder can begin with this packet.
    pub(super) starts_keyframe: bool,
    /// The picture's height in pixels, where the packet tells.
    pub(super) height: Option<u16>,
}

/// Looks at the start of a payload.
pub(super) fn look(codec: VideoCodec, payload: &[u8]) -> Sight {
    match codec {
        VideoCodec::H264 => look_h264(payload),
        VideoCodec::Vp8 => look_vp8(payload),
        VideoCodec::Vp9 => vp9::look(payload),
        VideoCodec::Av1 => look_av1(payload),
    }
}

/// The parameter sets go ahead of the picture, so a decoder begins with them (RFC 6184, 8.4).
fn look_h264(payload: &[u8]) -> Sight {
    let parameters = detect_h264_nalu(payload, NALU_SPS);
    Sight {
        starts_keyframe: parameters || detect_h264_keyframe(payload),
        height: if parameters { sps_of(payload).and_then(sps_height) } else { None },
    }
}

/// RFC 7741, 4.2 and 4.3; the frame header is RFC 6386, 9.1.
fn look_vp8(payload: &[u8]) -> Sight {
    let Some(body) = vp8_body(payload) else { return Sight::default() };
    let begins = payload[0] & 0x10 != 0 && payload[0] & 0x07 == 0;
    let key = body.first().is_some_and(|tag| tag & 1 == 0);
    if !(begins && key) {
        return Sight::default();
    }
    let height = match body.get(3..10) {
        Some([0x9d, 0x01, 0x2a, _, _, low, high]) => Some(u16::from_le_bytes([*low, *high]) & 0x3fff),
        _ => None,
    };
    Sight { starts_keyframe: true, height }
}

/// AV1 RTP specification, 4.4: Z goes on with an element of the packet before, N begins a coded video sequence. Heights
/// are told by the dependency descriptor.
fn look_av1(payload: &[u8]) -> Sight {
    Sight { starts_keyframe: payload.first().is_some_and(|first| first & 0x88 == 0x08), height: None }
}

/// What follows the payload descriptor of RFC 7741, 4.2.
fn vp8_body(payload: &[u8]) -> Option<&[u8]> {
    let first = *payload.first()?;
    let mut at = 1;
    if first & 0x80 != 0 {
        let extension = *payload.get(at)?;
        at += 1;
        if extension & 0x80 != 0 {
            at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
        }
        at += usize::from(extension & 0x40 != 0);
        at += usize::from(extension & 0x30 != 0);
    }
    payload.get(at..).filter(|body| !body.is_empty())
}

/// The sequence parameter set in a packet that holds one, without its one-byte header.
fn sps_of(payload: &[u8]) -> Option<&[u8]> {
    match payload.first()? & 0x1f {
        NALU_SPS => payload.get(1..),
        NALU_STAP_A => {
            let mut rest = payload.get(1..)?;
            loop {
                let size = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
                let unit = rest.get(2..2 + size)?;
                if unit.first()? & 0x1f == NALU_SPS {
                    return unit.get(1..);
                }
                rest = rest.get(2 + size..)?;
            }
        }
        _ => None,
    }
}

/// The height that a sequence parameter set declares (ITU-T H.264, 7.3.2.1.1), `None` if it is cut short.
fn sps_height(sps: &[u8]) -> Option<u16> {
    let plain = without_emulation_prevention(sps);
    let profile = *plain.first()?;
    let mut bits = Bits { bytes: plain.get(3..)?, at: 0 };
    bits.golomb()?; // seq_parameter_set_id
    let chroma = if is_high_profile(profile) { skip_high_profile(&mut bits)? } else { 1 };
    bits.golomb()?; // log2_max_frame_num_minus4
    skip_picture_order(&mut bits)?;
    bits.golomb()?; // max_num_ref_frames
    bits.bit()?; // gaps_in_frame_num_value_allowed_flag
    bits.golomb()?; // pic_width_in_mbs_minus1
    let map_units = bits.golomb()?.checked_add(1)?;
    let frame_only = bits.bit()?;
    if !frame_only {
        bits.bit()?; // mb_adaptive_frame_field_flag
    }
    bits.bit()?; // direct_8x8_inference_flag
    let fields = if frame_only { 1 } else { 2 };
    let cropped = if bits.bit()? { crop_rows(&mut bits, chroma, fields)? } else { 0 };
    let rows = map_units.checked_mul(16)?.checked_mul(fields)?.checked_sub(cropped)?;
    u16::try_from(rows).ok().filter(|rows| *rows > 0)
}

fn is_high_profile(profile: u8) -> bool {
    matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128)
}

/// The fields that only high profiles have; returns `chroma_format_idc`. Scaling lists are not read: no
/// browser nor encoder of ours sends them.
fn skip_high_profile(bits: &mut Bits<'_>) -> Option<u32> {
    let chroma = bits.golomb()?;
    if chroma == 3 {
        bits.bit()?;
    }
    bits.golomb()?;
    bits.golomb()?;
    bits.bit()?;
    let has_scaling_lists = bits.bit()?;
    (!has_scaling_lists).then_some(chroma)
}

fn skip_picture_order(bits: &mut Bits<'_>) -> Option<()> {
    match bits.golomb()? {
        0 => {
            bits.golomb()?;
        }
        1 => {
            bits.bit()?;
            bits.golomb()?;
            bits.golomb()?;
            let cycle = bits.golomb()?;
            for _ in 0..cycle.min(255) {
                bits.golomb()?;
            }
        }
        _ => {}
    }
    Some(())
}

/// The rows cut away at top and bottom; a crop unit is two rows in 4:2:0 (chroma 1), else one.
fn crop_rows(bits: &mut Bits<'_>, chroma: u32, fields: u32) -> Option<u32> {
    bits.golomb()?;
    bits.golomb()?;
    let units = bits.golomb()?.checked_add(bits.golomb()?)?;
    units.checked_mul(fields * if chroma == 1 { 2 } else { 1 })
}

/// ITU-T H.264, 7.4.1: `00 00 03` stands for `00 00`. Only the first bytes matter here.
fn without_emulation_prevention(sps: &[u8]) -> Vec<u8> {
    const READ_MAX: usize = 64;
    let mut plain = Vec::with_capacity(READ_MAX);
    for &byte in sps.iter().take(READ_MAX) {
        if byte == 3 && plain.ends_with(&[0, 0]) {
            continue;
        }
        plain.push(byte);
    }
    plain
}

/// Bits of a byte string, most significant first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn bit(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// ITU-T H.264, 9.1: an unsigned Exp-Golomb number.
    fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let mut value: u32 = 1;
        for _ in 0..zeros {
            value = value << 1 | u32::from(self.bit()?);
        }
        Some(value - 1)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A constrained baseline sequence parameter set of 1280x720 as OpenH264 writes it.
    pub(crate) const SPS_720: [u8; 9] = [0x67, 0x42, 0xc0, 0x1f, 0x8c, 0x68, 0x05, 0x00, 0x5b];

    fn golomb(bits: &mut Vec<bool>, value: u32) {
        let coded = value + 1;
        let length = 32 - coded.leading_zeros();
        bits.extend(std::iter::repeat_n(false, length as usize - 1));
        bits.extend((0..length).rev().map(|at| coded >> at & 1 == 1));
    }

    /// A baseline parameter set with the given height, cropped where it is no multiple of 16.
    fn sps(height: u32) -> Vec<u8> {
        let mut bits = Vec::new();
        for value in [0, 0, 0, 0, 1] {
            golomb(&mut bits, value); // id, frame num, order type 0, order lsb, references
        }
        bits.push(false);
        golomb(&mut bits, 39);
        golomb(&mut bits, height.div_ceil(16) - 1);
        bits.extend([true, true]);
        let crop = (height.div_ceil(16) * 16 - height) / 2;
        bits.push(crop > 0);
        if crop > 0 {
            for value in [0, 0, 0, crop] {
                golomb(&mut bits, value);
            }
        }
        bits.extend([false, true]);
        let mut bytes = vec![0x67, 0x42, 0xe0, 0x1f];
        for chunk in bits.chunks(8) {
            bytes.push(chunk.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at)));
        }
        bytes
    }

    fn stap_a(units: &[&[u8]]) -> Vec<u8> {
        let mut packet = vec![0x78];
        for unit in units {
            packet.extend((unit.len() as u16).to_be_bytes());
            packet.extend_from_slice(unit);
        }
        packet
    }

    #[test]
    fn h264_heights_are_read_from_single_and_aggregated_parameter_sets() {
        for height in [180, 240, 360, 480, 540, 720, 1080, 2160] {
            let unit = sps(height);
            let expected = Sight { starts_keyframe: true, height: Some(height as u16) };
            assert_eq!(look(VideoCodec::H264, &unit), expected);
            let packet = stap_a(&[&[0x09, 0x10], &unit, &[0x68, 0xce]]);
            assert_eq!(look(VideoCodec::H264, &packet), expected);
        }
    }

    #[test]
    fn an_h264_picture_without_parameter_sets_is_a_key_frame_of_unknown_height() {
        let first_fragment = [0x7c, 0x85, 0x88];
        assert_eq!(look(VideoCodec::H264, &first_fragment), Sight { starts_keyframe: true, height: None });
        let later_fragment = [0x7c, 0x05, 0x88];
        assert_eq!(look(VideoCodec::H264, &later_fragment), Sight::default());
        assert_eq!(look(VideoCodec::H264, &[0x61, 0x88]), Sight::default());
    }

    #[test]
    fn vp8_heights_are_read_behind_every_form_of_descriptor() {
        let frame = [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02];
        let descriptors: [&[u8]; 5] = [
            &[0x10],
            &[0x90, 0x80, 0x11],
            &[0x90, 0x80, 0x81, 0x11],
            &[0x90, 0xe0, 0x81, 0x11, 0x07, 0x20],
            &[0x90, 0xf0, 0x81, 0x11, 0x07, 0x25],
        ];
        for descriptor in descriptors {
            let payload = [descriptor, &frame].concat();
            assert_eq!(
                look(VideoCodec::Vp8, &payload),
                Sight { starts_keyframe: true, height: Some(720) },
                "{descriptor:x?}"
            );
        }
    }

    #[test]
    fn a_vp8_packet_in_the_middle_of_a_key_frame_starts_nothing() {
        assert_eq!(look(VideoCodec::Vp8, &[0x00, 0x10, 0, 0, 0]), Sight::default());
        assert_eq!(look(VideoCodec::Vp8, &[0x10, 0x11, 0, 0, 0]), Sight::default());
    }

    proptest! {
        #[test]
        fn no_payload_is_trusted(payload in proptest::collection::vec(any::<u8>(), 0..80)) {
            look(VideoCodec::H264, &payload);
            look(VideoCodec::Vp8, &payload);
            let mut parameters = SPS_720.to_vec();
            parameters.extend(payload);
            look(VideoCodec::H264, &parameters);
        }
    }
}
