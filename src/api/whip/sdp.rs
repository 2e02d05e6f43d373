//! What WHIP and WHEP have to know of SDP (RFC 8866) and of trickle fragments (RFC 8840): little, and checked.

use crate::track::Source;

/// The longest offer or fragment, in bytes.
pub(crate) const SDP_BYTES_MAX: usize = 64 * 1024;

/// The most m-lines of an offer.
pub(crate) const MEDIA_MAX: usize = 32;

/// Which way media goes, seen from the program that offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// WHIP: it sends.
    Publish,
    /// WHEP: it receives.
    Play,
}

/// Why an offer is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It is not SDP, or has no ICE and DTLS: 400.
    Malformed(String),
    /// It is SDP and offers what this end does not take; nothing is taken in part: 422.
    Unacceptable(String),
}

/// An offer that can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    /// The SDP, its directions made plain: `sendonly` to publish, `recvonly` to play.
    pub text: String,
    /// What it publishes; nothing to play.
    pub sources: Vec<Source>,
    /// The user fragment of its ICE credentials.
    pub ufrag: String,
}

impl Offer {
    /// Reads an offer.
    ///
    /// # Errors
    /// [`Unusable`].
    pub(crate) fn read(text: &str, direction: Direction) -> Result<Self, Unusable> {
        let sections = sections(text)?;
        for attribute in ["a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:"] {
            if !text.lines().any(|line| line.starts_with(attribute)) {
                return Err(Unusable::Malformed(format!("the offer has no `{attribute}`")));
            }
        }
        let mut sources = Vec::new();
        for section in &sections[1..] {
            check_direction(section, direction)?;
            sources.push(source(section, &sources, direction)?);
        }
        let ufrag = value(text, "a=ice-ufrag:").unwrap_or_default().to_owned();
        if direction == Direction::Play {
            sources.clear();
        }
        Ok(Self { text: plain(&sections, direction), sources, ufrag })
    }

    /// The same offer with new ICE credentials and candidates: an ICE restart (RFC 8839, section 4.4.1.1).
    pub(crate) fn restarted(&self, fragment: &Fragment) -> Self {
        let mut text = String::with_capacity(self.text.len());
        let mut candidates_due = false;
        for line in self.text.lines() {
            let ice = ["a=candidate:", "a=end-of-candidates"].iter().any(|start| line.starts_with(start));
            let credential = line.starts_with("a=ice-ufrag:") || line.starts_with("a=ice-pwd:");
            if !ice && !credential {
                push(&mut text, line);
            } else if line.starts_with("a=ice-ufrag:") {
                push(&mut text, &format!("a=ice-ufrag:{}", fragment.ufrag));
                push(&mut text, &format!("a=ice-pwd:{}", fragment.pwd));
            }
            candidates_due = candidates_due || line.starts_with("m=");
        }
        if candidates_due {
            for candidate in &fragment.candidates {
                push(&mut text, &format!("a={candidate}"));
            }
        }
        Self { text, sources: self.sources.clone(), ufrag: fragment.ufrag.clone() }
    }
}

/// The parts of a trickle fragment that count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fragment {
    /// The user fragment; empty when the fragment has none.
    pub ufrag: String,
    /// The password; empty when the fragment has none.
    pub pwd: String,
    /// Each as `candidate:…`.
    pub candidates: Vec<String>,
}

/// The most candidates of one fragment that are looked at; more are passed over.
const CANDIDATES_MAX: usize = 64;

impl Fragment {
    /// Reads a fragment.
    ///
    /// # Errors
    /// [`Unusable::Malformed`] when it has neither credentials nor candidates.
    pub(crate) fn read(text: &str) -> Result<Self, Unusable> {
        let lines = || text.lines().map(str::trim_end);
        if let Some(odd) = lines().find(|line| !line.is_empty() && !is_attribute(line)) {
            return Err(Unusable::Malformed(format!("the fragment has the line `{}`", shortened(odd))));
        }
        let ufrag = value(text, "a=ice-ufrag:").unwrap_or_default().to_owned();
        let pwd = value(text, "a=ice-pwd:").unwrap_or_default().to_owned();
        let candidates: Vec<_> = lines()
            .filter(|line| line.starts_with("a=candidate:"))
            .filter_map(|line| line.get(2..).map(str::to_owned))
            .take(CANDIDATES_MAX)
            .collect();
        let ends = lines().any(|line| line == "a=end-of-candidates");
        if ufrag.is_empty() && candidates.is_empty() && !ends {
            return Err(Unusable::Malformed(
                "the fragment has neither credentials nor candidates".to_owned(),
            ));
        }
        Ok(Self { ufrag, pwd, candidates })
    }

