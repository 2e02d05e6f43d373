//! The shapes that forwarding is measured in, and what each participant of one sends, hears and sees.

use std::fmt;
use std::str::FromStr;

use crate::player::{Flow, Pictures, Sends, TOP};

/// How many are heard at a time, and how many small pictures are seen beside the stage.
const HEARD: usize = 3;
const SMALL: usize = 8;
/// What microphones claim, in dBov: three are loud; one more is heard by those three; all others are silent.
const LOUD: i8 = -20;
const LESS_LOUD: i8 = -35;
const SILENT: i8 = -70;

/// Who meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One sends sound and one picture, so many receive.
    OneTo(usize),
    /// So many send sound and three layers; each sees a stage and eight small ones, and hears three.
    Meeting(usize),
    /// So many send sound, and each hears three.
    Audio(usize),
}

/// All that are published.
pub(crate) const ALL: [Shape; 8] = [
    Shape::OneTo(10),
    Shape::OneTo(50),
    Shape::OneTo(200),
    Shape::Meeting(4),
    Shape::Meeting(10),
    Shape::Meeting(25),
    Shape::Meeting(50),
    Shape::Audio(100),
];

/// One participant's part.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) sends: Sends,
    pub(crate) level_dbov: i8,
    /// Whose microphones.
    pub(crate) hears: Vec<usize>,
    /// Whose cameras, and in which layer.
    pub(crate) sees: Vec<(usize, usize)>,
}

impl Shape {
    pub(crate) fn participants(self) -> usize {
        match self {
            Self::OneTo(receivers) => receivers + 1,
            Self::Meeting(count) | Self::Audio(count) => count,
        }
    }

    pub(crate) fn has_pictures(self) -> bool {
        !matches!(self, Self::Audio(_))
    }

    /// For people.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::OneTo(count) => format!("one sends 720p and sound, {count} receive"),
            Self::Meeting(count) => {
                format!("{count} send sound and three layers, see a stage and up to eight small ones")
            }
            Self::Audio(count) => format!("{count} send sound, each hears three"),
        }
    }

    /// Everybody's part, in the order of joining.
    pub(crate) fn plan(self) -> Vec<Part> {
        (0..self.participants()).map(|at| self.part(at)).collect()
    }

    fn part(self, at: usize) -> Part {
        let sends = |pictures| Sends { sound: true, pictures, is_stamped: true };
        let (sends, hears, sees) = match self {
            Self::OneTo(_) if at == 0 => (sends(Pictures::Top), vec![], vec![]),
            Self::OneTo(_) => (Sends::NOTHING, vec![0], vec![(0, TOP)]),
            Self::Meeting(count) => (sends(Pictures::Layers), heard_by(at, count), seen_by(at, count)),
            Self::Audio(count) => (sends(Pictures::None), heard_by(at, count), vec![]),
        };
        Part { sends, level_dbov: level(at), hears, sees }
    }
}

fn level(at: usize) -> i8 {
    match at {
        0..HEARD => LOUD,
        HEARD => LESS_LOUD,
        _ => SILENT,
    }
}

/// The loudest of the others.
fn heard_by(at: usize, count: usize) -> Vec<usize> {
    (0..count).filter(|other| *other != at).take(HEARD).collect()
}

/// The first of the others on the stage, the next ones small.
fn seen_by(at: usize, count: usize) -> Vec<(usize, usize)> {
    let others = (0..count).filter(|other| *other != at).take(1 + SMALL);
    others.enumerate().map(|(place, other)| (other, if place == 0 { TOP } else { 0 })).collect()
}

/// Who receives a flow of that participant.
pub(crate) fn receivers(plan: &[Part], from: usize, flow: Flow) -> Vec<usize> {
    let receives = |part: &Part| match flow {
        Flow::Sound => part.hears.contains(&from),
        Flow::Layer(layer) => part.sees.contains(&(from, layer)),
    };
    (0..plan.len()).filter(|at| receives(&plan[*at])).collect()
}

/// How many packets had to be forwarded when each participant sent so many of each flow.
pub(crate) fn expected(plan: &[Part], sent: &[[u64; Flow::COUNT]]) -> u64 {
    let of_one = |part: &Part| {
        let sound: u64 = part.hears.iter().map(|from| sent[*from][Flow::Sound.index()]).sum();
        let seen = part.sees.iter().map(|(from, layer)| sent[*from][Flow::Layer(*layer).index()]);
        sound + seen.sum::<u64>()
    };
    plan.iter().map(of_one).sum()
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneTo(count) => write!(f, "one-to-{count}"),
            Self::Meeting(count) => write!(f, "meeting-{count}"),
            Self::Audio(count) => write!(f, "audio-{count}"),
        }
    }
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("{text:?} is no shape; give one-to-N, meeting-N or audio-N");
        let (kind, count) = text.rsplit_once('-').ok_or_else(unknown)?;
        let count = count.parse().ok().filter(|count| *count > 1).ok_or_else(unknown)?;
        match kind {
            "one-to" => Ok(Self::OneTo(count)),
            "meeting" => Ok(Self::Meeting(count)),
            "audio" => Ok(Self::Audio(count)),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for shape in ALL {
            assert_eq!(shape.to_string().parse(), Ok(shape));
        }
        assert!("one-to-".parse::<Shape>().is_err() && "crowd-3".parse::<Shape>().is_err());
    }

    #[test]
    fn in_a_meeting_each_sees_nine_and_hears_three_but_not_itself() {
        let plan = Shape::Meeting(25).plan();
        for (at, part) in plan.iter().enumerate() {
            assert_eq!((part.sees.len(), part.hears.len()), (9, 3));
            assert!(!part.hears.contains(&at) && part.sees.iter().all(|(other, _)| *other != at));
        }
        assert_eq!(plan[0].sees[..2], [(1, TOP), (2, 0)]);
        assert_eq!((&plan[0].hears[..], &plan[9].hears[..]), (&[1, 2, 3][..], &[0, 1, 2][..]));
    }

    #[test]
    fn a_small_meeting_sees_all_others() {
        let plan = Shape::Meeting(4).plan();
        assert_eq!(plan[2].sees, [(0, TOP), (1, 0), (3, 0)]);
        assert_eq!(receivers(&plan, 0, Flow::Layer(TOP)), [1, 2, 3]);
        assert_eq!(receivers(&plan, 1, Flow::Layer(TOP)), [0]);
        assert_eq!(receivers(&plan, 3, Flow::Sound), [0, 1, 2]);
    }

    #[test]
    fn what_is_expected_is_what_was_sent_times_who_receives_it() {
        let plan = Shape::OneTo(10).plan();
        let mut sent = vec![[0; Flow::COUNT]; plan.len()];
        sent[0] = [0, 0, 300, 50];
        assert_eq!(expected(&plan, &sent), 10 * 350);
    }
}
