//! Brings decoded pictures into the one colour space of frames: ITU-R BT.709, limited range.
//!
//! Browsers send what their capture had: full range where a page drew the picture, BT.601 where a camera took it.

use gst_video::{VideoColorMatrix, VideoColorRange};
use gstreamer_video as gst_video;
use v4l::format::{Colorspace, Quantization};

/// Fixed point: so many bits after the point.
const POINT: i32 = 14;
/// The middle of the colour planes.
const GREY: i32 = 128;

/// How much red and blue count in the brightness (ITU-T H.273, table 4).
#[derive(Debug, Clone, Copy, PartialEq)]
struct Matrix {
    red: f64,
    blue: f64,
}

const BT601: Matrix = Matrix { red: 0.299, blue: 0.114 };
const BT709: Matrix = Matrix { red: 0.2126, blue: 0.0722 };
const BT2020: Matrix = Matrix { red: 0.2627, blue: 0.0593 };

/// Where black is, and how far it is to white; how far the colours reach.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Range {
    black: f64,
    white: f64,
    colour: f64,
}

const LIMITED: Range = Range { black: 16.0, white: 219.0, colour: 224.0 };
const FULL: Range = Range { black: 0.0, white: 255.0, colour: 255.0 };

/// The way from a colour space to that of frames, in fixed point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conversion {
    /// Brightness out of brightness, blue and red.
    luma: [i32; 3],
    /// Brightness of nothing.
    offset: i32,
    /// Blue out of blue and red.
    blue: [i32; 2],
    /// Red out of blue and red.
    red: [i32; 2],
}

impl Conversion {
    /// What pictures of that colour space need; `None` when they are as frames are. What a decoder does not tell
    /// is taken for BT.709 in limited range.
    pub(super) fn of(colorimetry: &gst_video::VideoColorimetry) -> Option<Self> {
        let matrix = match colorimetry.matrix() {
            VideoColorMatrix::Bt601 | VideoColorMatrix::Fcc => BT601,
            VideoColorMatrix::Bt2020 => BT2020,
            _ => BT709,
        };
        let range = if colorimetry.range() == VideoColorRange::Range0_255 { FULL } else { LIMITED };
        Self::unless_as_frames(matrix, range)
    }

    /// What the uncompressed pictures of a camera need, by what its driver tells (the kernel's "Colorspaces", with
    /// its defaults: what is not said is BT.601 in limited range).
    pub(super) fn of_camera(colorspace: Colorspace, quantization: Quantization) -> Option<Self> {
        let matrix = match colorspace {
            Colorspace::Rec709 | Colorspace::DCIP3 => BT709,
            Colorspace::Rec2020 => BT2020,
            _ => BT601,
        };
        let is_full = match quantization {
            Quantization::Default => matches!(colorspace, Colorspace::JPEG),
            Quantization::FullRange => true,
            Quantization::LimitedRange => false,
        };
        Self::unless_as_frames(matrix, if is_full { FULL } else { LIMITED })
    }

    fn unless_as_frames(matrix: Matrix, range: Range) -> Option<Self> {
        (matrix != BT709 || range != LIMITED).then(|| Self::new(matrix, range))
    }

    fn new(from: Matrix, range: Range) -> Self {
        // One step of blue-difference or red-difference alone, seen through the other matrix.
        let [y_of_blue, blue_of_blue, red_of_blue] = through(from, [0.0, 1.0, 0.0]);
        let [y_of_red, blue_of_red, red_of_red] = through(from, [0.0, 0.0, 1.0]);
        let (white, colour) = (LIMITED.white / range.white, LIMITED.colour / range.colour);
        let across = LIMITED.white / range.colour;
        Self {
            luma: [fixed(white), fixed(y_of_blue * across), fixed(y_of_red * across)],
            offset: fixed(LIMITED.black - range.black * white),
            blue: [fixed(blue_of_blue * colour), fixed(blue_of_red * colour)],
            red: [fixed(red_of_blue * colour), fixed(red_of_red * colour)],
        }
    }

    /// Converts a picture in place: I420, rows without gaps, `width` even.
    pub(super) fn apply(&self, width: u32, height: u32, picture: &mut [u8]) {
        let (width, height) = (width as usize, height as usize);
        let (luma, chroma) = picture.split_at_mut(width * height);
        let (blue, red) = chroma.split_at_mut(width * height / 4);
        let mut added = vec![0; width / 2];
        let rows = luma.chunks_exact_mut(2 * width);
        let chroma = blue.chunks_exact_mut(width / 2).zip(red.chunks_exact_mut(width / 2));
        for (pair, (blue, red)) in rows.zip(chroma) {
            self.colours(blue, red, &mut added);
            for row in pair.chunks_exact_mut(width) {
                self.brightness(row, &added);
            }
        }
    }

