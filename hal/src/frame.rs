//! Pictures as values: planar I420, shared by reference count.

use std::sync::Arc;
use std::time::Instant;

use crate::coded::Coded;

/// One picture: planar YCbCr 4:2:0, limited range (ITU-R BT.709), rows without gaps. Cloning is a
/// reference count.
#[derive(Debug, Clone)]
pub struct Frame {
    width: u32,
    height: u32,
    data: Arc<Vec<u8>>,
    /// When the light was caught, or the picture made.
    pub captured_at: Instant,
    coded: Option<Coded>,
}

impl Frame {
    /// The bytes that an I420 picture of that size has: `width * height * 3 / 2`.
    #[must_use]
    pub const fn byte_len(width: u32, height: u32) -> usize {
        (width as usize * height as usize) * 3 / 2
    }

    /// A frame of the planes Y, U and V, one after the other.
    ///
    /// # Panics
    /// When a side is odd or zero, or `data` is not of [`Frame::byte_len`]: a bug of the caller.
    #[must_use]
    pub fn new(width: u32, height: u32, data: Vec<u8>, captured_at: Instant) -> Self {
        assert!(width > 0 && height > 0, "a frame has an extent");
        assert!(
            width.is_multiple_of(2) && height.is_multiple_of(2),
            "I420 needs even sides: {width}x{height}"
        );
        assert_eq!(data.len(), Self::byte_len(width, height), "I420 of {width}x{height}");
        Self { width, height, data: Arc::new(data), captured_at, coded: None }
    }

    /// The same frame with the access unit that it was decoded from.
    #[must_use]
    pub fn with_coded(self, coded: Coded) -> Self {
        Self { coded: Some(coded), ..self }
    }

    /// The access unit that it was decoded from, when its camera codes and can be sent as it is.
    #[must_use]
    pub const fn coded(&self) -> Option<&Coded> {
        self.coded.as_ref()
    }

    /// Pixels per row, even.
    #[must_use]
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Rows, even.
    #[must_use]
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// The planes Y, U and V; U and V have half the width and half the height.
    #[must_use]
    pub fn planes(&self) -> [&[u8]; 3] {
        let luma = self.width as usize * self.height as usize;
        let (y, chroma) = self.data.split_at(luma);
        let (u, v) = chroma.split_at(luma / 4);
        [y, u, v]
    }

    /// All three planes, one after the other.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}
