//! What an offer proposes, read from its media lines.
//!
//! The first sending audio line is the microphone, the second the sound of the screen; the first sending
//! video line is the camera, the second the screen. Lines that receive are slots.
//!
//! The lines of a bridge carry the tracks of many, and words tell whose: a sending line may have any source of its
//! kind, and a receiving line of several layers is one slot for each of them.

use std::collections::HashMap;

use crate::sfu::{OfferRefused, SlotId};
use crate::track::{Kind, Layer, Source};

/// The longest offer, in bytes; an untrimmed one of a browser has 64 kB.
pub const OFFER_BYTES_MAX: usize = 256 * 1024;
/// The most media lines of an offer; the page's has 19.
const LINES_MAX: usize = 64;

/// An offer's media lines.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    pub(super) lines: Vec<Line>,
    /// The first `a=fingerprint`: another one means another transport, not an ICE restart.
    pub(super) fingerprint: String,
    /// It is of a bridge.
    pub(super) is_of_bridge: bool,
}

/// A media line of an offer.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    /// `None` for a data channel.
    pub(super) kind: Option<Kind>,
    pub(super) mid: String,
    sends: bool,
    receives: bool,
    rejected: bool,
    rids: Vec<String>,
    /// The layers that it takes.
    rids_taken: Vec<String>,
    simulcast: Vec<String>,
}

/// A line that sends a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sending {
    pub(super) mid: String,
    pub(super) source: Source,
    /// The simulcast layers, smallest first; empty without simulcast.
    pub(super) rids: Vec<String>,
}

/// A line that receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Receiving {
    pub(super) mid: String,
    pub(super) kind: Kind,
    pub(super) slot: SlotId,
    /// The layer that this slot of a bridge sends, and how it is called; `None` where any may fill it.
    pub(super) rid: Option<(Layer, String)>,
}

impl Plan {
    /// Reads the lines that matter here; the transport library checks all the rest.
    pub(super) fn read(sdp: &str) -> Result<Self, OfferRefused> {
        if sdp.len() > OFFER_BYTES_MAX {
            return Err(OfferRefused::TooLong { bytes: sdp.len(), max: OFFER_BYTES_MAX });
        }
        let mut plan = Self::default();
        let mut formats = HashMap::new();
        for text in sdp.lines() {
            plan.read_line(text.trim_end());
            // RFC 9143, 9.1; the transport library would panic.
            let format = text.trim_end().strip_prefix("a=rtpmap:").and_then(|format| format.split_once(' '));
            if format.is_some_and(|(number, codec)| *formats.entry(number).or_insert(codec) != codec) {
                return Err(OfferRefused::Malformed("a payload type that means two codecs".into()));
            }
        }
        if plan.lines.is_empty() {
            return Err(OfferRefused::NothingUsable("it has no media lines"));
        }
        if plan.lines.len() > LINES_MAX {
            return Err(OfferRefused::Malformed(format!("more than {LINES_MAX} media lines")));
        }
        if plan.lines.iter().any(|line| !is_usable_mid(&line.mid)) {
            return Err(OfferRefused::Malformed(
                "a media line without a plain a=mid of 1 to 16 letters".into(),
            ));
        }
        Ok(plan)
    }

    /// The same of a bridge.
    pub(super) fn read_of_bridge(sdp: &str) -> Result<Self, OfferRefused> {
        Self::read(sdp).map(|plan| Self { is_of_bridge: true, ..plan })
    }

    fn read_line(&mut self, text: &str) {
        if let Some(media) = text.strip_prefix("m=") {
            self.lines.push(Line::begin(media));
        } else if let Some(value) = text.strip_prefix("a=fingerprint:") {
            if self.fingerprint.is_empty() {
                self.fingerprint = value.to_ascii_lowercase();
            }
        } else if let (Some(line), Some(attribute)) = (self.lines.last_mut(), text.strip_prefix("a=")) {
            line.read_attribute(attribute);
        }
    }

    /// The tracks that the peer may publish.
    pub(super) fn sending(&self) -> Vec<Sending> {
        if self.is_of_bridge {
            return self.carrying();
        }
        let mut sources = [Kind::Audio, Kind::Video].map(|kind| match kind {
            Kind::Audio => vec![Source::ScreenAudio, Source::Microphone],
            Kind::Video => vec![Source::Screen, Source::Camera],
        });
        let mut sending = Vec::new();
        for line in self.lines.iter().filter(|line| line.sends && !line.rejected) {
            let left = match line.kind {
                Some(Kind::Audio) => &mut sources[0],
                Some(Kind::Video) => &mut sources[1],
                None => continue,
            };
            let Some(source) = left.pop() else { continue };
            sending.push(Sending { mid: line.mid.clone(), source, rids: line.layers() });
        }
        sending
    }

    /// All that sends, under one source of its kind: words tell which it really is.
    fn carrying(&self) -> Vec<Sending> {
        let sends = self.lines.iter().filter(|line| line.sends && !line.rejected);
        let sending = |line: &Line| {
            let source = match line.kind? {
                Kind::Audio => Source::Microphone,
                Kind::Video => Source::Camera,
            };
            Some(Sending { mid: line.mid.clone(), source, rids: line.layers() })
        };
        sends.filter_map(sending).collect()
    }

