//! The real back end: V4L2 cameras, ALSA sound, GStreamer codecs and displays.

pub mod camera;
mod camera_modes;
pub mod codecs;
mod decoder;
pub mod display;
mod encoder;
mod encoder_profiles;
mod jpeg;
mod pipeline;
mod pixels;
pub mod sound;

pub use camera::V4lCamera;
pub use codecs::GstCodecs;
pub use display::GstDisplay;
pub use sound::AlsaDevice;
