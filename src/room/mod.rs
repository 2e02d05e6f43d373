//! The room as a participant: hal -> tracks, slots -> scene -> screen and loudspeaker.

pub mod canvas;
pub mod layout;
pub mod mixer;
pub mod overlay;
pub mod painter;
pub mod scene;
pub mod voice;

#[cfg(test)]
mod testing;