    /// A slot for each layer of each line that receives.
    fn receiving_layers(&self) -> Vec<Receiving> {
        let mut slots = Vec::new();
        for line in self.lines.iter().filter(|line| line.receives && !line.rejected) {
            let Some(kind) = line.kind else { continue };
            let layers = ranked(line.rids_taken.clone());
            let rids = (0..).map(Layer).zip(layers).map(Some);
            let none = line.rids_taken.is_empty().then_some(None);
            for rid in rids.chain(none) {
                // At most LINES_MAX lines of as many layers as a track may have.
                let slot = SlotId(u16::try_from(slots.len()).unwrap_or(u16::MAX));
                slots.push(Receiving { mid: line.mid.clone(), kind, slot, rid });
            }
        }
        slots
    }

    /// The slots, in the order of the lines.
    pub(super) fn receiving(&self) -> Vec<Receiving> {
        if self.is_of_bridge {
            return self.receiving_layers();
        }
        let numbers = self.numeric_mids();
        let slot_of = |at: usize| match &numbers {
            Some(numbers) => SlotId(numbers[at]),
            // At most LINES_MAX lines.
            None => SlotId(u16::try_from(at).unwrap_or(u16::MAX)),
        };
        let usable = self.lines.iter().enumerate().filter(|(_, line)| line.receives && !line.rejected);
        usable
            .filter_map(|(at, line)| {
                Some(Receiving { mid: line.mid.clone(), kind: line.kind?, slot: slot_of(at), rid: None })
            })
            .collect()
    }

    /// The mids as numbers, if all of them are numbers and none occurs twice.
    fn numeric_mids(&self) -> Option<Vec<u16>> {
        let numbers: Option<Vec<u16>> = self.lines.iter().map(|line| line.mid.parse().ok()).collect();
        let mut sorted = numbers.clone()?;
        sorted.sort_unstable();
        sorted.dedup();
        numbers.filter(|numbers| numbers.len() == sorted.len())
    }

    /// Whether a later offer has the same lines: what an ICE restart keeps.
    pub(super) fn has_lines_of(&self, earlier: &Self) -> bool {
        self.lines.len() == earlier.lines.len()
            && self
                .lines
                .iter()
                .zip(&earlier.lines)
                .all(|(now, then)| now.mid == then.mid && now.kind == then.kind)
    }
}

impl Line {
    pub(super) fn is_rejected(&self) -> bool {
        self.rejected
    }

    fn begin(media: &str) -> Self {
        let mut words = media.split_ascii_whitespace();
        let kind = match words.next() {
            Some("audio") => Some(Kind::Audio),
            Some("video") => Some(Kind::Video),
            _ => None,
        };
        // RFC 9143, 6: port 0 is a rejected line, unless it only waits to be bundled.
        let rejected = words.next() == Some("0");
        Self { kind, rejected, sends: true, receives: true, ..Self::default() }
    }

    fn read_attribute(&mut self, attribute: &str) {
        match attribute.split_once(':') {
            Some(("mid", mid)) => self.mid = mid.trim().to_owned(),
            Some(("rid", value)) => {
                let direction =
                    |rest: &str| rest.split_ascii_whitespace().next().unwrap_or_default().to_owned();
                match value.split_once(' ').map(|(rid, rest)| (rid.to_owned(), direction(rest))) {
                    Some((rid, way)) if way == "send" => self.rids.push(rid),
                    Some((rid, way)) if way == "recv" => self.rids_taken.push(rid),
                    _ => {}
                }
            }
            Some(("simulcast", value)) => self.simulcast = simulcast_order(value),
            None => match attribute {
                "sendonly" => self.receives = false,
                "recvonly" => self.sends = false,
                "inactive" => (self.sends, self.receives) = (false, false),
                "bundle-only" => self.rejected = false,
                _ => {}
            },
            _ => {}
        }
    }

    /// The rids, smallest picture first: by their customary names, else in the order of the offer.
    fn layers(&self) -> Vec<String> {
        ranked(if self.simulcast.is_empty() { self.rids.clone() } else { self.simulcast.clone() })
    }
}

/// The smallest picture first, where the names tell.
fn ranked(mut rids: Vec<String>) -> Vec<String> {
    if let Some(mut ranked) =
        rids.iter().map(|rid| Some((rank(rid)?, rid.clone()))).collect::<Option<Vec<_>>>()
    {
        ranked.sort();
        rids = ranked.into_iter().map(|(_, rid)| rid).collect();
    }
    rids.truncate(Layer::MAX);
    rids
}

