//! A transport of mediasoup and what it carries, as the SDP that our end knows instead of parameters.

use std::fmt::Write as _;

use anyhow::Context;
use serde_json::Value;

use super::parameters::{
    Fingerprint, IceCandidate, IceParameters, Media, RtcpFeedback, RtpCodecParameters,
    RtpHeaderExtensionParameters, RtpParameters, Rtx, Transport,
};

/// Which way an m-line goes, seen from mediasoup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It answers what is sent to it.
    Receives,
    /// It offers what it sends.
    Sends,
}

/// The transport's description with those m-lines.
pub(super) fn describe(transport: &Transport, media: &[Media], way: Way) -> anyhow::Result<String> {
    let mids: Vec<&str> = media.iter().map(|one| one.rtp_parameters.mid.as_str()).collect();
    let mut sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE {}\r\n",
        mids.join(" ")
    );
    for one in media {
        one.write(&mut sdp, way)?;
        transport.write(&mut sdp, way)?;
    }
    Ok(sdp)
}

impl Transport {
    fn write(&self, sdp: &mut String, way: Way) -> anyhow::Result<()> {
        let setup = if way == Way::Sends { "actpass" } else { "passive" };
        let IceParameters { username_fragment, password } = &self.ice_parameters;
        write!(sdp, "a=ice-ufrag:{username_fragment}\r\na=ice-pwd:{password}\r\na=setup:{setup}\r\n")?;
        for Fingerprint { algorithm, value } in &self.dtls_parameters.fingerprints {
            write!(sdp, "a=fingerprint:{algorithm} {value}\r\n")?;
        }
        for IceCandidate { foundation, priority, address, port } in &self.ice_candidates {
            write!(sdp, "a=candidate:{foundation} 1 udp {priority} {address} {port} typ host\r\n")?;
        }
        Ok(())
    }
}

impl Media {
    fn write(&self, sdp: &mut String, way: Way) -> anyhow::Result<()> {
        let rtp = &self.rtp_parameters;
        let types: Vec<_> = rtp.codecs.iter().map(|codec| codec.payload_type.to_string()).collect();
        write!(sdp, "m={} 9 UDP/TLS/RTP/SAVPF {}\r\nc=IN IP4 0.0.0.0\r\n", self.kind, types.join(" "))?;
        write!(sdp, "a=mid:{}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n", rtp.mid)?;
        sdp.push_str(if way == Way::Sends { "a=sendonly\r\n" } else { "a=recvonly\r\n" });
        rtp.codecs.iter().try_for_each(|codec| codec.write(sdp))?;
        for RtpHeaderExtensionParameters { uri, id } in &rtp.header_extensions {
            write!(sdp, "a=extmap:{id} {uri}\r\n")?;
        }
        match way {
            Way::Receives => rtp.write_layers(sdp),
            Way::Sends => rtp.write_sources(sdp),
        }
    }
}

impl RtpParameters {
    fn write_layers(&self, sdp: &mut String) -> anyhow::Result<()> {
        let rids: Vec<&str> = self.encodings.iter().filter_map(|one| one.rid.as_deref()).collect();
        for rid in &rids {
            write!(sdp, "a=rid:{rid} recv\r\n")?;
        }
        if !rids.is_empty() {
            write!(sdp, "a=simulcast:recv {}\r\n", rids.join(";"))?;
        }
        Ok(())
    }

    fn write_sources(&self, sdp: &mut String) -> anyhow::Result<()> {
        for encoding in &self.encodings {
            let ssrc = encoding.ssrc.context("a consumer without SSRC")?;
            let cname = &self.rtcp.cname;
            write!(sdp, "a=ssrc:{ssrc} cname:{cname}\r\n")?;
            if let Some(Rtx { ssrc: rtx }) = &encoding.rtx {
                write!(sdp, "a=ssrc:{rtx} cname:{cname}\r\na=ssrc-group:FID {ssrc} {rtx}\r\n")?;
            }
        }
        Ok(())
    }
}

impl RtpCodecParameters {
    fn write(&self, sdp: &mut String) -> anyhow::Result<()> {
        let number = self.payload_type;
        write!(sdp, "a=rtpmap:{number} {}/{}", self.name(), self.clock_rate)?;
        if let Some(channels) = self.channels.filter(|channels| *channels > 1) {
            write!(sdp, "/{channels}")?;
        }
        sdp.push_str("\r\n");
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let parameters = self.parameters.iter().map(|(name, value)| format!("{name}={}", text(value)));
        let parameters: Vec<_> = parameters.collect();
        if !parameters.is_empty() {
            write!(sdp, "a=fmtp:{number} {}\r\n", parameters.join(";"))?;
        }
        for RtcpFeedback { r#type, parameter } in &self.rtcp_feedback {
            write!(sdp, "a=rtcp-fb:{number} {}\r\n", format!("{type} {parameter}").trim_end())?;
        }
        Ok(())
    }
}
