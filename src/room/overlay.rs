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
        let (mut full, mut quarter) = (Planes::new(width * height), Planes::new(width * height / 4));
        let rows: Vec<&[u8]> = pixmap.data().chunks_exact(pixmap.width() as usize * 4).collect();
        // Most rows of most drawings are empty, and looking for that is quick.
        let is_drawn = |row: &&[u8]| row.iter().any(|byte| *byte != 0);
        for (y, pair) in rows.chunks_exact(2).enumerate().filter(|(_, pair)| pair.iter().any(is_drawn)) {
            for (below, row) in pair.iter().enumerate() {
                for (x, pixel) in row.chunks_exact(4).take(width).enumerate() {
                    full.set((2 * y + below) * width + x, sum([pixel]), 0);
                }
            }
            let blocks = pair[0].chunks_exact(8).zip(pair[1].chunks_exact(8)).take(width / 2);
            for (x, (upper, lower)) in blocks.enumerate() {
                let four = [&upper[..4], &upper[4..], &lower[..4], &lower[4..]];
                quarter.set(y * (width / 2) + x, sum(four), 2);
            }
        }
        let Planes { luma, alpha, .. } = full;
        let Planes { blue, red, alpha: chroma_alpha, .. } = quarter;
        Self {
            size,
            planes: [luma, blue, red],
            spans: [spans(&alpha, width), spans(&chroma_alpha, width / 2)],
            alpha: [alpha, chroma_alpha],
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

/// What becomes of a drawing at one resolution. Empty at first, as most of a drawing is.
struct Planes {
    luma: Vec<u8>,
    blue: Vec<u8>,
    red: Vec<u8>,
    alpha: Vec<u8>,
}

impl Planes {
    fn new(length: usize) -> Self {
        let empty = || vec![0; length];
        Self { luma: empty(), blue: empty(), red: empty(), alpha: empty() }
    }

    /// Sets a pixel to the premultiplied colour `sum`, which was summed over `1 << shift` pixels.
    #[inline]
    fn set(&mut self, index: usize, sum: [i32; 4], shift: i32) {
        if sum[3] == 0 {
            return;
        }
        let [red, green, blue, alpha] = sum.map(|channel| channel >> shift);
        let byte = |value: i32| u8::try_from((value + 128) >> 8).unwrap_or(u8::MAX);
        self.luma[index] = byte(47 * red + 157 * green + 16 * blue + 16 * alpha);
        self.blue[index] = byte(112 * blue - 26 * red - 86 * green + 128 * alpha);
        self.red[index] = byte(112 * red - 102 * green - 10 * blue + 128 * alpha);
        self.alpha[index] = u8::try_from(alpha).unwrap_or(u8::MAX);
    }
}

/// Red, green, blue and alpha, summed over pixels.
#[inline]
fn sum<const PIXELS: usize>(pixels: [&[u8]; PIXELS]) -> [i32; 4] {
    let mut sum = [0; 4];
    for pixel in pixels {
        for (total, channel) in sum.iter_mut().zip(pixel) {
            *total += i32::from(*channel);
        }
    }
    sum
}

/// The runs of pixels that are not empty, split where opaque ones begin and end.
fn spans(alpha: &[u8], width: usize) -> Vec<Span> {
    let mut spans = Vec::new();
    let lines = alpha.chunks(width.max(1)).enumerate();
    for (row, line) in lines.filter(|(_, line)| line.iter().any(|alpha| *alpha != 0)) {
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
