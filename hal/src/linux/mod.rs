//! The real back end: V4L2 cameras, ALSA sound, GStreamer codecs and displays.

pub mod codecs;
mod decoder;
mod encoder;
mod encoder_profiles;
mod pipeline;

pub use codecs::GstCodecs;
