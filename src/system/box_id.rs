//! What tells one appliance from all others: the serial number of its board, or one that was drawn at its first start.

use std::path::Path;

use aws_lc_rs::rand;

use super::files::{self, Readers};

/// Where the device tree has the board's serial number.
const BOARD_SERIAL: &str = "/sys/firmware/devicetree/base/serial-number";

const FILE: &str = "box-id";
const DRAWN_BYTES: usize = 8;

/// The longest serial number that is taken, in characters.
const ID_CHARS_MAX: usize = 64;

/// The board's serial number where it tells one, which outlives a factory reset; else what `box-id` in the state
/// directory says, drawn where there is no such file. 1 to 64 characters of `a-z 0-9 - _`.
///
/// # Errors
/// One sentence when the file cannot be read or written, or holds something else.
pub fn of_this_box(state: &Path) -> Result<String, files::Error> {
    of(Path::new(BOARD_SERIAL), state)
}

fn of(board: &Path, state: &Path) -> Result<String, files::Error> {
    let serial = std::fs::read_to_string(board).unwrap_or_default();
    if let Some(serial) = id(serial.trim_matches('\0')) {
        return Ok(serial);
    }
    let path = state.join(FILE);
    if let Some(text) = files::read(&path)? {
        let advice = "remove it to have another one drawn; the fleet knows this box by the old one";
        return id(&text).ok_or_else(|| files::Error::broken(&path, "it is no id of a box", advice));
    }
    let mut random = [0; DRAWN_BYTES];
    rand::fill(&mut random).expect("the system has random numbers once it has started");
    let drawn = format!("{:016x}", u64::from_be_bytes(random));
    files::write(&path, &format!("{drawn}\n"), Readers::Everybody)?;
    Ok(drawn)
}

/// Whether something can be the id of a box.
#[must_use]
pub fn is_one(text: &str) -> bool {
    id(text).as_deref() == Some(text)
}

fn id(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (!text.is_empty() && text.len() <= ID_CHARS_MAX && text.chars().all(is_fit)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_is_known_by_its_serial_number_and_other_machines_by_one_that_is_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let board = folder.path().join("serial-number");
        let drawn = of(&board, folder.path()).unwrap();
        assert_eq!(drawn.len(), 16);
        assert_eq!(of(&board, folder.path()).unwrap(), drawn);
        std::fs::write(&board, "10000000ABCDEF01\0").unwrap();
        assert_eq!(of(&board, folder.path()).unwrap(), "10000000abcdef01");
        std::fs::write(&board, "not a number!").unwrap();
        assert_eq!(of(&board, folder.path()).unwrap(), drawn);
        std::fs::write(folder.path().join(FILE), "../x").unwrap();
        assert!(of(&board, folder.path()).unwrap_err().to_string().contains("box-id"));
    }
}
