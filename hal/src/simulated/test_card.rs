//! The picture of the simulated camera: a time code, colour bars, a name, a coloured patch and a moving ball.
//!
//! ```text
//!   +------------------------------------------------+  0
//!   | time code                                      |
//!   +------------------------------------------------+  height / 18
//!   | colour bars                 +---------+        |
//!   |                             |  patch  |        |  40 to 70 % of the height,
//!   +-------------------- - - - - +         + - - - -+  60 to 90 % of the width
//!   | o -> moving ball            +---------+        |
//!   | NAME OF THE ROOM            12:34:56.789       |
//!   +------------------------------------------------+
//! ```
//! The patch has one plain colour per camera, by which tests tell cameras apart; nothing else is drawn there.

use std::time::Duration;

use super::{glyphs, time_code};
use crate::frame::Frame;

/// Red, green and blue, full range.
type Rgb = [u8; 3];
/// Y, U and V, ITU-R BT.709, limited range.
type Yuv = [u8; 3];

/// The plain colours that a patch can have, far enough from each other to survive any codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PatchColour {
    /// RGB 255, 0, 0.
    Red,
    /// RGB 255, 128, 0.
    Orange,
    /// RGB 255, 255, 0.
    Yellow,
    /// RGB 0, 200, 0.
    Green,
    /// RGB 0, 255, 255.
    Cyan,
    /// RGB 0, 0, 255.
    Blue,
    /// RGB 255, 0, 255.
    Magenta,
}

impl PatchColour {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Red, Self::Orange, Self::Yellow, Self::Green, Self::Cyan, Self::Blue, Self::Magenta];

    /// Red, green and blue, as a page would show it.
    #[must_use]
    pub const fn rgb(self) -> [u8; 3] {
        match self {
            Self::Red => [255, 0, 0],
            Self::Orange => [255, 128, 0],
            Self::Yellow => [255, 255, 0],
            Self::Green => [0, 200, 0],
            Self::Cyan => [0, 255, 255],
            Self::Blue => [0, 0, 255],
            Self::Magenta => [255, 0, 255],
        }
    }

    /// The colour whose patch is in the middle of the patch region of `frame`; nothing when none is near.
    #[must_use]
    pub fn of_frame(frame: &Frame) -> Option<Self> {
        let (left, top, width, height) = patch_region(frame.width() as usize, frame.height() as usize);
        let seen = pixel(frame, left + width / 2, top + height / 2);
        let distance = |colour: &Self| {
            yuv(colour.rgb()).iter().zip(seen).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum::<u32>()
        };
        // Half the distance between the nearest two colours, red and orange.
        const NEAR: u32 = 32 * 32;
        Self::ALL.into_iter().min_by_key(distance).filter(|colour| distance(colour) < NEAR)
    }
}

/// Left, top, width and height of the patch in a picture of that size, all even.
#[must_use]
pub const fn patch_region(width: usize, height: usize) -> (usize, usize, usize, usize) {
    (even(width * 6 / 10), even(height * 4 / 10), even(width * 3 / 10), even(height * 3 / 10))
}

const fn even(value: usize) -> usize {
    value & !1
}

fn pixel(frame: &Frame, x: usize, y: usize) -> Yuv {
    let [luma, u, v] = frame.planes();
    let width = frame.width() as usize;
    let chroma = y / 2 * (width / 2) + x / 2;
    [luma[y * width + x], u[chroma], v[chroma]]
}

const fn yuv(rgb: Rgb) -> Yuv {
    let [r, g, b] = [rgb[0] as i32, rgb[1] as i32, rgb[2] as i32];
    [
        ((47 * r + 157 * g + 16 * b + 16 * 255 + 128) >> 8) as u8,
        ((-26 * r - 86 * g + 112 * b + 128 * 255 + 128) >> 8) as u8,
        ((112 * r - 102 * g - 10 * b + 128 * 255 + 128) >> 8) as u8,
    ]
}

/// A picture being painted.
struct Canvas {
    width: usize,
    height: usize,
    bytes: Vec<u8>,
}

impl Canvas {
    /// Fills a rectangle, cut to even borders and to the picture.
    fn fill(&mut self, left: usize, top: usize, width: usize, height: usize, colour: Yuv) {
        let (left, top) = (even(left).min(self.width), even(top).min(self.height));
        let (right, bottom) =
            (even(left + width + 1).min(self.width), even(top + height + 1).min(self.height));
        let luma = self.width * self.height;
        let planes = [(0, 1), (luma, 2), (luma + luma / 4, 2)];
        for ((start, by), value) in planes.into_iter().zip(colour) {
            for row in top / by..bottom / by {
                let row = start + row * (self.width / by);
                self.bytes[row + left / by..row + right / by].fill(value);
            }
        }
    }

    /// Writes text in white; the background is to be colourless already.
    fn write(&mut self, text: &str, left: usize, top: usize, scale: usize) {
        let (width, height) = (self.width, self.height);
        let bytes = &mut self.bytes;
        glyphs::for_each_dot(text, |column, row| {
            let (x, y) = (left + column * scale, top + row * scale);
            if x + scale <= width && y + scale <= height {
                (y..y + scale).for_each(|y| bytes[y * width + x..][..scale].fill(235));
            }
        });
    }
}

/// Paints the pictures of one camera.
#[derive(Debug)]
pub(crate) struct TestCard {
    width: usize,
    height: usize,
    /// Everything that does not move.
    background: Vec<u8>,
}

