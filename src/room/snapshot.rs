//! What the screen shows as a PNG: made from the last composed picture, on the asking thread.

use std::sync::{Arc, Mutex, TryLockError};

use alcove_hal::frame::Frame;

use crate::room::shared::{Shared, locked};

/// Why there is no snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// One is made at a time.
    #[error("another snapshot is being made; try again in a moment")]
    Busy,
    /// Nothing was drawn yet.
    #[error("the screen shows nothing yet; try again in a moment")]
    Nothing,
    /// The picture could not be written as PNG.
    #[error("the picture of the screen could not be turned into PNG: {0}")]
    Failed(String),
}

/// Takes snapshots from any thread. Cloning is cheap.
#[derive(Clone)]
pub struct Snapshots {
    shared: Arc<Shared>,
    one_at_a_time: Arc<Mutex<()>>,
}

impl Snapshots {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, one_at_a_time: Arc::default() }
    }

    /// The last composed picture.
    #[must_use]
    pub fn frame(&self) -> Option<Frame> {
        locked(&self.shared.composed).clone()
    }

    /// The last composed picture as PNG. Takes some milliseconds of the calling thread.
    ///
    /// # Errors
    /// [`SnapshotError::Busy`] while another is being made.
    pub fn png(&self) -> Result<Vec<u8>, SnapshotError> {
        let _turn = match self.one_at_a_time.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(SnapshotError::Busy),
        };
        png(&self.frame().ok_or(SnapshotError::Nothing)?)
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
