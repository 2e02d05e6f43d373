//! The column beside the pictures: raised hands, the poll of the moment, and the last messages, from top to bottom.

use crate::room::layout::Size;
use crate::room::scene::{Language, SceneAside, SceneMessage, ScenePoll};
use crate::room::svg::{chars_in, line, shortened, side, wrapped};

/// The most names of raised hands; the others are counted.
const HANDS_MAX: usize = 4;

/// The most options of a poll that are drawn; the others are counted.
const OPTIONS_MAX: usize = 6;

/// The most lines of one message.
const MESSAGE_LINES_MAX: usize = 3;

const PALE: &str = "#9aa4b2";
const BRIGHT: &str = "#fff";

/// The column's own words.
struct Words {
    hands: &'static str,
    more: &'static str,
    open: &'static str,
    closed: &'static str,
    chat: &'static str,
}

const fn words(language: Language) -> Words {
    match language {
        Language::English => Words {
            hands: "Raised hands",
            more: "and {} more",
            open: "Poll, {} voted",
            closed: "Poll closed, {} voted",
            chat: "Chat",
        },
        Language::Chinese => Words {
            hands: "举手",
            more: "另有 {} 人",
            open: "投票中，{} 人已投",
            closed: "投票已结束，{} 人已投",
            chat: "聊天",
        },
    }
}

/// A pen that goes down the column.
struct Column {
    svg: String,
    width: f32,
    height: f32,
    font: f32,
    y: f32,
}

/// The column as SVG. What does not fit is left out: first the oldest messages, then the last options of a poll.
pub(super) fn drawing(aside: &SceneAside, language: Language, size: Size) -> String {
    let (width, height) = (side(size.width), side(size.height));
    let mut column = Column { svg: String::new(), width, height, font: width / 17.0, y: 0.0 };
    let told = words(language);
    if !aside.hands.is_empty() {
        column.hands(&aside.hands, &told);
    }
    if let Some(poll) = &aside.poll {
        column.poll(poll, &told);
    }
    if !aside.messages.is_empty() {
        column.messages(&aside.messages, &told);
    }
    column.svg
}

impl Column {
    /// Whether so many more lines fit.
    fn fits(&self, lines: f32) -> bool {
        self.y + lines * self.font * 1.35 <= self.height
    }

    fn row(&mut self, text: &str, fill: &str) {
        self.y += self.font * 1.35;
        self.svg += &line(text, [0.0, self.y], self.font, fill, "start");
    }

    fn heading(&mut self, text: &str) {
        self.y += self.font * 0.6;
        self.row(text, PALE);
    }

    fn chars(&self) -> usize {
        chars_in(self.width, self.font)
    }

    fn hands(&mut self, names: &[String], told: &Words) {
        self.heading(told.hands);
        for (name, number) in names.iter().take(HANDS_MAX).zip(1..) {
            if self.fits(1.0) {
                let text = shortened(&format!("{number}  {name}"), self.chars());
                self.row(&text, "#ffd479");
            }
        }
        self.count_more(names.len(), HANDS_MAX, told);
    }

    fn count_more(&mut self, all: usize, shown: usize, told: &Words) {
        if all > shown && self.fits(1.0) {
            let text = told.more.replace("{}", &(all - shown).to_string());
            self.row(&text, PALE);
        }
    }

    fn poll(&mut self, poll: &ScenePoll, told: &Words) {
        if !self.fits(4.0) {
            return;
        }
        let state = if poll.is_open { told.open } else { told.closed };
        self.heading(&state.replace("{}", &poll.voters.to_string()));
        for part in wrapped(&poll.question, self.chars(), 3) {
            self.row(&part, BRIGHT);
        }
        for (option, count) in poll.options.iter().take(OPTIONS_MAX) {
            if self.fits(1.6) {
                self.option(option, *count, poll.voters);
            }
        }
        self.count_more(poll.options.len(), OPTIONS_MAX, told);
    }

