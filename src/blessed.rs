//! Checked-in files that are written from the code: tests compare them, and `ALCOVE_BLESS=1` writes them anew.

use std::path::Path;

/// Compares the file at `path` (from the root of the repository) with what the code says, or writes it when
/// `ALCOVE_BLESS` is set.
///
/// # Panics
/// When they differ, naming the first line that does.
pub(crate) fn compare(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("ALCOVE_BLESS").is_some() {
        std::fs::create_dir_all(file.parent().expect("a file has a folder")).expect("make the folder");
        std::fs::write(&file, expected).expect("write the file");
        return;
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    let lines = || found.lines().map(Some).chain(std::iter::repeat(None));
    let difference =
        expected.lines().map(Some).chain([None]).zip(lines()).enumerate().find(|(_, (e, f))| e != f);
    if let Some((index, (expected, found))) = difference {
        panic!(
            "{path}:{} is not what the code says; `ALCOVE_BLESS=1 cargo test` writes it anew\n  code: {}\n  file: {}",
            index + 1,
            expected.unwrap_or("(the end)"),
            found.unwrap_or("(the end)"),
        );
    }
}
