//! The kernel's lists of device nodes: what tells that a device came, went, or may now be opened.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

/// The nodes of cameras, each with what a change of device or of rights would change.
#[must_use]
pub fn list_cameras() -> Vec<String> {
    list("/dev", &["video"])
}

/// The nodes of microphones and loudspeakers, and those of their cards: a card whose own node may not be opened yet
/// tells nothing of what it has.
#[must_use]
pub fn list_sound() -> Vec<String> {
    list("/dev/snd", &["control", "pcm"])
}

/// A node appears before udev has given it to its group, so owner and mode count as well.
fn list(folder: &str, prefixes: &[&str]) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_named = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let named = entries.filter(|entry| is_named(&entry.file_name().to_string_lossy()));
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_node_that_may_now_be_opened_is_a_change_and_other_nodes_are_none() {
        let folder = std::env::temp_dir().join(format!("alcove-nodes-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let listed = || list(folder.to_str().unwrap(), &["control", "pcm"]);
        fs::write(folder.join("controlC0"), "").unwrap();
        let before = listed();
        fs::write(folder.join("timer"), "").unwrap();
        assert_eq!(listed(), before);
        fs::set_permissions(folder.join("controlC0"), fs::Permissions::from_mode(0o600)).unwrap();
        let after = listed();
        fs::remove_dir_all(&folder).unwrap();
        assert_ne!(after, before);
    }
}