    /// The option, how often it was chosen, and a bar as long as its share of those who voted.
    fn option(&mut self, option: &str, count: Option<u32>, voters: u32) {
        let number = count.map(|count| count.to_string()).unwrap_or_default();
        let text = shortened(option, self.chars().saturating_sub(number.len() + 1).max(1));
        self.row(&text, "#e6e9ee");
        self.svg += &line(&number, [self.width, self.y], self.font, BRIGHT, "end");
        self.y += self.font * 0.35;
        let share = f64::from(count.unwrap_or(0)) / f64::from(voters.max(1));
        let (width, thickness) = (self.width, self.font * 0.25);
        let long = f64::from(width) * share.min(1.0);
        for (length, fill) in [(f64::from(width), "#353c47"), (long, "#5bd0ae")] {
            let y = self.y;
            self.svg += &format!(
                r##"<rect y="{y}" width="{length}" height="{thickness}" rx="{}" fill="{fill}"/>"##,
                thickness / 2.0
            );
        }
    }

    /// As many of the last messages as fit.
    fn messages(&mut self, messages: &[SceneMessage], told: &Words) {
        let chars = self.chars();
        let drawn = |message: &SceneMessage| wrapped(&message.text, chars, MESSAGE_LINES_MAX);
        let mut free = ((self.height - self.y) / (self.font * 1.35) - 2.0).max(0.0);
        let mut shown = Vec::new();
        for message in messages.iter().rev() {
            let lines = drawn(message);
            let needed = side(u32::try_from(lines.len()).unwrap_or(u32::MAX)) + 1.0;
            if needed > free {
                break;
            }
            free -= needed;
            shown.push((shortened(&message.name, chars), lines));
        }
        if shown.is_empty() {
            return;
        }
        self.heading(told.chat);
        for (name, lines) in shown.into_iter().rev() {
            self.row(&name, "#8fb8ff");
            for part in lines {
                self.row(&part, BRIGHT);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 384, height: 480 };

    fn poll(counts: Option<[u32; 2]>) -> ScenePoll {
        let count = |index: usize| counts.map(|counts| counts[index]);
        ScenePoll {
            question: "Tea or coffee?".into(),
            options: vec![("Tea".into(), count(0)), ("Coffee".into(), count(1))],
            voters: 4,
            is_open: true,
        }
    }

    fn message(text: &str) -> SceneMessage {
        SceneMessage { name: "Ann".into(), text: text.into() }
    }

    #[test]
    fn hands_stand_in_their_order_and_the_others_are_counted() {
        let hands = ["Ann", "Bo", "Cy", "Di", "Ed", "Flo"].map(str::to_owned).to_vec();
        let svg = drawing(&SceneAside { hands, ..SceneAside::default() }, Language::English, SIZE);
        assert!(svg.find("1  Ann") < svg.find("2  Bo") && svg.contains("and 2 more"), "{svg}");
        assert!(!svg.contains("Ed"));
    }

    #[test]
    fn a_hidden_result_has_no_numbers_and_a_seen_one_bars() {
        let of = |counts| {
            let aside = SceneAside { poll: Some(poll(counts)), ..SceneAside::default() };
            drawing(&aside, Language::English, SIZE)
        };
        assert!(of(None).contains("4 voted") && of(None).contains(r#"width="0""#), "{}", of(None));
        let seen = of(Some([1, 3]));
        assert!(seen.contains(r#"width="96""#) && seen.contains(r#"width="288""#), "{seen}");
    }

    #[test]
    fn the_last_messages_are_shown_and_nothing_below_the_edge() {
        let messages: Vec<_> = (0..30).map(|number| message(&format!("message {number}"))).collect();
        let aside = SceneAside { messages, poll: Some(poll(None)), hands: vec!["Bo".into()] };
        let svg = drawing(&aside, Language::Chinese, SIZE);
        assert!(svg.contains("message 29") && !svg.contains("message 1<"), "{svg}");
        let below = svg.split(" y=\"").skip(1).filter_map(|rest| rest.split('"').next()?.parse::<f32>().ok());
        assert!(below.fold(0.0, f32::max) <= 480.0);
    }

    #[test]
    fn what_strangers_write_is_text() {
        let aside = SceneAside { messages: vec![message("<image href='x'/>")], ..SceneAside::default() };
        assert!(!drawing(&aside, Language::English, SIZE).contains("<image"));
    }
}
