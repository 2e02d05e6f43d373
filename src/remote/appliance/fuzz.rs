//! What another appliance may say, of its calls and in its meeting: whatever it is, what we say then is sound and has limits.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::joint::Joint;
use super::lines::OfferedLines;
use super::talk::{Act, Talk};
use crate::appliance::handle::Errand;
use crate::remote::{Protocol, Say};
use crate::web::wire::{Ask, BEHIND_MAX, Frame, LEFT_OUT_MAX, calling};

/// The most that is said or done on one word.
const ACTS_MAX: usize = 64;

/// Two lines of each kind each way.
const OFFER: &str = "v=0\r\nm=audio 9 X 111\r\na=mid:oa\r\na=sendonly\r\nm=audio 9 X 111\r\na=mid:ob\r\na=sendonly\r\n\
    m=video 9 X 96\r\na=mid:ov\r\na=sendonly\r\nm=video 9 X 96\r\na=mid:ow\r\na=sendonly\r\n\
    m=audio 9 X 111\r\na=mid:ba\r\na=recvonly\r\nm=audio 9 X 111\r\na=mid:bb\r\na=recvonly\r\n\
    m=video 9 X 96\r\na=mid:bv\r\na=recvonly\r\nm=video 9 X 96\r\na=mid:bw\r\na=recvonly\r\n";

/// How many lines that are each way.
const LINES: usize = 4;

/// Lines of text: `c` and a frame of its calls, `t` and one of its meeting, `h` and one of ours; anything else is what our
/// calls tell of the call with it.
pub fn elsewhere(data: &[u8]) {
    let (mut talk, mut joint) = (Talk::default(), Joint::default());
    joint.open(OfferedLines::of(OFFER));
    for line in data.split(|byte| *byte == b'\n') {
        let Some((first, word)) = line.split_first() else { continue };
        match first {
            b'c' => hear(word, |frame: &calling::Frame| talk.heard(frame)),
            b't' => hear(word, |frame: &Frame| joint.heard_there(frame)),
            b'h' => hear(word, |frame: &Frame| joint.heard_here(frame)),
            kind => tell(&mut talk, *kind),
        }
        check_acts(&talk.acts());
        check_words(&std::iter::from_fn(|| joint.poll()).collect::<Vec<_>>());
    }
}

fn hear<F: DeserializeOwned>(word: &[u8], hear: impl FnOnce(&F)) {
    if let Ok(frame) = serde_json::from_slice(word) {
        hear(&frame);
    }
}

/// What our calls have to tell; all of one call.
fn tell(talk: &mut Talk, kind: u8) {
    let (user, call) = (1, 7);
    match kind % 7 {
        0 => talk.told(Errand::Ring { user, call, media: calling::Media::Video }),
        1 => talk.told(Errand::Stop { user, call }),
        2 => talk.told(Errand::Enter { user, call, meeting: "call-here".to_owned() }),
        3 => talk.told(Errand::Out { user, call }),
        4 => talk.rung_here(Some(call)),
        5 => talk.rung_here(None),
        _ => talk.parted(),
    }
}

fn check_acts(acts: &[Act]) {
    assert!(acts.len() <= ACTS_MAX, "{} things to do at once", acts.len());
    for act in acts {
        if let Act::Say(ask) = act {
            reads_back::<calling::Ask>(ask);
        }
    }
}

fn check_words(said: &[Say<Ask>]) {
    assert!(said.len() <= ACTS_MAX, "{} words at once", said.len());
    for Say::Here(ask) | Say::There(ask) in said {
        reads_back::<Ask>(ask);
        match ask {
            Ask::Behind(behind) => {
                assert!(behind.people.len() <= BEHIND_MAX);
                once(behind.people.iter().map(|person| &person.id));
            }
            Ask::Carry { lines, left_out } => {
                assert!(lines.len() <= LINES && left_out.len() <= LEFT_OUT_MAX);
                once(lines.iter().map(|line| &line.mid));
            }
            other => panic!("a bridge does not say {other:?}"),
        }
    }
}

fn once<'a>(words: impl Iterator<Item = &'a String>) {
    let mut words: Vec<_> = words.collect();
    words.sort();
    assert!(words.windows(2).all(|pair| pair[0] != pair[1]), "twice the same of {words:?}");
}

fn reads_back<T: Serialize + DeserializeOwned + Debug>(ask: &T) {
    let text = serde_json::to_string(ask).expect("JSON");
    assert!(serde_json::from_str::<T>(&text).is_ok(), "what we say cannot be read: {text}");
}
