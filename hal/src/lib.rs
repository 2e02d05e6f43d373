//! The hardware of a room: cameras, microphones, loudspeakers, displays and codecs, real and simulated.
//!
//! In reading order: [`frame`] and [`coded`] (pictures as values), [`clock`], [`error`], then a trait and its
//! values per kind of device ([`camera`], [`audio`], [`display`], [`codec`]), then the two back ends that
//! implement them ([`simulated`], [`linux`]), and [`mod@discover`], which gives each kind its [`seat`] and writes
//! a [`report`].

pub mod audio;
pub mod camera;
pub mod clock;
pub mod codec;
pub mod coded;
pub mod discover;
pub mod display;
pub mod error;
pub mod frame;
pub mod linux;
pub mod report;
pub mod seat;
pub mod simulated;

pub use discover::{DiscoverOptions, Hardware, Wishes, discover};
pub use error::{Error, Result};