    /// The fragment of an answer: what a program needs after an ICE restart.
    pub(crate) fn of_answer(answer: &str) -> String {
        let mut text = String::new();
        let attributes = ["a=ice-lite", "a=ice-options:", "a=ice-ufrag:", "a=ice-pwd:"];
        for attribute in attributes {
            if let Some(line) = answer.lines().find(|line| line.starts_with(attribute)) {
                push(&mut text, line);
            }
        }
        for start in ["m=", "a=mid:"] {
            if let Some(line) = answer.lines().find(|line| line.starts_with(start)) {
                push(&mut text, line);
            }
        }
        for line in answer.lines().filter(|line| line.starts_with("a=candidate:")) {
            push(&mut text, line);
        }
        push(&mut text, "a=end-of-candidates");
        text
    }
}

/// Whether an answer takes every m-line of the offer.
pub(crate) fn takes_all(answer: &str) -> bool {
    sections(answer).is_ok_and(|sections| {
        sections[1..].iter().all(|section| {
            let bundled = section.contains(&"a=bundle-only");
            let refused = section[0].split(' ').nth(1) == Some("0") && !bundled;
            !refused && !section.contains(&"a=inactive")
        })
    })
}

type Section<'a> = Vec<&'a str>;

/// The lines before the first m-line, then those of each m-line.
fn sections(text: &str) -> Result<Vec<Section<'_>>, Unusable> {
    let malformed = |why: &str| Err(Unusable::Malformed(why.to_owned()));
    let mut sections: Vec<Section<'_>> = vec![Vec::new()];
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if line.as_bytes().get(1) != Some(&b'=') {
            return malformed(&format!("the line `{}` is not of the form `x=…`", shortened(line)));
        }
        if line.starts_with("m=") {
            sections.push(Vec::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push(line);
        }
    }
    if sections[0].first() != Some(&"v=0") {
        return malformed("SDP begins with `v=0`");
    }
    match sections.len() - 1 {
        0 => malformed("the offer has no m-line"),
        1..=MEDIA_MAX => Ok(sections),
        count => malformed(&format!("the offer has {count} m-lines; {MEDIA_MAX} are allowed")),
    }
}

const DIRECTIONS: [&str; 4] = ["a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"];

fn check_direction(section: &Section<'_>, direction: Direction) -> Result<(), Unusable> {
    let said = section.iter().find(|line| DIRECTIONS.contains(*line)).map_or("sendrecv", |line| &line[2..]);
    let (wanted, verb) = match direction {
        Direction::Publish => ("sendonly", "publish"),
        Direction::Play => ("recvonly", "play"),
    };
    if said == wanted || said == "sendrecv" {
        return Ok(());
    }
    let detail = format!("`{}` is {said}; to {verb}, it has to be {wanted}", shortened(section[0]));
    Err(Unusable::Unacceptable(detail))
}

/// What an m-line carries. One picture and one sound are published; played may be as many as there are m-lines.
fn source(section: &Section<'_>, before: &[Source], direction: Direction) -> Result<Source, Unusable> {
    let kind = section[0].strip_prefix("m=").and_then(|rest| rest.split(' ').next());
    let source = match kind {
        Some("audio") => Source::Microphone,
        Some("video") => Source::Camera,
        _ => {
            let detail = format!("`{}` is neither audio nor video", shortened(section[0]));
            return Err(Unusable::Unacceptable(detail));
        }
    };
    if direction == Direction::Publish && before.contains(&source) {
        let detail = "at most one m-line with audio and one with video can be published".to_owned();
        return Err(Unusable::Unacceptable(detail));
    }
    Ok(source)
}

/// The offer with one direction only: `sendrecv` would make the program both publisher and player.
fn plain(sections: &[Section<'_>], direction: Direction) -> String {
    let wanted = match direction {
        Direction::Publish => "a=sendonly",
        Direction::Play => "a=recvonly",
    };
    let mut text = String::new();
    for (index, section) in sections.iter().enumerate() {
        for line in section.iter().filter(|line| !DIRECTIONS.contains(line)) {
            push(&mut text, line);
        }
        if index > 0 {
            push(&mut text, wanted);
        }
    }
    text
}

fn push(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push_str("\r\n");
}

fn value<'a>(text: &'a str, attribute: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.trim_end().strip_prefix(attribute))
}

fn is_attribute(line: &str) -> bool {
    line.starts_with("a=") || line.starts_with("m=")
}

