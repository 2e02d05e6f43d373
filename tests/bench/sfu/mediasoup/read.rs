//! What an SDP of ours says, as the parameters that mediasoup takes instead of one.

use anyhow::Context;
use serde_json::{Map, Value, json};

use super::parameters::{
    Media, RtcpFeedback, RtpCodecParameters, RtpEncodingParameters, RtpHeaderExtensionParameters,
    RtpParameters, Rtx,
};

/// What its router was made for.
const CODECS: [&str; 2] = ["opus", "H264"];
/// Of the extensions that we may offer, those that it takes from a producer.
const EXTENSIONS: [&str; 6] = [
    "urn:ietf:params:rtp-hdrext:sdes:mid",
    "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
];

/// The DTLS parameters of our end: it begins the handshake unless its answer says otherwise.
pub(super) fn dtls_parameters(sdp: &str) -> anyhow::Result<Value> {
    let role = if sdp.lines().any(|line| line == "a=setup:passive") { "server" } else { "client" };
    let fingerprint = sdp.lines().find_map(|line| line.strip_prefix("a=fingerprint:"));
    let (algorithm, value) = fingerprint.and_then(|text| text.split_once(' ')).context("no fingerprint")?;
    Ok(json!({ "role": role, "fingerprints": [{ "algorithm": algorithm, "value": value }] }))
}

/// What an offer of ours sends, as far as mediasoup takes it.
pub(super) fn media(sdp: &str) -> anyhow::Result<Vec<Media>> {
    sdp.split("\r\nm=").skip(1).map(medium).collect()
}

fn medium(section: &str) -> anyhow::Result<Media> {
    let kind = section.split(' ').next().unwrap_or_default().to_owned();
    let mut rtp = RtpParameters::default();
    let attributes = section.lines().filter_map(|line| line.strip_prefix("a=")?.split_once(':'));
    for (name, value) in attributes {
        rtp.note(&kind, name, value).with_context(|| format!("a={name}:{value}"))?;
    }
    rtp.keep_what_it_takes();
    Ok(Media { kind, rtp_parameters: rtp })
}

impl RtpParameters {
    /// Reads an attribute; those of an m-line stand in the order that ours has: rtpmap before fmtp, SSRCs before groups.
    fn note(&mut self, kind: &str, name: &str, value: &str) -> anyhow::Result<()> {
        let (first, rest) = value.split_once(' ').unwrap_or((value, ""));
        match name {
            "mid" => self.mid = value.to_owned(),
            "rtpmap" => self.codecs.push(RtpCodecParameters::read(kind, first.parse()?, rest)?),
            "fmtp" => {
                let parameters = rest.split(';').filter_map(|one| one.trim().split_once('='));
                self.codec(first).into_iter().for_each(|codec| {
                    codec.parameters.extend(parameters.clone().map(|(name, value)| parameter(name, value)));
                });
            }
            "rtcp-fb" => {
                let (feedback, parameter) = rest.split_once(' ').unwrap_or((rest, ""));
                let feedback = RtcpFeedback { r#type: feedback.to_owned(), parameter: parameter.to_owned() };
                self.codec(first).into_iter().for_each(|codec| codec.rtcp_feedback.push(feedback.clone()));
            }
            "extmap" => {
                let id = first.split('/').next().unwrap_or_default().parse()?;
                self.header_extensions.push(RtpHeaderExtensionParameters { uri: rest.to_owned(), id });
            }
            "rid" => {
                let rid = Some(first.to_owned());
                self.encodings.push(RtpEncodingParameters { rid, ..RtpEncodingParameters::default() });
            }
            "ssrc" => {
                let ssrc = Some(first.parse()?);
                if !self.encodings.iter().any(|one| one.ssrc == ssrc) {
                    self.encodings.push(RtpEncodingParameters { ssrc, ..RtpEncodingParameters::default() });
                }
                if let Some(cname) = rest.strip_prefix("cname:") {
                    self.rtcp.cname = cname.to_owned();
                }
            }
            "ssrc-group" if first == "FID" => {
                let (ssrc, rtx) = rest.split_once(' ').context("one SSRC alone is no group")?;
                let (ssrc, rtx) = (Some(ssrc.parse()?), rtx.parse()?);
                self.encodings.retain(|one| one.ssrc != Some(rtx));
                let repaired = self.encodings.iter_mut().find(|one| one.ssrc == ssrc);
                repaired.context("an SSRC that is not known")?.rtx = Some(Rtx { ssrc: rtx });
            }
            _ => {}
        }
        Ok(())
    }

    fn codec(&mut self, payload_type: &str) -> Option<&mut RtpCodecParameters> {
        let payload_type: u8 = payload_type.parse().ok()?;
        self.codecs.iter_mut().find(|codec| codec.payload_type == payload_type)
    }

    /// Layers have names, by which it finds their SSRCs.
    fn keep_what_it_takes(&mut self) {
        if self.encodings.iter().any(|one| one.rid.is_some()) {
            self.encodings.retain(|one| one.rid.is_some());
        }
        self.header_extensions.retain(|one| EXTENSIONS.contains(&one.uri.as_str()));
        let is_known = |codec: &RtpCodecParameters| CODECS.contains(&codec.name());
        let kept: Vec<_> =
            self.codecs.iter().filter(|one| is_known(one)).map(|one| one.payload_type).collect();
        let repairs = |codec: &RtpCodecParameters| {
            let apt = codec.parameters.get("apt").and_then(Value::as_u64);
            codec.name() == "rtx" && kept.iter().any(|kept| Some(u64::from(*kept)) == apt)
        };
        self.codecs.retain(|codec| is_known(codec) || repairs(codec));
    }
}

impl RtpCodecParameters {
    fn read(kind: &str, payload_type: u8, map: &str) -> anyhow::Result<Self> {
        let mut parts = map.split('/');
        let name = parts.next().unwrap_or_default();
        let clock_rate = parts.next().context("a codec without a clock rate")?.parse()?;
        let channels = parts.next().map(str::parse).transpose()?;
        let mime_type = format!("{kind}/{name}");
        let (parameters, rtcp_feedback) = (Map::new(), Vec::new());
        Ok(Self { mime_type, payload_type, clock_rate, channels, parameters, rtcp_feedback })
    }
}

/// Numbers are numbers for mediasoup, which compares them as such.
fn parameter(name: &str, value: &str) -> (String, Value) {
    let value = value.parse::<u64>().map_or_else(|_| json!(value), |number| json!(number));
    (name.to_owned(), value)
}
