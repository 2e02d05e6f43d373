//! Which track travels on which line of a bridge: each keeps its line while it is published.

use std::collections::BTreeMap;

use super::mirror::rank;
use crate::web::wire::Source;

/// The lines of an offer, as its sender sees them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OfferedLines {
    pub(super) out: Pool,
    pub(super) back: Pool,
}

/// The `a=mid` of the lines of one direction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pool {
    audio: Vec<String>,
    video: Vec<String>,
}

impl OfferedLines {
    /// Reads the lines of an offer of our own.
    pub(super) fn of(sdp: &str) -> Self {
        let mut lines = Self::default();
        for section in sdp.split("\r\nm=").skip(1) {
            let Some(mid) = section.lines().find_map(|line| line.strip_prefix("a=mid:")) else { continue };
            let is = |attribute: &str| section.lines().any(|line| line == attribute);
            let pool = if is("a=sendonly") {
                &mut lines.out
            } else if is("a=recvonly") {
                &mut lines.back
            } else {
                continue;
            };
            let of_kind = if section.starts_with("audio") { &mut pool.audio } else { &mut pool.video };
            of_kind.push(mid.to_owned());
        }
        lines
    }
}

/// The lines of one direction, and what is on them.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pool: Pool,
    taken: BTreeMap<(String, u8), String>,
}

impl Lines {
    pub(super) const fn new(pool: Pool) -> Self {
        Self { pool, taken: BTreeMap::new() }
    }

    /// Gives a line to each of these tracks while there are any, those first that have one.
    pub(super) fn give(&mut self, published: &[(String, Source)]) {
        let is_published = |(id, of): &(String, u8)| {
            published.iter().any(|(publisher, source)| publisher == id && rank(*source) == *of)
        };
        self.taken.retain(|track, _| is_published(track));
        for (id, source) in published {
            let key = (id.clone(), rank(*source));
            if self.taken.contains_key(&key) {
                continue;
            }
            let lines = match source {
                Source::Microphone | Source::ScreenAudio => &self.pool.audio,
                Source::Camera | Source::Screen => &self.pool.video,
            };
            let is_free = |mid: &&String| !self.taken.values().any(|taken| taken == *mid);
            if let Some(mid) = lines.iter().find(is_free).cloned() {
                self.taken.insert(key, mid);
            }
        }
    }

    /// The line of a track.
    pub(super) fn of(&self, id: &str, source: Source) -> Option<&String> {
        self.taken.get(&(id.to_owned(), rank(source)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\na=group:BUNDLE a b c\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:a\r\na=sendonly\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:b\r\na=sendonly\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:c\r\na=recvonly\r\n";

    fn track(id: &str, source: Source) -> (String, Source) {
        (id.to_owned(), source)
    }

    #[test]
    fn an_offers_lines_are_told_apart_by_kind_and_direction() {
        let lines = OfferedLines::of(OFFER);
        assert_eq!(lines.out, Pool { audio: vec!["a".to_owned()], video: vec!["b".to_owned()] });
        assert_eq!(lines.back, Pool { audio: Vec::new(), video: vec!["c".to_owned()] });
    }

    #[test]
    fn a_track_keeps_its_line_and_another_waits_until_one_is_free() {
        let mut lines = Lines::new(OfferedLines::of(OFFER).out);
        lines.give(&[track("p1", Source::Camera), track("p2", Source::Camera)]);
        assert_eq!(lines.of("p1", Source::Camera).map(String::as_str), Some("b"));
        assert_eq!(lines.of("p2", Source::Camera), None);
        lines.give(&[track("p2", Source::Camera), track("p1", Source::Camera)]);
        assert_eq!(lines.of("p1", Source::Camera).map(String::as_str), Some("b"), "it stays");
        lines.give(&[track("p2", Source::Camera), track("p1", Source::Microphone)]);
        assert_eq!(lines.of("p2", Source::Camera).map(String::as_str), Some("b"));
        assert_eq!(lines.of("p1", Source::Microphone).map(String::as_str), Some("a"));
    }
}
