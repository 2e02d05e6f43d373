//! What the screen shows as a PNG: made from the last composed picture, on the asking thread.

use std::sync::{Arc, Condvar, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use alcove_hal::frame::Frame;

use crate::room::shared::locked;

/// Why there is no snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// One is made at a time.
    #[error("another snapshot is being made; try again in a moment")]
    Busy,
    /// Nothing was drawn in the first two seconds.
    #[error("the screen shows nothing yet; try again in a moment")]
    Nothing,
    /// The picture could not be written as PNG.
    #[error("the picture of the screen could not be turned into PNG: {0}")]
    Failed(String),
}

/// How long the first picture of all is waited for: it is there some milliseconds after the start, on a busy machine
/// some hundred.
const FIRST_PICTURE: Duration = Duration::from_secs(2);

/// What the screen shows now: the composer writes it, the screen and snapshots read it.
#[derive(Default)]
pub(super) struct Composed {
    frame: Mutex<Option<Frame>>,
    changed: Condvar,
}

impl Composed {
    pub(super) fn set(&self, frame: Frame) {
        *locked(&self.frame) = Some(frame);
        self.changed.notify_all();
    }

    pub(super) fn latest(&self) -> Option<Frame> {
        locked(&self.frame).clone()
    }

    /// The latest, or the first of all if it comes within `patience`.
    fn within(&self, patience: Duration) -> Option<Frame> {
        let waited = self.changed.wait_timeout_while(locked(&self.frame), patience, |frame| frame.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

/// Takes snapshots from any thread. Cloning is cheap.
#[derive(Clone)]
pub struct Snapshots {
    composed: Arc<Composed>,
    one_at_a_time: Arc<Mutex<()>>,
}

impl Snapshots {
    pub(super) fn new(composed: Arc<Composed>) -> Self {
        Self { composed, one_at_a_time: Arc::default() }
    }

    /// The last composed picture as PNG. Takes some milliseconds of the calling thread, and just after the start up to
    /// two seconds.
    ///
    /// # Errors
    /// [`SnapshotError::Busy`] while another is being made, [`SnapshotError::Nothing`] if nothing was drawn.
    pub fn png(&self) -> Result<Vec<u8>, SnapshotError> {
        let _turn = match self.one_at_a_time.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(SnapshotError::Busy),
        };
        png(&self.composed.within(FIRST_PICTURE).ok_or(SnapshotError::Nothing)?)
    }
}

fn png(frame: &Frame) -> Result<Vec<u8>, SnapshotError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, frame.width(), frame.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let failed = |cause: png::EncodingError| SnapshotError::Failed(cause.to_string());
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&rgb(frame)).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}

/// Full-range red, green and blue of each pixel, by BT.709.
fn rgb(frame: &Frame) -> Vec<u8> {
    let [luma, blue, red] = frame.planes();
    let width = frame.width() as usize;
    let mut pixels = Vec::with_capacity(luma.len() * 3);
    for (row, line) in luma.chunks_exact(width).enumerate() {
        let start = row / 2 * (width / 2);
        for (column, luma) in line.iter().enumerate() {
            let chroma = start + column / 2;
            pixels.extend(pixel(*luma, blue[chroma], red[chroma]));
        }
    }
    pixels
}

/// In fixed point with 16 bits after the point.
fn pixel(luma: u8, blue: u8, red: u8) -> [u8; 3] {
    let y = (i32::from(luma) - 16) * 76_309;
    let (u, v) = (i32::from(blue) - 128, i32::from(red) - 128);
    let channels = [y + 117_489 * v, y - 13_975 * u - 34_925 * v, y + 138_438 * u];
    channels.map(|channel| u8::try_from(((channel + 32_768) >> 16).clamp(0, 255)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::canvas::{Canvas, Colour};
    use crate::room::layout::Size;
    use crate::room::testing::TestClock;

    #[test]
    fn who_asks_before_the_first_picture_gets_it() {
        let composed = Arc::new(Composed::default());
        let snapshots = Snapshots::new(Arc::clone(&composed));
        let asking = std::thread::spawn(move || snapshots.png());
        let canvas = Canvas::new(Size { width: 32, height: 18 }, Colour::rgb(0, 0, 0));
        composed.set(canvas.into_frame(TestClock::origin_of_time()));
        assert!(asking.join().expect("no panic").expect("a picture").starts_with(b"\x89PNG"));
    }

    #[test]
    fn a_screen_that_never_shows_anything_has_no_picture() {
        assert!(Composed::default().within(Duration::ZERO).is_none());
    }

    #[test]
    fn a_png_has_the_colours_that_were_drawn() {
        for colour in [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [12, 140, 77]] {
            let [red, green, blue] = colour;
            let canvas = Canvas::new(Size { width: 32, height: 18 }, Colour::rgb(red, green, blue));
            let bytes = png(&canvas.into_frame(TestClock::origin_of_time())).expect("PNG");
            let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a header");
            let mut pixels = vec![0; reader.output_buffer_size().expect("small")];
            let info = reader.next_frame(&mut pixels).expect("pixels");
            assert_eq!((info.width, info.height), (32, 18));
            for (drawn, read) in colour.iter().zip(&pixels) {
                assert!(drawn.abs_diff(*read) <= 3, "{colour:?} became {:?}", &pixels[..3]);
            }
        }
    }
}
