//! The real back end: V4L2 cameras, ALSA sound, GStreamer codecs and displays.

mod av1;
pub mod camera;
mod camera_controls;
mod camera_h264;
mod camera_modes;
mod camera_signal;
mod camera_units;
mod camera_wishes;
pub mod codecs;
mod colour;
mod decoder;
pub mod display;
mod encoder;
mod encoder_profiles;
mod kernel_error;
pub mod memory;
mod nodes;
mod pass_through;
mod payloads;
mod picture_decoder;
mod pipeline;
mod pixels;
pub mod sound;

pub use camera::V4lCamera;
pub use codecs::GstCodecs;
pub use display::{GstDisplay, list_displays};
pub use nodes::{list_cameras, list_sound};
pub use sound::AlsaDevice;

/// Starts GStreamer, which takes milliseconds, or seconds when its list of plug-ins has to be made anew. A
/// failure is logged, and shows again wherever media is needed.
pub fn start_media() {
    if let Err(error) = pipeline::init() {
        log::warn!("{error}");
    }
}
