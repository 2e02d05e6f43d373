//! The picture being drawn: I420 in one buffer, filled, and pictures scaled straight into their tiles.

use std::time::Instant;

use alcove_hal::frame::Frame;
use fast_image_resize::images::{CroppedImageMut, Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::room::layout::{Fit, Rect, Size};

/// A colour in BT.709, limited range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    /// Luma, blue difference, red difference.
    pub yuv: [u8; 3],
}

impl Colour {
    /// The colour of full-range red, green and blue.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the matrix maps 0..=255 to 16..=240"
    )]
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        let (r, g, b) = (red as i32, green as i32, blue as i32);
        let y = (47 * r + 157 * g + 16 * b + 16 * 256 + 128) >> 8;
        let u = (-26 * r - 86 * g + 112 * b + 128 * 256 + 128) >> 8;
        let v = (112 * r - 102 * g - 10 * b + 128 * 256 + 128) >> 8;
        Self { yuv: [y as u8, u as u8, v as u8] }
    }
}

/// A picture that can be drawn on.
#[derive(Debug, Clone)]
pub struct Canvas {
    size: Size,
    data: Vec<u8>,
}

impl Canvas {
    /// A canvas of one colour.
    #[must_use]
    pub fn new(size: Size, colour: Colour) -> Self {
        let data = vec![0; Frame::byte_len(size.width, size.height)];
        let mut canvas = Self { size, data };
        canvas.fill(Rect { x: 0, y: 0, width: size.width, height: size.height }, colour);
        canvas
    }

    /// Its size.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// The finished picture.
    #[must_use]
    pub fn into_frame(self, made_at: Instant) -> Frame {
        Frame::new(self.size.width, self.size.height, self.data, made_at)
    }

    /// The planes Y, U and V with their widths, to draw on.
    pub(super) fn planes_mut(&mut self) -> [(&mut [u8], usize); 3] {
        let width = self.size.width as usize;
        let luma = width * self.size.height as usize;
        let (y, chroma) = self.data.split_at_mut(luma);
        let (u, v) = chroma.split_at_mut(luma / 4);
        [(y, width), (u, width / 2), (v, width / 2)]
    }

    /// Fills a rectangle that lies inside.
    pub fn fill(&mut self, rect: Rect, colour: Colour) {
        for (index, (plane, stride)) in self.planes_mut().into_iter().enumerate() {
            let [x, y, width, height] = in_plane(rect, index);
            for row in plane[y * stride..].chunks_mut(stride).take(height) {
                row[x..x + width].fill(colour.yuv[index]);
            }
        }
    }

    /// Scales `frame` into the tile `rect`, which lies inside; bars are left as they are.
    pub fn draw(&mut self, frame: &Frame, rect: Rect, fit: Fit, scaler: &mut Scaler) {
        let (crop, target) = match fit {
            Fit::Cover => (covering(frame, rect), rect),
            Fit::Contain => (whole(frame), contained(frame, rect)),
        };
        let sources = frame.planes();
        for (index, (plane, stride)) in self.planes_mut().into_iter().enumerate() {
            let shift = u32::from(index > 0);
            let source = (sources[index], frame.width() >> shift, frame.height() >> shift);
            scaler.scale(
                source,
                crop.map(|side| side / f64::from(1_u32 << shift)),
                plane,
                stride,
                in_plane(target, index),
            );
        }
    }
}

/// A rectangle in plane `index`: x, y, width, height.
fn in_plane(rect: Rect, index: usize) -> [usize; 4] {
    [rect.x, rect.y, rect.width, rect.height].map(|side| (side as usize) >> usize::from(index > 0))
}

/// Left, top, width and height of the part of `frame` that has the shape of `rect`, from the middle.
fn covering(frame: &Frame, rect: Rect) -> [f64; 4] {
    let (width, height) = (f64::from(frame.width()), f64::from(frame.height()));
    let (wide, high) = (f64::from(rect.width), f64::from(rect.height));
    let scale = (width / wide).min(height / high);
    let (crop_width, crop_height) = ((wide * scale).min(width), (high * scale).min(height));
    [(width - crop_width) / 2.0, (height - crop_height) / 2.0, crop_width, crop_height]
}

fn whole(frame: &Frame) -> [f64; 4] {
    [0.0, 0.0, f64::from(frame.width()), f64::from(frame.height())]
}

/// The rectangle of the frame's shape in the middle of `rect`, even, at least 2 by 2.
fn contained(frame: &Frame, rect: Rect) -> Rect {
    let by_height = u64::from(rect.height) * u64::from(frame.width()) / u64::from(frame.height());
    let by_width = u64::from(rect.width) * u64::from(frame.height()) / u64::from(frame.width());
    let fitted = |side: u64, most: u32| u32::try_from(side).unwrap_or(most).clamp(2, most) & !1;
    let (width, height) = if by_height <= u64::from(rect.width) {
        (fitted(by_height, rect.width), rect.height)
    } else {
        (rect.width, fitted(by_width, rect.height))
    };
    Rect {
        x: rect.x + (((rect.width - width) / 2) & !1),
        y: rect.y + (((rect.height - height) / 2) & !1),
        width,
        height,
    }
}

/// Scales planes; keeps its buffers from one picture to the next.
pub struct Scaler {
    resizer: Resizer,
}

impl Default for Scaler {
    fn default() -> Self {
        Self { resizer: Resizer::new() }
    }
}

impl Scaler {
    /// Scales the part `crop` of one plane into the rectangle `target` of another. Sizes that do not fit are a
    /// bug of the layout: then nothing is drawn, and the log says so.
    fn scale(
        &mut self,
        (source, width, height): (&[u8], u32, u32),
        crop: [f64; 4],
        plane: &mut [u8],
        stride: usize,
        target: [usize; 4],
    ) {
        let rows = plane.len() / stride;
        let side = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let drawn = ImageRef::new(width, height, source, PixelType::U8)
            .map_err(|error| error.to_string())
            .and_then(|source| {
                let whole = Image::from_slice_u8(side(stride), side(rows), plane, PixelType::U8);
                let mut whole = whole.map_err(|error| error.to_string())?;
                let [x, y, wide, high] = target.map(side);
                let target = CroppedImageMut::new(&mut whole, x, y, wide, high);
                let mut target = target.map_err(|error| error.to_string())?;
                let [left, top, crop_width, crop_height] = crop;
                let options = ResizeOptions::new()
                    .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
                    .crop(left, top, crop_width, crop_height)
                    .use_alpha(false);
                self.resizer.resize(&source, &mut target, &options).map_err(|error| error.to_string())
            });
        if let Err(cause) = drawn {
            log::error!("a picture of {width}x{height} was not drawn at {target:?}: {cause}");
        }
    }
}