/// Enough of a line to recognise it by.
fn shortened(line: &str) -> String {
    line.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n\
        a=fingerprint:sha-256 AA\r\na=candidate:1 1 udp 1 127.0.0.1 5000 typ host\r\na=sendonly\r\n\
        m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=bundle-only\r\na=sendrecv\r\n";

    fn unacceptable(offer: &str, direction: Direction) -> bool {
        matches!(Offer::read(offer, direction), Err(Unusable::Unacceptable(_)))
    }

    #[test]
    fn an_offer_to_publish_says_what_it_publishes() {
        let offer = Offer::read(OFFER, Direction::Publish).expect("usable");
        assert_eq!(offer.sources, [Source::Microphone, Source::Camera]);
        assert_eq!(offer.ufrag, "abcd");
        assert_eq!(offer.text.matches("a=sendonly\r\n").count(), 2);
        assert!(!offer.text.contains("sendrecv"));
    }

    #[test]
    fn an_offer_to_play_publishes_nothing() {
        let offer = Offer::read(&OFFER.replace("sendonly", "recvonly"), Direction::Play).expect("usable");
        assert!(offer.sources.is_empty());
        assert_eq!(offer.text.matches("a=recvonly\r\n").count(), 2);
    }

    #[test]
    fn an_offer_is_never_taken_in_part() {
        assert!(unacceptable(OFFER, Direction::Play));
        assert!(unacceptable(&OFFER.replace("a=sendrecv", "a=recvonly"), Direction::Publish));
        assert!(unacceptable(&OFFER.replace("m=video", "m=audio"), Direction::Publish));
        assert!(unacceptable(&OFFER.replace("m=video", "m=application"), Direction::Publish));
    }

    #[test]
    fn garbage_is_not_an_offer() {
        let many = format!("{OFFER}{}", "m=audio 9 X 1\r\n".repeat(MEDIA_MAX));
        for text in
            ["", "hello", "v=0\r\ns=-\r\n", "m=audio 9 X 1\r\n", &OFFER.replace("a=ice-pwd", "a=x"), &many]
        {
            assert!(matches!(Offer::read(text, Direction::Publish), Err(Unusable::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn a_restart_changes_the_credentials_and_candidates_alone() {
        let offer = Offer::read(OFFER, Direction::Publish).expect("usable");
        let fragment = "a=ice-ufrag:new1\r\na=ice-pwd:new-password-new-password\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n\
            a=candidate:9 1 udp 9 127.0.0.1 6000 typ host\r\na=end-of-candidates\r\n";
        let restarted = offer.restarted(&Fragment::read(fragment).expect("usable"));
        assert_eq!(restarted.ufrag, "new1");
        assert!(restarted.text.contains("a=ice-ufrag:new1\r\na=ice-pwd:new-password-new-password\r\n"));
        assert!(restarted.text.contains("127.0.0.1 6000") && !restarted.text.contains("127.0.0.1 5000"));
        assert!(!restarted.text.contains("0123456789"));
        let media = |text: &str| text.lines().filter(|line| line.starts_with("m=")).count();
        assert_eq!(media(&restarted.text), media(&offer.text));
        assert!(Offer::read(&restarted.text, Direction::Publish).is_ok());
    }

    #[test]
    fn a_fragment_needs_something_in_it() {
        for text in ["", "hello\r\n", "a=mid:0\r\n"] {
            assert!(Fragment::read(text).is_err(), "{text}");
        }
        assert!(Fragment::read("a=end-of-candidates\r\n").is_ok());
        let many = "a=candidate:1 1 udp 1 127.0.0.1 5000 typ host\r\n".repeat(1000);
        assert_eq!(Fragment::read(&many).expect("usable").candidates.len(), CANDIDATES_MAX);
    }

    #[test]
    fn an_answer_that_refuses_an_m_line_does_not_take_all() {
        let answer = OFFER.replace("a=sendonly", "a=recvonly").replace("a=sendrecv", "a=recvonly");
        assert!(takes_all(&answer));
        assert!(!takes_all(&answer.replace("a=bundle-only\r\n", "")));
        assert!(!takes_all(&answer.replacen("a=recvonly", "a=inactive", 1)));
    }

    #[test]
    fn the_fragment_of_an_answer_is_what_a_restart_needs() {
        let fragment = Fragment::of_answer(OFFER);
        assert!(fragment.starts_with("a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\nm=audio"));
        assert!(
            fragment.ends_with("a=candidate:1 1 udp 1 127.0.0.1 5000 typ host\r\na=end-of-candidates\r\n")
        );
    }
}
