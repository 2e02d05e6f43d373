//! Files of the state directory: written whole or not at all, and secret where they must be.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The largest file that is read into memory here, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

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

fn replace(path: &Path, content: &str, readers: Readers) -> io::Result<()> {
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
    use std::os::unix::fs::PermissionsExt as _;

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
