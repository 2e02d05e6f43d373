//! What the kernel says of a device that cannot be used, in words for people.

use std::io;

use crate::Error;

/// `errno(3)`: no such file, no such address, no such device.
const GONE: [i32; 3] = [2, 6, 19];
const EACCES: i32 = 13;
const EBUSY: i32 = 16;

/// The error of a device, told by what the kernel said.
pub(super) fn explain(device: &str, error: &io::Error) -> Error {
    let (device, said) = (device.to_owned(), error.to_string());
    match error.raw_os_error() {
        Some(code) if GONE.contains(&code) => Error::Gone { device, cause: said },
        Some(EACCES) => Error::Failed { device, cause: format!("{said}; add the user to the group video") },
        Some(EBUSY) => Error::Failed { device, cause: format!("{said}; another program has it open") },
        _ => Error::Failed { device, cause: said },
    }
}
