//! Spatial layers: pictures of several sizes in one flow, where simulcast has a flow for each (RFC 9628, 3; AV1 RTP
//! specification, 6.1.1).
//!
//! ```text
//!   layer 2   720 rows   K──▪──▪──▪       each picture of a layer needs the one before it and the layer below it
//!                        │  │  │  │       (L3T3), so whoever is sent the layers up to one of them sees that one:
//!   layer 1   360 rows   K──▪──▪──▪       down at any picture, up at the next key frame
//!                        │  │  │  │
//!   layer 0   180 rows   K──▪──▪──▪
//! ```

use crate::track::Layer;

/// The heights of the layers of a flow, smallest first; 0 behind the last one.
pub(super) type Heights = [u16; Layer::MAX];

/// The place of a packet among the spatial layers of its flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spatial {
    /// The layer of its frame.
    pub(super) id: u8,
    /// How many layers the flow has.
    pub(super) count: u8,
    /// It is the last packet of its frame.
    pub(super) ends: bool,
    /// Where it tells them, as at key frames.
    pub(super) heights: Option<Heights>,
}

impl Spatial {
    /// The height of the largest picture, where the packet tells.
    pub(super) fn largest(self) -> Option<u16> {
        self.heights?.into_iter().max().filter(|height| *height > 0)
    }
}

/// As many as are told apart.
pub(super) fn heights(told: impl IntoIterator<Item = u16>) -> Heights {
    let mut heights = Heights::default();
    heights.iter_mut().zip(told).for_each(|(height, told)| *height = told);
    heights
}
