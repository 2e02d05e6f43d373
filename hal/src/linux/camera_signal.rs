//! Camera inputs that take a signal from elsewhere (HDMI): whether there is one, and that it is taken as it is.
//!
//! Such an input captures in the timings that it was told, not in those of its signal, so the latter are asked
//! for and set each time it is opened (V4L2, "Digital Video Timings").

use std::io;

use v4l::Device;
use v4l::v4l2;

use super::kernel_error::explain;
use crate::{Error, Result};

/// `struct v4l2_dv_timings`: its kind, then 32 words that are passed on as they are.
#[repr(C)]
struct DvTimings {
    kind: u32,
    words: [u32; 32],
}

/// `struct v4l2_event_subscription`.
#[repr(C)]
struct EventSubscription {
    kind: u32,
    id: u32,
    flags: u32,
    reserved: [u32; 5],
}

/// `_IOR('V', 99, struct v4l2_dv_timings)`, `_IOWR('V', 87, ...)`, `_IOW('V', 90, struct v4l2_event_subscription)`.
const QUERY_DV_TIMINGS: u32 = request(READ, 99, size_of::<DvTimings>());
const S_DV_TIMINGS: u32 = request(READ | WRITE, 87, size_of::<DvTimings>());
const SUBSCRIBE_EVENT: u32 = request(WRITE, 90, size_of::<EventSubscription>());
const SOURCE_CHANGE: u32 = 5;

const WRITE: u32 = 1;
const READ: u32 = 2;

/// `errno(3)`: no signal that can be locked on, nothing plugged in, a signal out of range.
const ENOLINK: i32 = 67;
const ENOLCK: i32 = 37;
const ERANGE: i32 = 34;

/// The number of a request, as `asm-generic/ioctl.h` puts it together.
const fn request(direction: u32, number: u32, size: usize) -> u32 {
    // The sizes are those of the two structures above.
    #[expect(clippy::cast_possible_truncation, reason = "132 and 32")]
    let size = size as u32;
    direction << 30 | size << 16 | (b'V' as u32) << 8 | number
}

/// Takes the signal as it is, and asks to be told when it changes; returns whether it is such an input. A webcam
/// or a sensor is left alone.
///
/// # Errors
/// [`NoSignal`](Error::NoSignal) when there is none, or none that the input can take.
pub(super) fn take(device: &Device, name: &str) -> Result<bool> {
    let mut timings = DvTimings { kind: 0, words: [0; 32] };
    let no_signal = |cause: &str| Err(Error::NoSignal { device: name.to_owned(), cause: cause.to_owned() });
    match ask(device, QUERY_DV_TIMINGS, &mut timings) {
        Ok(()) => {
            ask(device, S_DV_TIMINGS, &mut timings).map_err(|error| explain(name, &error))?;
            let mut wanted = EventSubscription { kind: SOURCE_CHANGE, id: 0, flags: 0, reserved: [0; 5] };
            // Inputs that cannot tell fall silent instead.
            Ok(ask(device, SUBSCRIBE_EVENT, &mut wanted).is_ok())
        }
        Err(error) => match error.raw_os_error() {
            Some(ENOLINK) => no_signal("nothing is plugged in, or what is plugged in is off"),
            Some(ENOLCK) => no_signal("the signal is not stable"),
            Some(ERANGE) => no_signal("the signal is of a size or rate that the input cannot take"),
            _ => Ok(false),
        },
    }
}

fn ask<Argument>(device: &Device, request: u32, argument: &mut Argument) -> io::Result<()> {
    let argument = std::ptr::from_mut(argument).cast();
    #[expect(unsafe_code, reason = "the crate has no call for these requests")]
    // SAFETY: the request's number holds the size of what it reads and writes, which is that of `Argument`.
    unsafe {
        v4l2::ioctl(device.handle().fd(), request.into(), argument)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_numbers_of_the_kernel() {
        // linux/videodev2.h, as the preprocessor has them.
        assert_eq!(QUERY_DV_TIMINGS, 0x8084_5663);
        assert_eq!(S_DV_TIMINGS, 0xc084_5657);
        assert_eq!(SUBSCRIBE_EVENT, 0x4020_565a);
    }
}
