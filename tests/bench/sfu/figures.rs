//! Repeats of one system in one shape, put together: the middle, the extremes, and whether they agree.

use serde::Serialize;

use super::server::System;
use super::shape::Shape;
use super::trial::Repeat;
use crate::report::median;

/// Two repeats that differ by more than this share of the middle do not agree.
const NOISE: f64 = 0.2;
/// Of what was to be forwarded, the least that counts as having carried the load.
const CARRIED: f64 = 0.98;

/// One figure over all repeats.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    /// Repeats differ by more than a fifth of the middle.
    pub(crate) is_noisy: bool,
}

impl Figure {
    /// Nothing of no values.
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.collect();
        let least = values.iter().copied().reduce(f64::min)?;
        let most = values.iter().copied().reduce(f64::max)?;
        let median = median(values.iter().copied());
        Some(Self { median, least, most, is_noisy: most - least > NOISE * median.abs() })
    }

    /// The middle, and both extremes where repeats do not agree.
    pub(crate) fn text(&self, show: impl Fn(f64) -> String) -> String {
        let middle = show(self.median);
        if self.is_noisy && show(self.least) != show(self.most) {
            return format!("{middle} ({} to {})", show(self.least), show(self.most));
        }
        middle
    }
}

/// All repeats of one system in one shape.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Case {
    pub(crate) shape: String,
    pub(crate) system: &'static str,
    pub(crate) is_floor: bool,
    /// Whether all that was to be forwarded was, but for a fiftieth.
    pub(crate) carried_the_load: bool,
    /// How much of it, the worst repeat.
    pub(crate) forwarded_share: f64,
    pub(crate) packets_per_s: Figure,
    pub(crate) cpu_s_per_million: Figure,
    pub(crate) media_threads_cpu_s_per_million: Option<Figure>,
    /// Of a process that only speaks for the one that forwards: in no other figure.
    pub(crate) beside_cpu_s_per_million: Option<Figure>,
    pub(crate) server_cores: Figure,
    pub(crate) generator_cores: Figure,
    pub(crate) delay_p50_us: Figure,
    pub(crate) delay_p99_us: Figure,
    pub(crate) delay_max_us: Figure,
    /// The middles less those of the bare forwarder in this shape, where that was measured, too.
    pub(crate) added_p50_us: Option<f64>,
    pub(crate) added_p99_us: Option<f64>,
    pub(crate) loss_percent: Figure,
    pub(crate) memory_per_participant_kb: Figure,
    pub(crate) join_ms: Option<Figure>,
    pub(crate) repeats: Vec<Repeat>,
}

impl Case {
    /// Nothing of no repeats.
    pub(crate) fn of(shape: Shape, system: System, repeats: &[Repeat]) -> Option<Self> {
        let figure = |of: fn(&Repeat) -> f64| Figure::of(repeats.iter().map(of));
        let share = repeats.iter().map(|one| one.forwarded as f64 / one.expected.max(1) as f64);
        let forwarded_share = share.reduce(f64::min)?;
        let beside = repeats.iter().filter_map(|one| one.beside_cpu_s_per_million);
        let media = repeats.iter().filter_map(|one| one.media_threads_cpu_s_per_million);
        Some(Self {
            shape: shape.to_string(),
            system: system.name(),
            is_floor: system.is_floor(),
            carried_the_load: forwarded_share >= CARRIED,
            forwarded_share,
            packets_per_s: figure(|one| one.forwarded_per_s)?,
            cpu_s_per_million: figure(|one| one.cpu_s_per_million)?,
            media_threads_cpu_s_per_million: Figure::of(media),
            beside_cpu_s_per_million: Figure::of(beside),
            server_cores: figure(|one| one.server_cores)?,
            generator_cores: figure(|one| one.generator_cores)?,
            delay_p50_us: figure(|one| one.delay_us.p50.into())?,
            delay_p99_us: figure(|one| one.delay_us.p99.into())?,
            delay_max_us: figure(|one| one.delay_us.max.into())?,
            added_p50_us: None,
            added_p99_us: None,
            loss_percent: figure(|one| one.loss_percent)?,
            memory_per_participant_kb: figure(|one| one.memory_per_participant_kb)?,
            join_ms: Figure::of(repeats.iter().filter_map(|one| one.join_ms).map(|join| join.median)),
            repeats: repeats.to_vec(),
        })
    }

    /// The names of the figures in which repeats do not agree, as far as they are shown.
    pub(crate) fn noisy(&self) -> Vec<&'static str> {
        let named = [
            ("CPU", Some(self.cpu_s_per_million)),
            ("p50", Some(self.delay_p50_us)),
            ("p99", Some(self.delay_p99_us)),
            ("max", Some(self.delay_max_us)),
            ("memory", Some(self.memory_per_participant_kb)),
            ("join", self.join_ms),
        ];
        let is_noisy = |figure: Option<Figure>| figure.is_some_and(|figure| figure.is_noisy);
        named.into_iter().filter(|(_, figure)| is_noisy(*figure)).map(|(name, _)| name).collect()
    }
}

/// Takes the floor's delays off those of the others, shape by shape.
pub(crate) fn subtract_the_floor(cases: &mut [Case]) {
    let is_the_floor = |case: &&Case| case.system == System::Floor.name();
    let floor: Vec<_> = cases
        .iter()
        .filter(is_the_floor)
        .map(|case| (case.shape.clone(), case.delay_p50_us.median, case.delay_p99_us.median))
        .collect();
    for case in cases.iter_mut().filter(|case| !case.is_floor) {
        if let Some((_, p50, p99)) = floor.iter().find(|(shape, ..)| *shape == case.shape) {
            case.added_p50_us = Some(case.delay_p50_us.median - p50);
            case.added_p99_us = Some(case.delay_p99_us.median - p99);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Figure {
        Figure::of(values.iter().copied()).unwrap()
    }

    #[test]
    fn repeats_that_agree_are_one_figure() {
        let figure = of(&[10.0, 11.0, 10.5]);
        assert!(!figure.is_noisy);
        assert_eq!(figure.text(|value| format!("{value:.1}")), "10.5");
    }

    #[test]
    fn repeats_that_do_not_agree_are_shown_with_both_extremes() {
        let figure = of(&[10.0, 13.0, 11.0]);
        assert!(figure.is_noisy);
        assert_eq!(figure.text(|value| format!("{value:.0}")), "11 (10 to 13)");
    }

    #[test]
    fn what_was_not_measured_is_no_figure() {
        assert!(Figure::of(std::iter::empty()).is_none());
        assert!(Case::of(Shape::OneTo(10), System::Janus, &[]).is_none());
    }

    #[test]
    fn a_difference_that_cannot_be_seen_is_not_shown() {
        assert_eq!(of(&[0.0, 0.001]).text(|value| format!("{value:.1}")), "0.0");
    }
}
