//! CPU for each forwarded packet by shape and system, as an SVG that can be read on a light and on a dark page.

use std::fmt::Write as _;

use super::Comparison;
use super::figures::Case;

const LEFT: f64 = 64.0;
const TOP: f64 = 52.0;
const HEIGHT: f64 = 280.0;
const BAR: f64 = 22.0;
const BETWEEN_GROUPS: f64 = 26.0;
const BELOW: f64 = 64.0;
const RIGHT: f64 = 16.0;
/// Grey that stands out from white and from black; bars have their own colours, in the order of the systems.
const INK: &str = "#7d8590";
const COLOURS: [&str; 6] = ["#1f883d", "#cf6b29", "#8250df", "#0e8a96", "#8c959f", "#b8bfc6"];
/// How many lines the axis has at most.
const LINES_MAX: f64 = 6.0;

/// Draws it.
pub(super) fn svg(comparison: &Comparison) -> String {
    let chart = Chart::of(comparison);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"{INK}\" role=\"img\">\n\
         <title>CPU time of the server for each forwarded packet</title>\n",
        width = chart.width,
        height = TOP + HEIGHT + BELOW,
    );
    chart.axis(&mut text);
    chart.groups(&mut text);
    chart.legend(&mut text);
    text.push_str("</svg>\n");
    text
}

struct Chart<'a> {
    comparison: &'a Comparison,
    /// Those with at least one case, in their order.
    systems: Vec<&'static str>,
    /// The highest value of the axis, and what is between two of its lines.
    most: f64,
    step: f64,
    width: f64,
}

impl<'a> Chart<'a> {
    fn of(comparison: &'a Comparison) -> Self {
        let has_case = |name: &&str| comparison.cases.iter().any(|case| case.system == *name);
        let systems: Vec<_> = comparison.systems.iter().map(|one| one.system).filter(has_case).collect();
        let highest = comparison.cases.iter().map(|case| case.cpu_s_per_million.most).fold(0.0, f64::max);
        let step = step(highest);
        let most = step * (highest / step).ceil().max(1.0);
        let group = systems.len() as f64 * BAR + BETWEEN_GROUPS;
        let width = (LEFT + comparison.shapes.len() as f64 * group + RIGHT).max(420.0);
        Self { comparison, systems, most, step, width }
    }

    fn y(&self, value: f64) -> f64 {
        TOP + HEIGHT * (1.0 - value / self.most)
    }

    fn x(&self, group: usize) -> f64 {
        LEFT + BETWEEN_GROUPS / 2.0 + group as f64 * (self.systems.len() as f64 * BAR + BETWEEN_GROUPS)
    }

    fn axis(&self, text: &mut String) {
        let mut value = 0.0;
        while value <= self.most + self.step / 2.0 {
            let y = self.y(value);
            put(
                text,
                format_args!(
                    "<line x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"{INK}\" \
                     stroke-opacity=\"0.35\"/><text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                    self.width - RIGHT,
                    LEFT - 8.0,
                    y + 4.0,
                    short(value)
                ),
            );
            value += self.step;
        }
        let middle = TOP + HEIGHT / 2.0;
        put(
            text,
            format_args!(
                "<text x=\"16\" y=\"{middle:.0}\" text-anchor=\"middle\" transform=\"rotate(-90 16 {middle:.0})\">\
                 CPU time per forwarded packet, µs</text>"
            ),
        );
    }

    fn groups(&self, text: &mut String) {
        for (group, (shape, _)) in self.comparison.shapes.iter().enumerate() {
            let middle = self.x(group) + self.systems.len() as f64 * BAR / 2.0;
            let below = TOP + HEIGHT + 18.0;
            put(
                text,
                format_args!(
                    "<text x=\"{middle:.1}\" y=\"{below:.1}\" text-anchor=\"middle\">{}</text>",
                    escaped(shape)
                ),
            );
            for case in self.comparison.cases.iter().filter(|case| case.shape == *shape) {
                self.bar(text, group, case);
            }
        }
        let (x, y) = (f64::midpoint(LEFT, self.width - RIGHT), TOP + HEIGHT + 44.0);
        put(
            text,
            format_args!(
                "<text x=\"{x:.0}\" y=\"{y:.0}\" text-anchor=\"middle\">shape and number of participants; whiskers: \
                 least and most of {} repeats</text>",
                self.comparison.method.repeats
            ),
        );
    }

    fn bar(&self, text: &mut String, group: usize, case: &Case) {
        let Some(place) = self.systems.iter().position(|name| *name == case.system) else { return };
        let figure = &case.cpu_s_per_million;
        let (x, y) = (self.x(group) + place as f64 * BAR, self.y(figure.median));
        let (middle, least, most) = (x + BAR / 2.0, self.y(figure.least), self.y(figure.most));
        put(
            text,
            format_args!(
                "<rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"><title>{}, {}: {:.2} \
                 µs</title></rect><line x1=\"{middle:.1}\" x2=\"{middle:.1}\" y1=\"{least:.1}\" y2=\"{most:.1}\" \
                 stroke=\"{INK}\" stroke-width=\"1.5\"/><text x=\"{middle:.1}\" y=\"{:.1}\" font-size=\"9\" \
                 text-anchor=\"middle\">{}</text>",
                x + 1.0,
                BAR - 2.0,
                TOP + HEIGHT - y,
                colour(place),
                escaped(&case.shape),
                escaped(case.system),
                figure.median,
                most - 4.0,
                short(figure.median)
            ),
        );
    }

    fn legend(&self, text: &mut String) {
        let mut x = LEFT;
        for (place, name) in self.systems.iter().enumerate() {
            put(
                text,
                format_args!(
                    "<rect x=\"{x:.0}\" y=\"14\" width=\"12\" height=\"12\" fill=\"{}\"/><text x=\"{:.0}\" \
                     y=\"24\">{}</text>",
                    colour(place),
                    x + 17.0,
                    escaped(name)
                ),
            );
            x += 34.0 + 7.0 * name.chars().count() as f64;
        }
    }
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a text does not fail.
    let _ = writeln!(text, "{line}");
}

fn colour(place: usize) -> &'static str {
    COLOURS[place % COLOURS.len()]
}

/// 1, 2 or 5 times a power of ten, so that the axis has few lines.
fn step(highest: f64) -> f64 {
    let least = (highest / LINES_MAX).max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|of| of * power).find(|step| *step >= least).unwrap_or(least)
}

/// As few digits as tell it apart.
fn short(value: f64) -> String {
    if value >= 10.0 || value == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sfu::example;

    #[test]
    fn every_case_is_a_bar_and_every_system_with_one_is_in_the_legend() {
        let text = svg(&example::comparison());
        assert_eq!(text.matches("</title></rect>").count(), 3, "{text}");
        assert!(text.contains(">Janus</text>") && !text.contains(">Galène</text>"));
        assert!(text.contains("one-to-10, Janus: 24.00 µs"));
    }

    #[test]
    fn twice_the_value_is_twice_the_height() {
        let comparison = example::comparison();
        let chart = Chart::of(&comparison);
        let height = |value| TOP + HEIGHT - chart.y(value);
        assert!((height(24.0) - 2.0 * height(12.0)).abs() < 1e-9);
        assert!(chart.most >= 24.0 * 1.05);
    }

    #[test]
    fn the_axis_has_round_lines() {
        assert!((step(24.0) - 5.0).abs() < 1e-9);
        assert!((step(0.5) - 0.1).abs() < 1e-9);
        assert!((step(60.0) - 10.0).abs() < 1e-9);
    }
}