/// Dots from side to side that fit the clock and 20 characters of the name: the unit of the text size.
const DOTS_ACROSS: usize = 213;
/// Longer names are cut.
const NAME_CHARACTERS: usize = 20;
/// Time of the ball from the left side to the right one.
const SWEEP: Duration = Duration::from_secs(4);

impl TestCard {
    /// A card of that size.
    pub(crate) fn new(width: usize, height: usize, room_name: &str, patch: PatchColour) -> Self {
        let mut canvas =
            Canvas { width, height, bytes: vec![128; Frame::byte_len(width as u32, height as u32)] };
        canvas.fill(0, 0, width, height, yuv([40, 40, 40]));
        paint_bars(&mut canvas);
        let (left, top, across, down) = patch_region(width, height);
        canvas.fill(left, top, across, down, yuv(patch.rgb()));
        let name: String = room_name.chars().take(NAME_CHARACTERS).collect();
        canvas.write(&name, text_left(width), text_top(width, height), scale(width));
        Self { width, height, background: canvas.bytes }
    }

    /// The picture of the moment `unix_time`.
    pub(crate) fn paint(&self, unix_time: Duration) -> Vec<u8> {
        let mut canvas = Canvas { width: self.width, height: self.height, bytes: self.background.clone() };
        time_code::encode(time_code::millis(unix_time), self.width, self.height, &mut canvas.bytes);
        paint_ball(&mut canvas, unix_time);
        let clock = clock_text(unix_time);
        let left = self.width - text_left(self.width) - glyphs::text_width(&clock, scale(self.width));
        canvas.write(&clock, left, text_top(self.width, self.height), scale(self.width));
        canvas.bytes
    }
}

const fn scale(width: usize) -> usize {
    let scale = width / DOTS_ACROSS;
    if scale == 0 { 1 } else { scale }
}

const fn text_left(width: usize) -> usize {
    even(4 * scale(width))
}

const fn text_top(width: usize, height: usize) -> usize {
    even(height.saturating_sub((glyphs::HEIGHT + 3) * scale(width)))
}

/// Hours, minutes, seconds and milliseconds in UTC.
fn clock_text(unix_time: Duration) -> String {
    let seconds = unix_time.as_secs();
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:03}", seconds % 60, unix_time.subsec_millis())
}

fn paint_bars(canvas: &mut Canvas) {
    const BARS: [Rgb; 7] =
        [[191, 191, 191], [191, 191, 0], [0, 191, 191], [0, 191, 0], [191, 0, 191], [191, 0, 0], [0, 0, 191]];
    let top = time_code::rows(canvas.height).next_multiple_of(2);
    let bottom = canvas.height * 55 / 100;
    for (index, colour) in BARS.into_iter().enumerate() {
        let (left, right) = (index * canvas.width / BARS.len(), (index + 1) * canvas.width / BARS.len());
        canvas.fill(left, top, right - left, bottom.saturating_sub(top), yuv(colour));
    }
}

/// A square that bounces between the sides, below the patch and above the text.
fn paint_ball(canvas: &mut Canvas, unix_time: Duration) {
    let side = even(canvas.height / 9).max(2);
    let span = canvas.width.saturating_sub(side);
    let sweep = SWEEP.as_millis();
    let phase = (unix_time.as_millis() % (2 * sweep)) as usize;
    let sweep = sweep as usize;
    let along = if phase < sweep { phase } else { 2 * sweep - phase };
    canvas.fill(along * span / sweep, canvas.height * 74 / 100, side, side, yuv([230, 230, 230]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::simulated::VirtualClock;

    const SIZES: [(usize, usize); 5] = [(1920, 1080), (1280, 720), (640, 360), (320, 180), (160, 90)];

    fn frame(width: usize, height: usize, patch: PatchColour, at: Duration) -> Frame {
        let bytes = TestCard::new(width, height, "Blue Room", patch).paint(at);
        Frame::new(width as u32, height as u32, bytes, VirtualClock::new().now())
    }

    #[test]
    fn every_patch_colour_is_recognised_at_every_size() {
        for (width, height) in SIZES {
            for patch in PatchColour::ALL {
                let picture = frame(width, height, patch, Duration::from_secs(3));
                assert_eq!(PatchColour::of_frame(&picture), Some(patch), "{width}x{height}");
            }
        }
    }

    #[test]
    fn a_grey_picture_has_no_patch() {
        let grey = Frame::new(320, 180, vec![128; Frame::byte_len(320, 180)], VirtualClock::new().now());
        assert_eq!(PatchColour::of_frame(&grey), None);
    }

    #[test]
    fn the_time_is_in_the_picture() {
        for (width, height) in SIZES {
            let at = Duration::from_millis(1_767_225_600_123);
            let code = time_code::of_frame(&frame(width, height, PatchColour::Red, at));
            assert_eq!(code, Some(time_code::millis(at)), "{width}x{height}");
        }
    }

    #[test]
    fn the_picture_moves() {
        let at = |ms| frame(320, 180, PatchColour::Red, Duration::from_millis(ms)).data().to_vec();
        let changed = |a: &[u8], b: &[u8]| a.iter().zip(b).filter(|(a, b)| a != b).count();
        assert!(changed(&at(0), &at(500)) > 500);
    }

    #[test]
    fn the_name_is_in_the_picture() {
        let with = |name| TestCard::new(320, 180, name, PatchColour::Red).background;
        assert_ne!(with("A"), with("B"));
        assert_eq!(with(&"A".repeat(20)), with(&"A".repeat(500)), "cut, not a panic");
    }

    #[test]
    fn the_clock_reads_like_a_clock() {
        assert_eq!(clock_text(Duration::from_millis(86_400_000 + 3_723_004)), "01:02:03.004");
    }
}
