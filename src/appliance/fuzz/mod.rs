//! What strangers can send to the loop, made up: words, and bytes of a TCP connection that carries media.

mod frames;
mod words;

pub use frames::frames;
pub use words::words;
