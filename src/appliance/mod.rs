//! The loop: commands and wake-ups in, acts out; it owns the state, the clock, the sockets and the media workers.

#[cfg(test)]
pub(crate) mod fake;
pub mod handle;

pub use handle::Handle;
