//! What was compared, as lines on the terminal and as a table for the README.

use std::fmt::Write as _;

use super::Comparison;
use super::figures::{Case, Figure};
use super::trial::Repeat;

/// One repeat, for whoever watches.
pub(super) fn line(repeat: &Repeat) -> String {
    let join = repeat.join_ms.map_or_else(String::new, |join| format!(", joins in {:.0} ms", join.median));
    format!(
        "{:.0} packets/s of {:.0} % expected, {:.2} us CPU each, p50 {} us, p99 {} us, max {} us, {} lost, \
         {:.0} kB a participant{join}; cores: server {:.2}, generator {:.2}",
        repeat.forwarded_per_s,
        100.0 * repeat.forwarded as f64 / repeat.expected.max(1) as f64,
        repeat.cpu_s_per_million,
        repeat.delay_us.p50,
        repeat.delay_us.p99,
        repeat.delay_us.max,
        repeat.lost,
        repeat.memory_per_participant_kb,
        repeat.server_cores,
        repeat.generator_cores,
    )
}

/// The table for the terminal.
pub(super) fn lines(comparison: &Comparison) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for case in &comparison.cases {
        lines.push((format!("{}, {}", case.shape, case.system), summary(case)));
        let noisy = case.noisy();
        if !noisy.is_empty() {
            lines.push((String::new(), format!("noisy: {}", noisy.join(", "))));
        }
    }
    for one in &comparison.systems {
        if let Some(why) = &one.absent {
            lines.push((format!("{} is absent", one.system), why.clone()));
        }
    }
    lines.extend(comparison.failures.iter().map(|failure| ("failed".to_owned(), failure.clone())));
    lines
}

fn summary(case: &Case) -> String {
    format!(
        "{} us CPU a packet at {} packets/s; p50 {}, p99 {}, max {} ms; lost {} %; {} kB; join {} ms{}",
        case.cpu_s_per_million.text(two),
        case.packets_per_s.text(whole),
        case.delay_p50_us.text(milliseconds),
        case.delay_p99_us.text(milliseconds),
        case.delay_max_us.text(milliseconds),
        case.loss_percent.text(two),
        case.memory_per_participant_kb.text(whole),
        or_none(case.join_ms.as_ref(), whole),
        shortfall(case),
    )
}

/// The table for the README, with what one has to know to read it.
pub(super) fn markdown(comparison: &Comparison) -> String {
    let mut text = String::from(
        "| shape | system | packets/s | CPU-s per million | delay p50 / p99 / max, ms | lost, % | kB each | join, ms |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for case in &comparison.cases {
        text.push_str(&row(case));
    }
    text.push('\n');
    text.push_str(&notes(comparison));
    text
}

fn row(case: &Case) -> String {
    format!(
        "| {} | {} | {}{} | {} | {} / {} / {} | {} | {} | {} |\n",
        case.shape,
        case.system,
        case.packets_per_s.text(whole),
        shortfall(case),
        case.cpu_s_per_million.text(two),
        case.delay_p50_us.text(milliseconds),
        case.delay_p99_us.text(milliseconds),
        case.delay_max_us.text(milliseconds),
        case.loss_percent.text(two),
        case.memory_per_participant_kb.text(whole),
        or_none(case.join_ms.as_ref(), whole),
    )
}

fn notes(comparison: &Comparison) -> String {
    let method = &comparison.method;
    let mut text = format!(
        "Medians of {} repeats of {} s, each with a new process, interleaved; where repeats differ by more than a \
         fifth, the least and the most are in brackets. {}. SRTP: {} everywhere.",
        method.repeats, method.window_s, method.cores, method.srtp
    );
    for one in &comparison.systems {
        // Writing into a text does not fail.
        let _ = match (&one.version, &one.absent) {
            (Some(version), _) => write!(text, " {}: {version}.", one.system),
            (None, Some(why)) => write!(text, " {} was absent ({why}).", one.system),
            (None, None) => Ok(()),
        };
    }
    for case in &comparison.cases {
        if let Some(beside) = &case.beside_cpu_s_per_million {
            let (shape, system, beside) = (&case.shape, case.system, beside.text(two));
            let _ = write!(
                text,
                " Beside {system} in {shape}: {beside} CPU-s per million in the process that asks it."
            );
        }
    }
    text.push('\n');
    text
}

/// Says where less was forwarded than was to be.
fn shortfall(case: &Case) -> String {
    if case.carried_the_load {
        return String::new();
    }
    format!(" ({:.0} % of the load)", 100.0 * case.forwarded_share)
}

fn or_none(figure: Option<&Figure>, show: fn(f64) -> String) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| figure.text(show))
}

fn two(value: f64) -> String {
    format!("{value:.2}")
}

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

fn milliseconds(value_us: f64) -> String {
    format!("{:.2}", value_us / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sfu::example;

    #[test]
    fn a_row_has_every_figure_of_a_case() {
        let row = row(&example::case("one-to-10", "Janus", 12.5));
        assert_eq!(row, "| one-to-10 | Janus | 2000 | 12.50 | 0.12 / 0.90 / 4.00 | 0.00 | 150 | 31 |\n");
    }

    #[test]
    fn a_load_that_was_not_carried_is_said() {
        let mut case = example::case("one-to-200", "Janus", 12.5);
        case.carried_the_load = false;
        case.forwarded_share = 0.61;
        assert!(row(&case).contains("2000 (61 % of the load)"));
    }

    #[test]
    fn who_is_absent_is_named() {
        let text = markdown(&example::comparison());
        assert!(text.contains("Galène was absent (no path given)."), "{text}");
    }
}