/// RFC 8853, 5.1: `send q;h;f`, alternatives behind commas, paused ones marked by a tilde.
fn simulcast_order(value: &str) -> Vec<String> {
    let mut words = value.split_ascii_whitespace();
    while let Some(direction) = words.next() {
        let Some(list) = words.next() else { break };
        if direction == "send" {
            let first =
                |choice: &str| choice.split(',').next().map(|rid| rid.trim_start_matches('~').to_owned());
            return list.split(';').filter_map(first).filter(|rid| !rid.is_empty()).collect();
        }
    }
    Vec::new()
}

/// The customary names of layers.
fn rank(rid: &str) -> Option<u8> {
    match rid {
        "q" | "l" | "low" => Some(0),
        "h" | "m" | "mid" | "medium" => Some(1),
        "f" | "high" | "hi" => Some(2),
        _ => None,
    }
}

/// What the transport library keeps of a mid unchanged.
fn is_usable_mid(mid: &str) -> bool {
    (1..=16).contains(&mid.len()) && mid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::sfu::advice::with_advice;
    use proptest::prelude::*;

    pub(crate) const PAGE: &str = "v=0\r\na=fingerprint:sha-256 AB:CD\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=sendonly\r\na=rid:f send\r\na=rid:h send\r\na=rid:q send\r\n\
        a=simulcast:send f;h;~q\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\na=sendonly\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:3\r\na=sendonly\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:4\r\na=recvonly\r\n\
        m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=bundle-only\r\na=mid:7\r\na=recvonly\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:8\r\n";

    #[test]
    fn the_pages_lines_are_recognised() {
        let plan = Plan::read(PAGE).expect("an offer");
        let sources: Vec<_> = plan.sending().into_iter().map(|line| (line.mid, line.source)).collect();
        let expected = [
            ("0".to_owned(), Source::Microphone),
            ("1".to_owned(), Source::Camera),
            ("2".to_owned(), Source::Screen),
            ("3".to_owned(), Source::ScreenAudio),
        ];
        assert_eq!(sources, expected);
        assert_eq!(plan.sending()[1].rids, ["q", "h", "f"]);
        let slots: Vec<_> = plan.receiving().into_iter().map(|line| (line.slot, line.kind)).collect();
        assert_eq!(slots, [(SlotId(4), Kind::Audio), (SlotId(7), Kind::Video)]);
    }

    #[test]
    fn slots_of_named_lines_are_counted() {
        let sdp = "m=video 9 X 96\r\na=mid:video0\r\na=recvonly\r\nm=audio 9 X 111\r\na=mid:audio1\r\na=recvonly\r\n";
        let plan = Plan::read(sdp).expect("an offer");
        let slots: Vec<_> = plan.receiving().into_iter().map(|line| (line.mid, line.slot)).collect();
        assert_eq!(slots, [("video0".to_owned(), SlotId(0)), ("audio1".to_owned(), SlotId(1))]);
    }

    #[test]
    fn rids_with_names_of_their_own_keep_the_order_of_the_offer() {
        let sdp = "m=video 9 X 96\r\na=mid:0\r\na=sendonly\r\na=rid:r0 send pt=96\r\na=rid:r1 send\r\n";
        assert_eq!(Plan::read(sdp).expect("an offer").sending()[0].rids, ["r0", "r1"]);
    }

    #[test]
    fn garbage_is_refused_with_a_sentence() {
        assert!(matches!(Plan::read("hello"), Err(OfferRefused::NothingUsable(_))));
        assert!(matches!(Plan::read(&"x".repeat(OFFER_BYTES_MAX + 1)), Err(OfferRefused::TooLong { .. })));
        assert!(matches!(Plan::read("m=audio 9 X 1\r\n"), Err(OfferRefused::Malformed(_))));
        assert!(matches!(
            Plan::read(&"m=audio 9 X 1\r\na=mid:0\r\n".repeat(65)),
            Err(OfferRefused::Malformed(_))
        ));
    }

    #[test]
    fn a_payload_type_means_one_codec_in_all_lines() {
        let twice = PAGE.replace("a=mid:0\r\n", "a=mid:0\r\na=rtpmap:96 opus/48000/2\r\n");
        assert!(Plan::read(&twice).is_ok());
        let twice = twice.replace("a=mid:1\r\n", "a=mid:1\r\na=rtpmap:96 VP8/90000\r\n");
        assert!(matches!(Plan::read(&twice), Err(OfferRefused::Malformed(_))));
    }

    #[test]
    fn a_rejected_line_carries_nothing() {
        let plan = Plan::read("m=audio 0 X 111\r\na=mid:0\r\n").expect("an offer");
        assert!(plan.sending().is_empty() && plan.receiving().is_empty());
    }

    proptest! {
        #[test]
        fn no_text_is_trusted(text in "(m=(audio|video) [0-9]{1,3} X 96\r\n|a=mid:[a-z0-9]{0,3}\r\n|a=simulcast:send [a-z;,~ ]{0,9}\r\n|a=rid:.{0,9}\r\n|.{0,20}\r\n){0,20}") {
            if let Ok(plan) = Plan::read(&text) {
                prop_assert!(plan.sending().len() <= 4);
                plan.receiving();
            }
            with_advice(&text, &Plan::read(&text).unwrap_or_default());
        }
    }
}
