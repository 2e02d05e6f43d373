//! The kernel's lists of device nodes: what tells that a device came, went, or may now be opened.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

/// The nodes of cameras, each with what a change of device or of rights would change.
#[must_use]
pub fn list_cameras() -> Vec<String> {
    list("/dev", "video")
}

/// The nodes of microphones and loudspeakers.
#[must_use]
pub fn list_sound() -> Vec<String> {
    list("/dev/snd", "pcm")
}

/// A node appears before udev has given it to its group, so owner and mode count as well.
fn list(folder: &str, prefix: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    let mut listed: Vec<_> = named
        .filter_map(|entry| {
            let told = entry.metadata().ok()?;
            let name = entry.file_name();
            Some(format!("{} {} {} {:o}", name.display(), told.ino(), told.gid(), told.mode()))
        })
        .collect();
    listed.sort();
    listed
}
