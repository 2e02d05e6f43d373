//! Drawings with transparency, turned once into I420 and blended on each frame where there is something.

use resvg::tiny_skia::Pixmap;

use crate::room::canvas::Canvas;
use crate::room::layout::Size;

/// A run of pixels in a row that is not empty.
#[derive(Debug, Clone, Copy)]
struct Span {
    row: usize,
    start: usize,
    end: usize,
    opaque: bool,
}

/// A drawing: premultiplied BT.709 in limited range, its transparency, and where it is not empty.
#[derive(Debug, Clone)]
pub struct Overlay {
    size: Size,
    planes: [Vec<u8>; 3],
    alpha: [Vec<u8>; 2],
    spans: [Vec<Span>; 2],
}

impl Overlay {
    /// Turns a drawing into planes. An odd last row or column is left out.
    #[must_use]
    pub fn new(pixmap: &Pixmap) -> Self {
        let size = Size { width: pixmap.width() & !1, height: pixmap.height() & !1 };
        let (width, height) = (size.width as usize, size.height as usize);
        let pixels = pixmap.data();
        let at = |x: usize, y: usize| -> [i32; 4] {
            let start = (y * pixmap.width() as usize + x) * 4;
            [0, 1, 2, 3].map(|channel| i32::from(pixels[start + channel]))
        };
        let full = collect(width, height, at);
        let quarter = collect(width / 2, height / 2, |x, y| {
            let four =
                [at(2 * x, 2 * y), at(2 * x + 1, 2 * y), at(2 * x, 2 * y + 1), at(2 * x + 1, 2 * y + 1)];
            [0, 1, 2, 3].map(|channel| four.iter().map(|pixel| pixel[channel]).sum::<i32>().div_euclid(4))
        });
        let alphas = [plane(&full, |pixel| pixel[3]), plane(&quarter, |pixel| pixel[3])];
        Self {
            size,
            planes: [plane(&full, luma), plane(&quarter, blue_difference), plane(&quarter, red_difference)],
            spans: [spans(&alphas[0], width), spans(&alphas[1], width / 2)],
            alpha: alphas,
        }
    }

    /// Its size.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Blends the drawing on `canvas` with its upper left corner at `x` and `y`, both even. What does not fit
    /// is cut off.
    pub fn blend(&self, canvas: &mut Canvas, x: u32, y: u32) {
        for (index, (plane, stride)) in canvas.planes_mut().into_iter().enumerate() {
            let level = usize::from(index > 0);
            let (left, top) = ((x as usize) >> level, (y as usize) >> level);
            let width = self.size.width as usize >> level;
            for span in &self.spans[level] {
                let start = (top + span.row) * stride + left + span.start;
                let length = (span.end - span.start).min(stride.saturating_sub(left + span.start));
                let Some(target) = plane.get_mut(start..start + length) else { break };
                let from = span.row * width + span.start;
                let source = &self.planes[index][from..from + length];
                if span.opaque {
                    target.copy_from_slice(source);
                } else {
                    mix(target, source, &self.alpha[level][from..from + length]);
                }
            }
        }
    }
}

/// Premultiplied source over target.
fn mix(target: &mut [u8], source: &[u8], alpha: &[u8]) {
    for ((below, above), alpha) in target.iter_mut().zip(source).zip(alpha) {
        let through = u32::from(*below) * (255 - u32::from(*alpha)) + 128;
        let sum = u32::from(*above) + ((through + (through >> 8)) >> 8);
        *below = u8::try_from(sum).unwrap_or(u8::MAX);
    }
}

fn collect(width: usize, height: usize, at: impl Fn(usize, usize) -> [i32; 4]) -> Vec<[i32; 4]> {
    (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| at(x, y)).collect()
}

fn plane(pixels: &[[i32; 4]], value: impl Fn(&[i32; 4]) -> i32) -> Vec<u8> {
    pixels.iter().map(|pixel| u8::try_from(value(pixel).clamp(0, 255)).unwrap_or(0)).collect()
}

fn luma([red, green, blue, alpha]: &[i32; 4]) -> i32 {
    (47 * red + 157 * green + 16 * blue + 16 * alpha + 128) >> 8
}

fn blue_difference([red, green, blue, alpha]: &[i32; 4]) -> i32 {
    (-26 * red - 86 * green + 112 * blue + 128 * alpha + 128) >> 8
}

fn red_difference([red, green, blue, alpha]: &[i32; 4]) -> i32 {
    (112 * red - 102 * green - 10 * blue + 128 * alpha + 128) >> 8
}

/// The runs of pixels that are not empty, split where opaque ones begin and end.
fn spans(alpha: &[u8], width: usize) -> Vec<Span> {
    let mut spans = Vec::new();
    for (row, line) in alpha.chunks(width.max(1)).enumerate() {
        let mut start = 0;
        while start < line.len() {
            let kind = kind(line[start]);
            let length = line[start..].iter().take_while(|value| self::kind(**value) == kind).count();
            if kind != 0 {
                spans.push(Span { row, start, end: start + length, opaque: kind == 2 });
            }
            start += length;
        }
    }
    spans
}

/// 0 empty, 1 translucent, 2 opaque.
const fn kind(alpha: u8) -> u8 {
    match alpha {
        0 => 0,
        u8::MAX => 2,
        _ => 1,
    }
}
