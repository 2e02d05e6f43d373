//! Files of lines that are only ever added: put aside when they have grown, and the oldest removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file that is written, and older ones beside it with `.1`, `.2` and so on behind their names.
pub(super) struct Lines {
    folder: PathBuf,
    name: &'static str,
    limits: Limits,
    file: Option<File>,
    bytes: u64,
}

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// A file that would grow over so many bytes is put aside.
    pub(super) file_bytes: u64,
    /// So many are kept beside the one that is written.
    pub(super) aside: u32,
}

impl Lines {
    /// In that folder; nothing is written yet.
    pub(super) fn new(folder: &Path, name: &'static str, limits: Limits) -> Self {
        Self { folder: folder.to_owned(), name, limits, file: None, bytes: 0 }
    }

    /// Adds text that ends with the end of a line.
    pub(super) fn add(&mut self, text: &str) -> io::Result<()> {
        if self.file.is_none() || self.bytes + text.len() as u64 > self.limits.file_bytes {
            if self.file.is_some() {
                self.put_aside();
            }
            let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path(
                &self.folder,
                self.name,
                0,
            ))?;
            self.bytes = file.metadata()?.len();
            if self.bytes > 0 {
                // A power cut may have left half a line.
                file.write_all(b"\n")?;
                self.bytes += 1;
            }
            self.file = Some(file);
        }
        self.bytes += text.len() as u64;
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(text.as_bytes()))
    }

    fn put_aside(&self) {
        for age in (0..self.limits.aside).rev() {
            let of_age = |age| path(&self.folder, self.name, age);
            // Younger files are not there yet.
            let _ = fs::rename(of_age(age), of_age(age + 1));
        }
    }

    /// The files, the oldest first: the lines of each, in their order, without those that are empty.
    pub(super) fn files(
        &self,
    ) -> impl DoubleEndedIterator<Item = impl Iterator<Item = String> + use<>> + use<> {
        let (folder, name) = (self.folder.clone(), self.name);
        (0..=self.limits.aside).rev().map(move |age| read(&path(&folder, name, age)))
    }
}

fn path(folder: &Path, name: &str, age: u32) -> PathBuf {
    if age == 0 { folder.join(name) } else { folder.join(format!("{name}.{age}")) }
}

fn read(path: &Path) -> impl Iterator<Item = String> + use<> {
    let lines = File::open(path).map(|file| BufReader::new(file).lines());
    lines.into_iter().flatten().map_while(Result::ok).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { file_bytes: 20, aside: 2 };

    fn all(lines: &Lines) -> Vec<String> {
        lines.files().flatten().collect()
    }

    #[test]
    fn files_are_put_aside_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let mut lines = Lines::new(folder.path(), "log", LIMITS);
        for number in 0..10 {
            lines.add(&format!("number {number}\n")).unwrap();
        }
        assert_eq!(all(&lines), (4..10).map(|number| format!("number {number}")).collect::<Vec<_>>());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn half_a_line_spoils_no_other_one() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("log"), "half a").unwrap();
        let mut lines = Lines::new(folder.path(), "log", LIMITS);
        lines.add("whole\n").unwrap();
        lines.add("too\n").unwrap();
        assert_eq!(all(&lines), ["half a", "whole", "too"]);
    }
}
