//! Scales one plane of a picture straight into its place in another: quickly, because it is most of the scene's
//! cost.

use fast_image_resize::images::{CroppedImageMut, Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

/// Up to this reduction two neighbours in each direction are enough; beyond it, fine patterns would flicker.
const TWO_TAP_REDUCTION: f64 = 2.0;

/// The parts into which the way from one pixel to the next is divided.
const PARTS: u16 = 128;

/// A plane of a picture, rows without gaps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane<'a> {
    pub(super) pixels: &'a [u8],
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Scales planes; keeps its buffers from one picture to the next.
#[derive(Default)]
pub struct Scaler {
    resizer: Resizer,
    columns: Vec<Tap>,
    line: Vec<u16>,
}

/// Between which two pixels a point lies, and how far from the first.
#[derive(Clone, Copy)]
struct Tap {
    first: usize,
    part: u16,
}

impl Scaler {
    /// Scales the part `crop` (left, top, width, height) of `source` into the rectangle `target` (the same) of a
    /// plane whose rows are `stride` apart. Both lie inside.
    pub(super) fn scale(
        &mut self,
        source: Plane<'_>,
        crop: [f64; 4],
        plane: &mut [u8],
        stride: usize,
        target: [usize; 4],
    ) {
        #[expect(clippy::cast_precision_loss, reason = "sides of pictures are small")]
        let (across, down) = (crop[2] / target[2] as f64, crop[3] / target[3] as f64);
        let is_copy = (across - 1.0).abs() < 1e-9 && (down - 1.0).abs() < 1e-9;
        if !is_copy && across <= TWO_TAP_REDUCTION && down <= TWO_TAP_REDUCTION {
            self.two_tap(source, crop, plane, stride, target);
        } else {
            self.filtered(source, crop, plane, stride, target);
        }
    }

    /// Bilinear: first two rows are blended into one, which the compiler does many pixels at a time, then
    /// neighbours in it.
    fn two_tap(
        &mut self,
        source: Plane<'_>,
        [left, top, crop_width, crop_height]: [f64; 4],
        plane: &mut [u8],
        stride: usize,
        [x, y, width, height]: [usize; 4],
    ) {
        let source_width = source.width as usize;
        self.columns.clear();
        self.columns.extend(taps(left, crop_width, width, source_width));
        let rows: Vec<&[u8]> = source.pixels.chunks_exact(source_width).collect();
        let targets = plane.chunks_exact_mut(stride).skip(y);
        for (tap, target) in taps(top, crop_height, height, rows.len()).zip(targets) {
            let (upper, lower) = (rows[tap.first], rows[(tap.first + 1).min(rows.len() - 1)]);
            self.line.clear();
            let blended = upper.iter().zip(lower);
            self.line.extend(
                blended.map(|(upper, lower)| {
                    u16::from(*upper) * (PARTS - tap.part) + u16::from(*lower) * tap.part
                }),
            );
            // The pixel after the last one, with no weight.
            self.line.push(0);
            for (pixel, Tap { first, part }) in target[x..x + width].iter_mut().zip(&self.columns) {
                *pixel = between([self.line[*first], self.line[first + 1]], *part);
            }
        }
    }

    /// With a filter as wide as the reduction asks for. Sizes that do not fit are a bug of the layout: then
    /// nothing is drawn, and the log says so.
    fn filtered(
        &mut self,
        source: Plane<'_>,
        crop: [f64; 4],
        plane: &mut [u8],
        stride: usize,
        target: [usize; 4],
    ) {
        if let Err(cause) = self.try_filtered(source, crop, plane, stride, target) {
            let Plane { width, height, .. } = source;
            log::error!("a picture of {width}x{height} was not drawn at {target:?}: {cause}");
        }
    }

    fn try_filtered(
        &mut self,
        source: Plane<'_>,
        [left, top, crop_width, crop_height]: [f64; 4],
        plane: &mut [u8],
        stride: usize,
        target: [usize; 4],
    ) -> Result<(), Box<dyn std::error::Error>> {
        let rows = plane.len() / stride;
        let source = ImageRef::new(source.width, source.height, source.pixels, PixelType::U8)?;
        let mut whole =
            Image::from_slice_u8(u32::try_from(stride)?, u32::try_from(rows)?, plane, PixelType::U8)?;
        let [x, y, width, height] = target.map(|side| u32::try_from(side).unwrap_or(u32::MAX));
        let mut target = CroppedImageMut::new(&mut whole, x, y, width, height)?;
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .crop(left, top, crop_width, crop_height)
            .use_alpha(false);
        Ok(self.resizer.resize(&source, &mut target, &options)?)
    }
}

/// Where the middles of `count` pixels lie that share `length` of a row of `whole` pixels, from `start` on.
fn taps(start: f64, length: f64, count: usize, whole: usize) -> impl Iterator<Item = Tap> {
    #[expect(clippy::cast_precision_loss, reason = "sides of pictures are small")]
    let (step, last) = (length / count as f64, whole.saturating_sub(1) as f64);
    (0..count).map(move |index| {
        #[expect(clippy::cast_precision_loss, reason = "sides of pictures are small")]
        let middle = (start + (index as f64 + 0.5) * step - 0.5).clamp(0.0, last);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the width, and between 0 and PARTS"
        )]
        let (first, part) = (middle as usize, (middle.fract() * f64::from(PARTS)) as u16);
        Tap { first, part }
    })
}

/// The value `part` of the way between two that are `PARTS` times a pixel.
fn between([first, second]: [u16; 2], part: u16) -> u8 {
    let one = u32::from(PARTS);
    let sum = u32::from(first) * (one - u32::from(part)) + u32::from(second) * u32::from(part);
    // At most 255 after the division by one squared.
    u8::try_from((sum + one * one / 2) / (one * one)).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scaled(source: Plane<'_>, (width, height): (usize, usize)) -> Vec<u8> {
        let mut plane = vec![7; (width + 4) * (height + 2)];
        let crop = [0.0, 0.0, f64::from(source.width), f64::from(source.height)];
        Scaler::default().scale(source, crop, &mut plane, width + 4, [2, 1, width, height]);
        plane
    }

    #[test]
    fn a_slope_stays_a_slope_and_nothing_is_drawn_beside_the_target() {
        let pixels: Vec<u8> = (0..8).flat_map(|_| (0..16).map(|x| x * 16)).collect();
        let plane = scaled(Plane { pixels: &pixels, width: 16, height: 8 }, (32, 16));
        for (index, row) in plane.chunks(36).enumerate() {
            assert_eq!((row[..2].to_vec(), row[34..].to_vec()), (vec![7; 2], vec![7; 2]));
            if (1..17).contains(&index) {
                assert!(
                    row[2..34]
                        .windows(2)
                        .all(|two| (0..=16).contains(&(i16::from(two[1]) - i16::from(two[0]))))
                );
                assert_eq!((row[2], row[33]), (0, 240));
            } else {
                assert!(row.iter().all(|pixel| *pixel == 7));
            }
        }
    }

    proptest! {
        #[test]
        fn one_colour_stays_that_colour_in_any_size(
            colour in any::<u8>(),
            from in (1_u32..40, 1_u32..40),
            to in (1_usize..40, 1_usize..40),
        ) {
            let pixels = vec![colour; (from.0 * from.1) as usize];
            let plane = scaled(Plane { pixels: &pixels, width: from.0, height: from.1 }, to);
            for row in plane.chunks(to.0 + 4).skip(1).take(to.1) {
                prop_assert!(row[2..to.0 + 2].iter().all(|pixel| pixel.abs_diff(colour) <= 1), "{row:?}");
            }
        }
    }
}
