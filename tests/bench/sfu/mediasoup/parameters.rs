//! Transports and RTP parameters as mediasoup tells and takes them: names and shapes are its own, those of ORTC.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A transport of its, as it tells it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transport {
    pub(super) id: String,
    pub(super) ice_parameters: IceParameters,
    pub(super) ice_candidates: Vec<IceCandidate>,
    pub(super) dtls_parameters: DtlsParameters,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IceParameters {
    pub(super) username_fragment: String,
    pub(super) password: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct IceCandidate {
    pub(super) foundation: String,
    pub(super) priority: u32,
    pub(super) address: String,
    pub(super) port: u16,
}

#[derive(Debug, Deserialize)]
pub(super) struct DtlsParameters {
    pub(super) fingerprints: Vec<Fingerprint>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Fingerprint {
    pub(super) algorithm: String,
    pub(super) value: String,
}

/// What one m-line carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Media {
    pub(super) kind: String,
    pub(super) rtp_parameters: RtpParameters,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RtpParameters {
    pub(super) mid: String,
    pub(super) codecs: Vec<RtpCodecParameters>,
    pub(super) header_extensions: Vec<RtpHeaderExtensionParameters>,
    pub(super) encodings: Vec<RtpEncodingParameters>,
    pub(super) rtcp: RtcpParameters,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RtpCodecParameters {
    pub(super) mime_type: String,
    pub(super) payload_type: u8,
    pub(super) clock_rate: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) channels: Option<u8>,
    #[serde(default)]
    pub(super) parameters: Map<String, Value>,
    #[serde(default)]
    pub(super) rtcp_feedback: Vec<RtcpFeedback>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RtcpFeedback {
    pub(super) r#type: String,
    #[serde(default)]
    pub(super) parameter: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RtpHeaderExtensionParameters {
    pub(super) uri: String,
    pub(super) id: u8,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct RtpEncodingParameters {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ssrc: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rtx: Option<Rtx>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Rtx {
    pub(super) ssrc: u32,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct RtcpParameters {
    pub(super) cname: String,
}

impl RtpCodecParameters {
    /// Without the kind before it.
    pub(super) fn name(&self) -> &str {
        self.mime_type.split_once('/').map_or("", |(_, name)| name)
    }
}
