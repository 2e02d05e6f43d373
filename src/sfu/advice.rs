//! The last touch on an answer: what browsers need to be told besides what was negotiated.

use crate::sfu::offer::{Plan, Sending};
use crate::track::Source;

/// Browsers begin at 300 kbit/s and take seconds to reach the upper layers; on a LAN that is needless.
const START_KBPS: u32 = 2500;

/// The answer with what browsers need to be told besides: the bitrate at which they shall begin, on every video
/// line on which they send, and that a microphone may pause while nobody speaks (RFC 7587, 6.1: `usedtx`).
pub(super) fn with_advice(answer: &str, plan: &Plan) -> String {
    let is_microphone = |line: &Sending| line.source == Source::Microphone;
    let microphone =
        plan.sending().into_iter().find(is_microphone).map(|line| format!("\r\na=mid:{}\r\n", line.mid));
    let mut touched = String::with_capacity(answer.len() + 512);
    let mut sections = answer.split_inclusive("\r\n").peekable();
    let mut section = String::new();
    while let Some(line) = sections.next() {
        section.push_str(line);
        if sections.peek().is_none_or(|next| next.starts_with("m=")) {
            if microphone.as_ref().is_some_and(|mid| section.contains(mid.as_str())) {
                touched.push_str(&section_with_pauses(&section));
            } else {
                touched.push_str(&section_with_start_bitrate(&section));
            }
            section.clear();
        }
    }
    touched
}

/// Music and the sound of a screen have no pauses that could be left out unnoticed; speech has.
fn section_with_pauses(section: &str) -> String {
    let opus = |line: &str| {
        let (payload_type, codec) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
        codec.starts_with("opus/").then(|| format!("a=fmtp:{payload_type} "))
    };
    let Some(format) = section.lines().find_map(opus) else { return section.to_owned() };
    let pauses = |line: &str| match line.strip_suffix("\r\n").filter(|line| line.starts_with(&format)) {
        Some(line) => format!("{line};usedtx=1\r\n"),
        None => line.to_owned(),
    };
    section.split_inclusive('\n').map(pauses).collect()
}

fn section_with_start_bitrate(section: &str) -> String {
    let receives = section.contains("\r\na=recvonly\r\n") || section.contains("\r\na=sendrecv\r\n");
    if !section.starts_with("m=video") || !receives {
        return section.to_owned();
    }
    let mut touched = String::with_capacity(section.len() + 128);
    let mut video_types: Vec<&str> = Vec::new();
    for line in section.split_inclusive("\r\n") {
        let text = line.trim_end();
        if let Some((payload_type, codec)) =
            text.strip_prefix("a=rtpmap:").and_then(|map| map.split_once(' '))
        {
            touched.push_str(line);
            if codec.starts_with("VP8/") {
                touched.push_str(&format!("a=fmtp:{payload_type} x-google-start-bitrate={START_KBPS}\r\n"));
            } else if codec.starts_with("H264/") {
                video_types.push(payload_type);
            }
            continue;
        }
        let format_of = text.strip_prefix("a=fmtp:").and_then(|format| format.split(' ').next());
        if format_of.is_some_and(|payload_type| video_types.contains(&payload_type)) {
            touched.push_str(&format!("{text};x-google-start-bitrate={START_KBPS}\r\n"));
        } else {
            touched.push_str(line);
        }
    }
    touched
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sfu::offer::tests::PAGE;

    #[test]
    fn the_start_bitrate_is_added_where_the_browser_sends_video_and_nowhere_else() {
        let answer = "v=0\r\nm=video 9 X 108 96\r\na=recvonly\r\na=rtpmap:108 H264/90000\r\n\
            a=fmtp:108 packetization-mode=1\r\na=rtpmap:109 rtx/90000\r\na=fmtp:109 apt=108\r\n\
            a=rtpmap:96 VP8/90000\r\nm=video 9 X 108\r\na=sendonly\r\na=rtpmap:108 H264/90000\r\n\
            a=fmtp:108 packetization-mode=1\r\n";
        let touched = with_advice(answer, &Plan::default());
        assert_eq!(touched.matches("x-google-start-bitrate=2500").count(), 2);
        assert!(touched.contains("a=fmtp:108 packetization-mode=1;x-google-start-bitrate=2500\r\n"));
        assert!(touched.contains("a=rtpmap:96 VP8/90000\r\na=fmtp:96 x-google-start-bitrate=2500\r\n"));
        assert!(touched.contains("a=fmtp:109 apt=108\r\n"));
        assert_eq!(
            touched
                .replace(";x-google-start-bitrate=2500", "")
                .replace("a=fmtp:96 x-google-start-bitrate=2500\r\n", ""),
            answer
        );
    }

    #[test]
    fn a_microphone_may_pause_and_the_sound_of_a_screen_may_not() {
        let line = |mid| {
            format!(
                "m=audio 9 UDP/TLS/RTP/SAVPF 63 111\r\na=mid:{mid}\r\na=recvonly\r\na=rtpmap:63 red/48000/2\r\n\
                 a=fmtp:63 111/111\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
            )
        };
        let plan = Plan::read(PAGE).expect("an offer");
        let touched = with_advice(&format!("v=0\r\n{}{}", line(0), line(3)), &plan);
        let paused = line(0).replace("fec=1", "fec=1;usedtx=1");
        assert_eq!(touched, format!("v=0\r\n{paused}{}", line(3)));
    }
}