    /// Converts a row of colours, and notes what each adds to the brightness of its pixels.
    fn colours(&self, blue: &mut [u8], red: &mut [u8], added: &mut [i32]) {
        let half = 1 << (POINT - 1);
        for ((blue, red), added) in blue.iter_mut().zip(red).zip(added) {
            let (b, r) = (i32::from(*blue) - GREY, i32::from(*red) - GREY);
            *added = self.offset + self.luma[1] * b + self.luma[2] * r + half;
            let grey = (GREY << POINT) + half;
            *blue = byte((self.blue[0] * b + self.blue[1] * r + grey) >> POINT);
            *red = byte((self.red[0] * b + self.red[1] * r + grey) >> POINT);
        }
    }

    fn brightness(&self, row: &mut [u8], added: &[i32]) {
        for (two, added) in row.chunks_exact_mut(2).zip(added) {
            for pixel in two {
                *pixel = byte((self.luma[0] * i32::from(*pixel) + added) >> POINT);
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
const fn byte(value: i32) -> u8 {
    if value < 0 {
        0
    } else if value > 255 {
        255
    } else {
        value as u8
    }
}

#[expect(clippy::cast_possible_truncation, reason = "factors near one and offsets below 256")]
fn fixed(value: f64) -> i32 {
    (value * f64::from(1 << POINT)).round() as i32
}

/// Brightness and colour differences (0 to 1, and -0.5 to 0.5) of one matrix as BT.709 has them.
fn through(from: Matrix, [y, blue_difference, red_difference]: [f64; 3]) -> [f64; 3] {
    let red = y + 2.0 * (1.0 - from.red) * red_difference;
    let blue = y + 2.0 * (1.0 - from.blue) * blue_difference;
    let green = (y - from.red * red - from.blue * blue) / (1.0 - from.red - from.blue);
    let to = BT709;
    let y = to.red * red + (1.0 - to.red - to.blue) * green + to.blue * blue;
    [y, (blue - y) / (2.0 * (1.0 - to.blue)), (red - y) / (2.0 * (1.0 - to.red))]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of 4 by 2 pixels in one colour, red, green and blue from 0 to 1.
    fn picture([red, green, blue]: [f64; 3], matrix: Matrix, range: Range) -> Vec<u8> {
        let y = matrix.red * red + (1.0 - matrix.red - matrix.blue) * green + matrix.blue * blue;
        let scale = |difference: f64, weight: f64| {
            byte(fixed_byte(128.0 + range.colour * difference / (2.0 * (1.0 - weight))))
        };
        let luma = byte(fixed_byte(range.black + range.white * y));
        let (blue, red) = (scale(blue - y, matrix.blue), scale(red - y, matrix.red));
        [vec![luma; 8], vec![blue; 2], vec![red; 2]].concat()
    }

    #[expect(clippy::cast_possible_truncation, reason = "a test's value of a byte")]
    fn fixed_byte(value: f64) -> i32 {
        value.round() as i32
    }

    #[test]
    fn a_colour_is_the_same_from_every_matrix_and_range() {
        let colours =
            [[0.0; 3], [1.0; 3], [0.86, 0.16, 0.16], [0.15, 0.29, 0.38], [0.1, 0.8, 0.3], [0.9, 0.7, 0.6]];
        for (matrix, range) in [(BT601, LIMITED), (BT601, FULL), (BT709, FULL), (BT2020, LIMITED)] {
            for colour in colours {
                let mut converted = picture(colour, matrix, range);
                Conversion::new(matrix, range).apply(4, 2, &mut converted);
                let wanted = picture(colour, BT709, LIMITED);
                let near = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= 1;
                assert!(
                    converted.iter().zip(&wanted).all(near),
                    "{matrix:?} {range:?} {colour:?}: {converted:?}"
                );
            }
        }
    }

    #[test]
    fn cameras_that_say_nothing_are_taken_for_bt601_as_the_kernel_does() {
        let limited = Some(Conversion::new(BT601, LIMITED));
        assert_eq!(Conversion::of_camera(Colorspace::SRGB, Quantization::Default), limited);
        assert_eq!(Conversion::of_camera(Colorspace::JPEG, Quantization::LimitedRange), limited);
        let full = Some(Conversion::new(BT601, FULL));
        assert_eq!(Conversion::of_camera(Colorspace::JPEG, Quantization::Default), full);
        assert_eq!(Conversion::of_camera(Colorspace::Rec709, Quantization::Default), None);
    }

    #[test]
    fn what_is_bt709_in_limited_range_needs_nothing() {
        use gst_video::{VideoColorPrimaries, VideoTransferFunction};
        let of = |range, matrix| {
            let (transfer, primaries) = (VideoTransferFunction::Bt709, VideoColorPrimaries::Bt709);
            Conversion::of(&gst_video::VideoColorimetry::new(range, matrix, transfer, primaries))
        };
        assert_eq!(of(VideoColorRange::Range16_235, VideoColorMatrix::Bt709), None);
        assert_eq!(of(VideoColorRange::Unknown, VideoColorMatrix::Unknown), None);
        let full = of(VideoColorRange::Range0_255, VideoColorMatrix::Bt709);
        assert_eq!(full, Some(Conversion::new(BT709, FULL)));
    }
}
