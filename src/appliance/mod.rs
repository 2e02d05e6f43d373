//! The loop: commands and wake-ups in, acts out; it owns the state, the clock, the sockets and the media workers.

pub mod handle;

pub use handle::Handle;
