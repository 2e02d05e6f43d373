//! Figures for people and for files.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::cpu;

/// A line for whoever watches.
pub(crate) fn say(line: &str) {
    // Nobody may be watching.
    drop(writeln!(std::io::stdout(), "{line}"));
}

/// The middle of the values, or the mean of the two in the middle.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        count if count.is_multiple_of(2) => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
        count => sorted[count / 2],
    }
}

/// The value that so many per cent of the sorted values do not exceed; 0 of none.
pub(crate) fn percentile(sorted: &[u32], per_cent: usize) -> u32 {
    let at = (sorted.len() * per_cent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

/// Writes what was measured, with the machine and its load, and prints the lines of the table.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn publish(
    folder: &Path,
    name: &str,
    measured: &impl Serialize,
    lines: Vec<(String, String)>,
) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join(format!("{name}.json"));
    let document = serde_json::json!({ "machine": cpu::machine(), "measured": measured });
    let text = serde_json::to_string_pretty(&document).context("figures are JSON")?;
    std::fs::write(&path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    for (what, value) in lines {
        say(&format!("  {what:<48} {value}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        assert!((median([3.0, 1.0, 2.0].into_iter()) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 2.0, 3.0].into_iter()) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<u32> = (1..=100).collect();
        assert_eq!((percentile(&values, 50), percentile(&values, 99), percentile(&[], 50)), (50, 99, 0));
    }
}
