//! The room as a participant: hal -> tracks, slots -> scene -> screen and loudspeaker.

pub mod canvas;
pub mod layout;
pub mod overlay;
pub mod painter;
pub mod scene;

#[cfg(test)]
mod testing;
