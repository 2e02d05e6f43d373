//! A machine-readable time in the picture, for measuring delay from camera to screen.
//!
//! **Format.** The top `height / 18` rows of the picture (integer division, at least 2) are one row of 40
//! cells. Cell `i` (0 is at the left) covers the columns from `i * width / 40` up to `(i + 1) * width / 40`.
//! A cell is black (luma 16) for 0 and white (luma 235) for 1; chroma is 128. Cells 0 to 31 are the Unix time
//! in milliseconds modulo 2^32, most significant bit first; cells 32 to 39 are its CRC-8, most significant bit
//! first: polynomial 0x07, start value 0, over the four bytes from the most significant on, the result XORed
//! with 0x55 (known as CRC-8/ITU), so that neither an all black nor an all white row is a time code.
//!
//! **Reading.** Cell `i` is 1 when the luma of the pixel in column `(2 * i + 1) * width / 80`, row
//! `max(height / 18, 2) / 2` is at least 128. In a page the green value of that pixel does as well as luma.
//! The size is that of the decoded picture, whatever the camera's was: the code survives scaling, down to
//! about 160 x 90, and lossy coding.

use std::time::Duration;

use crate::frame::Frame;

/// Bits in a time code: 32 of time, 8 of check.
pub const CELLS: usize = 40;

const BLACK: u8 = 16;
const WHITE: u8 = 235;
const NEUTRAL: u8 = 128;

/// The rows at the top of a picture that the code covers.
#[must_use]
pub const fn rows(height: usize) -> usize {
    let rows = height / 18;
    if rows < 2 { 2 } else { rows }
}

/// The time to encode: Unix time in milliseconds modulo 2^32.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "modulo 2^32 is what the format says")]
pub const fn millis(unix_time: Duration) -> u32 {
    unix_time.as_millis() as u32
}

/// Milliseconds from the time `code` to `unix_time`; negative when the code is from the future.
#[must_use]
#[expect(clippy::cast_possible_wrap, reason = "the distance on a circle of 2^32 ms, 24 days either way")]
pub const fn age_ms(code: u32, unix_time: Duration) -> i32 {
    millis(unix_time).wrapping_sub(code) as i32
}

/// Draws `millis` at the top of an I420 picture without gaps between rows.
///
/// # Panics
/// When `picture` is not of [`Frame::byte_len`]: a bug of the caller.
pub fn encode(millis: u32, width: usize, height: usize, picture: &mut [u8]) {
    let (luma, chroma) = picture.split_at_mut(width * height);
    let bits = with_check(millis);
    let (first, rest) = luma[..width * rows(height)].split_at_mut(width);
    for cell in 0..CELLS {
        let shade = if bits >> (CELLS - 1 - cell) & 1 == 1 { WHITE } else { BLACK };
        first[cell * width / CELLS..(cell + 1) * width / CELLS].fill(shade);
    }
    rest.chunks_exact_mut(width).for_each(|row| row.copy_from_slice(first));
    let covered = width / 2 * rows(height).div_ceil(2);
    let (u, v) = chroma.split_at_mut(width * height / 4);
    u[..covered].fill(NEUTRAL);
    v[..covered].fill(NEUTRAL);
}

/// Reads the code from a luma plane whose rows are `stride` bytes apart; nothing when there is none.
#[must_use]
pub fn decode(luma: &[u8], stride: usize, width: usize, height: usize) -> Option<u32> {
    let row = luma.get(rows(height) / 2 * stride..)?.get(..width)?;
    let bits = (0..CELLS).fold(0_u64, |bits, cell| {
        let middle = (2 * cell + 1) * width / (2 * CELLS);
        bits << 1 | u64::from(row.get(middle).is_some_and(|shade| *shade >= 128))
    });
    let millis = u32::try_from(bits >> 8).ok()?;
    (with_check(millis) == bits).then_some(millis)
}

/// Reads the code from a frame; nothing when there is none.
#[must_use]
pub fn of_frame(frame: &Frame) -> Option<u32> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    decode(frame.planes()[0], width, width, height)
}

/// The 40 bits, the first cell in bit 39.
fn with_check(millis: u32) -> u64 {
    let crc = millis.to_be_bytes().iter().fold(0_u8, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc, _| if crc & 0x80 == 0 { crc << 1 } else { crc << 1 ^ 0x07 })
    });
    u64::from(millis) << 8 | u64::from(crc ^ 0x55)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn picture(width: usize, height: usize, shade: u8) -> Vec<u8> {
        vec![shade; width * height * 3 / 2]
    }

    /// Halves both sides twice by taking the mean of 4 x 4 pixels, as a scaler would.
    fn quarter(luma: &[u8], width: usize, height: usize) -> Vec<u8> {
        let mean = |x: usize, y: usize| {
            let sum: u32 = (0..16).map(|i| u32::from(luma[(4 * y + i / 4) * width + 4 * x + i % 4])).sum();
            u8::try_from(sum / 16).unwrap()
        };
        (0..height / 4).flat_map(|y| (0..width / 4).map(move |x| (x, y))).map(|(x, y)| mean(x, y)).collect()
    }

    #[test]
    fn the_check_is_crc_8_itu() {
        // The check value of the catalogue is over "123456789"; these were worked out by hand from the text.
        assert_eq!(with_check(0), 0x55);
        assert_eq!(with_check(1), 0x0100 | u64::from(0x07_u8 ^ 0x55));
    }

    #[test]
    fn plain_pictures_carry_no_code() {
        for shade in [0, 16, 127, 128, 235, 255] {
            assert_eq!(decode(&picture(320, 180, shade), 320, 320, 180), None, "shade {shade}");
        }
    }

    #[test]
    fn too_small_a_plane_carries_no_code() {
        assert_eq!(decode(&[], 320, 320, 180), None);
        assert_eq!(decode(&[0; 10], 320, 320, 180), None);
    }

    #[test]
    fn age_is_right_across_the_wrap() {
        assert_eq!(age_ms(u32::MAX, Duration::from_millis((1 << 32) + 4)), 5);
        assert_eq!(age_ms(10, Duration::from_millis(3)), -7);
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read(millis: u32, across in 40_usize..700, down in 20_usize..400) {
            let (width, height) = (across * 2, down * 2);
            let mut bytes = picture(width, height, 90);
            encode(millis, width, height, &mut bytes);
            prop_assert_eq!(decode(&bytes, width, width, height), Some(millis));
        }

        #[test]
        fn the_code_survives_scaling_by_a_quarter(millis: u32, size in 0_usize..3) {
            let (width, height) = [(1280, 720), (640, 360), (1920, 1080)][size];
            let mut bytes = picture(width, height, 90);
            encode(millis, width, height, &mut bytes);
            let small = quarter(&bytes[..width * height], width, height);
            prop_assert_eq!(decode(&small, width / 4, width / 4, height / 4), Some(millis));
        }

        #[test]
        fn a_single_wrong_cell_is_noticed(millis: u32, cell in 0_usize..CELLS) {
            let mut bytes = picture(320, 180, 90);
            encode(millis, 320, 180, &mut bytes);
            for byte in &mut bytes[..320 * rows(180)] { *byte = if *byte > 128 { WHITE } else { BLACK }; }
            let middle = rows(180) / 2 * 320 + (2 * cell + 1) * 320 / 80;
            bytes[middle] = if bytes[middle] == WHITE { BLACK } else { WHITE };
            prop_assert_eq!(decode(&bytes, 320, 320, 180), None);
        }
    }
}
