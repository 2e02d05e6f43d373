//! Files of the state directory: written whole or not at all, and secret where they must be.

use std::env;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The largest file that is read into memory here, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The file of the state directory that says where the running appliance is reached from this machine.
pub const URL: &str = "url";

/// The folders below the state directory whose files are copied to memory when it cannot be written.
const COPIED_FOLDERS: [&str; 1] = ["tls"];

/// Who may read a file besides its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Nobody: mode 0600.
    OwnerAlone,
    /// Everybody: mode 0644.
    Everybody,
}

/// A file of the state directory that cannot be used: one sentence.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {path}: {cause}; {advice}", path = path.display())]
pub struct Error {
    verb: &'static str,
    path: PathBuf,
    cause: String,
    advice: &'static str,
}

impl Error {
    /// A file of ours that holds what it should not.
    pub(super) fn broken(path: &Path, cause: impl Into<String>, advice: &'static str) -> Self {
        Self { verb: "use", path: path.to_owned(), cause: cause.into(), advice }
    }

    fn new(verb: &'static str, path: &Path, cause: &io::Error) -> Self {
        let advice =
            "the state directory must belong to the user that runs alcove (or name another with --state)";
        Self { verb, path: path.to_owned(), cause: cause.to_string(), advice }
    }
}

/// Makes a folder and those above it, for the owner alone, where it is not there yet.
///
/// # Errors
/// One sentence with the folder and the cause.
pub fn make_folder(path: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|cause| Error::new("make the folder", path, &cause))
}

/// The folder to keep keys and tokens in: the one that was asked for, made where it is not there yet. One that
/// cannot be written at the moment, because the disk is full or read-only, is copied to memory, so that the room
/// opens all the same; the sentence says so.
///
/// # Errors
/// One sentence when it can never be used: it belongs to somebody else, or is no folder.
pub fn state_folder(asked: &Path) -> Result<(PathBuf, Option<String>), Error> {
    let is_passing = |cause: &io::Error| {
        use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        matches!(cause.kind(), ReadOnlyFilesystem | StorageFull | QuotaExceeded)
    };
    let cause = match try_out(asked) {
        Ok(()) => return Ok((asked.to_owned(), None)),
        Err(cause) if is_passing(&cause) => cause,
        Err(cause) => return Err(Error::new("write to", asked, &cause)),
    };
    let folder = env::var_os("RUNTIME_DIRECTORY").map_or_else(env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("state-{}", std::process::id()));
    copy_small_files(asked, &folder).map_err(|cause| Error::new("write to", &folder, &cause))?;
    let trouble = format!(
        "{} cannot be written ({cause}): what changes now is lost at the next start. Free some space, or have \
         the disk looked at.",
        asked.display()
    );
    Ok((folder, Some(trouble)))
}

/// Makes the folder, and writes to it as later writes will.
fn try_out(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let probe = folder.join("probe");
    replace(&probe, "what is written here is kept\n", Readers::OwnerAlone)?;
    fs::remove_file(probe)
}

/// Copies the files of a folder and of those in it; what cannot be read is left out, and made anew.
fn copy_small_files(from: &Path, to: &Path) -> io::Result<()> {
    // What is there already may be somebody else's.
    fs::DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        match entry.metadata() {
            Ok(data) if data.is_dir() && COPIED_FOLDERS.iter().any(|name| entry.file_name() == *name) => {
                copy_small_files(&source, &target)?;
            }
            Ok(data) if data.is_file() && data.len() <= FILE_BYTES_MAX => {
                if let Ok(content) = fs::read_to_string(&source) {
                    replace(&target, &content, Readers::OwnerAlone)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reads a file; `None` when there is none.
///
/// # Errors
/// One sentence with the file and the cause.
pub fn read(path: &Path) -> Result<Option<String>, Error> {
    let failed = |cause: &io::Error| Error::new("read", path, cause);
    match fs::metadata(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(failed(&cause)),
        Ok(data) if data.len() > FILE_BYTES_MAX => return Err(failed(&io::ErrorKind::FileTooLarge.into())),
        Ok(_) => {}
    }
    fs::read_to_string(path).map(Some).map_err(|cause| failed(&cause))
}

/// Writes a file so that after a power cut there is the old one or the new one, whole.
///
/// # Errors
/// One sentence with the file and the cause.
pub fn write(path: &Path, content: &str, readers: Readers) -> Result<(), Error> {
    replace(path, content, readers).map_err(|cause| Error::new("write", path, &cause))
}

/// The same, for those who say in their own words what to do when that fails.
pub(super) fn replace(path: &Path, content: &str, readers: Readers) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    // What an interrupted write left behind may have another mode.
    match fs::remove_file(&temporary) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let mode = match readers {
        Readers::OwnerAlone => 0o600,
        Readers::Everybody => 0o644,
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    // Whatever the process takes away from what it makes (umask).
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/secret");
        make_folder(path.parent().unwrap()).unwrap();
        assert_eq!(read(&path).unwrap(), None);
        fs::write(path.with_extension("new"), "left behind").unwrap();
        for content in ["one", "two"] {
            write(&path, content, Readers::OwnerAlone).unwrap();
            assert_eq!(read(&path).unwrap().as_deref(), Some(content));
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        write(&path, "x", Readers::Everybody).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    }

    #[test]
    fn a_state_folder_is_made_tried_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let asked = folder.path().join("a/b");
        assert!(matches!(state_folder(&asked), Ok((used, None)) if used == asked));
        assert_eq!(fs::read_dir(&asked).unwrap().count(), 0);
    }

    #[test]
    fn keys_are_copied_to_memory_and_recordings_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        for name in ["tls", "recordings"] {
            fs::create_dir_all(from.join(name)).unwrap();
            fs::write(from.join(name).join("one"), "content").unwrap();
        }
        fs::write(from.join("token.key"), "key").unwrap();
        copy_small_files(&from, &to).unwrap();
        assert_eq!(read(&to.join("token.key")).unwrap().as_deref(), Some("key"));
        assert_eq!(read(&to.join("tls/one")).unwrap().as_deref(), Some("content"));
        assert!(!to.join("recordings").exists());
        assert!(copy_small_files(&from, &to).is_err(), "a folder that is there may be somebody else's");
    }

    #[test]
    fn failures_name_the_file_the_cause_and_the_next_step() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = write(&file.join("below"), "", Readers::Everybody).unwrap_err().to_string();
        assert!(error.contains("cannot write") && error.contains("file/below: Not a directory"), "{error}");
        assert!(error.contains("--state"), "{error}");
        assert!(make_folder(&file).unwrap_err().to_string().starts_with("cannot make the folder"));
    }
}
