//! The RTP header of what we send (RFC 3550, 5.1), with header extensions: of one byte each, or of two where one is long
//! (RFC 8285, 4.2 and 4.3).

use str0m::rtp::Extension;

use crate::sfu::descriptor;

/// Of a header without extensions.
pub(super) const FIXED_BYTES: usize = 12;
const ONE_BYTE_PROFILE: [u8; 4] = [0xbe, 0xde, 0, 0];
const TWO_BYTE_PROFILE: [u8; 4] = [0x10, 0, 0, 0];
/// The longest value behind one byte.
const ONE_BYTE_MAX: usize = 16;
/// The largest id that a one-byte extension can have.
const ID_MAX: u8 = 14;
/// Playout delay counts in units of 10 ms, two numbers of 12 bits: at once, and at most 200 ms.
const PLAYOUT_DELAY: [u8; 3] = [0, 0, 20];

/// The ids of the extensions of a media line, as they were negotiated; `None`: not negotiated.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::sfu) struct ExtensionIds {
    mid: Option<u8>,
    rid: Option<u8>,
    resent_rid: Option<u8>,
    transport_number: Option<u8>,
    send_time: Option<u8>,
    playout_delay: Option<u8>,
    audio_level: Option<u8>,
    capture_time: Option<u8>,
    descriptor: Option<u8>,
}

impl ExtensionIds {
    pub(in crate::sfu) fn new(id_of: impl Fn(Extension) -> Option<u8>) -> Self {
        let id = |extension| id_of(extension).filter(|id| (1..=ID_MAX).contains(id));
        let transport_number = id(Extension::TransportSequenceNumber);
        Self {
            mid: id(Extension::RtpMid),
            rid: id(Extension::RtpStreamId),
            resent_rid: id(Extension::RepairedRtpStreamId),
            transport_number,
            // Only those who know no better estimate by it.
            send_time: id(Extension::AbsoluteSendTime).filter(|_| transport_number.is_none()),
            playout_delay: id(Extension::PlayoutDelay),
            audio_level: id(Extension::AudioLevel),
            capture_time: id(Extension::AbsoluteCaptureTime),
            descriptor: id(descriptor::extension()),
        }
    }

    pub(super) const fn has_transport_number(&self) -> bool {
        self.transport_number.is_some()
    }
}

/// The header of one packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) payload_type: u8,
    pub(super) marker: bool,
    pub(super) has_padding: bool,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
}

/// What travels in extensions.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extensions<'a> {
    /// Until the receiver knows the SSRC.
    pub(super) mid: Option<&'a str>,
    /// The layer, and whether what was sent of it is sent again; likewise.
    pub(super) rid: Option<(&'a str, bool)>,
    /// Counts everything that is sent to the peer.
    pub(super) transport_number: Option<u16>,
    /// Seconds in 6.18 fixed point.
    pub(super) send_time: u32,
    pub(super) is_video: bool,
    /// In dBov, -127 to 0, and whether it is speech (RFC 6464).
    pub(super) audio_level: Option<(i8, bool)>,
    /// NTP time, and the offset of the publisher's clock.
    pub(super) capture_time: Option<(u64, Option<i64>)>,
    /// A dependency descriptor, and the frame number that is written into it.
    pub(super) descriptor: Option<(&'a [u8], u16)>,
}

impl Header {
    /// Appends the header; returns its length.
    pub(super) fn write(
        &self,
        ids: &ExtensionIds,
        extensions: &Extensions<'_>,
        bytes: &mut Vec<u8>,
    ) -> usize {
        let start = bytes.len();
        bytes.push(0x90 | u8::from(self.has_padding) << 5);
        bytes.push(u8::from(self.marker) << 7 | self.payload_type);
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&self.timestamp.to_be_bytes());
        bytes.extend_from_slice(&self.ssrc.to_be_bytes());
        let is_long = extensions.descriptor.is_some_and(|(descriptor, _)| descriptor.len() > ONE_BYTE_MAX);
        bytes.extend_from_slice(if is_long { &TWO_BYTE_PROFILE } else { &ONE_BYTE_PROFILE });
        let body = bytes.len();
        extensions.write(ids, is_long, bytes);
        while !(bytes.len() - body).is_multiple_of(4) {
            bytes.push(0);
        }
        let words = (bytes.len() - body) / 4;
        bytes[body - 1] = words as u8;
        bytes.len() - start
    }
}

impl Extensions<'_> {
    fn write(&self, ids: &ExtensionIds, is_long: bool, bytes: &mut Vec<u8>) {
        let mut put = |id: Option<u8>, value: &[u8]| {
            if let Some(id) = id {
                match is_long {
                    true => bytes.extend([id, value.len() as u8]),
                    false => bytes.push(id << 4 | (value.len() - 1) as u8),
                }
                bytes.extend_from_slice(value);
            }
        };
        if let Some(number) = self.transport_number {
            put(ids.transport_number, &number.to_be_bytes());
        }
        put(ids.send_time, &self.send_time.to_be_bytes()[1..]);
        if let Some(mid) = self.mid.filter(|mid| (1..=16).contains(&mid.len())) {
            put(ids.mid, mid.as_bytes());
        }
        if let Some((rid, is_resent)) = self.rid.filter(|(rid, _)| (1..=16).contains(&rid.len())) {
            put(if is_resent { ids.resent_rid } else { ids.rid }, rid.as_bytes());
        }
        if self.is_video {
            put(ids.playout_delay, &PLAYOUT_DELAY);
        }
        if let Some((dbov, is_speech)) = self.audio_level {
            put(ids.audio_level, &[u8::from(is_speech) << 7 | dbov.unsigned_abs().min(127)]);
        }
        if let Some((descriptor, frame)) = self.descriptor {
            let mut value = descriptor.to_vec();
            descriptor::renumber(&mut value, frame);
            put(ids.descriptor, &value);
        }
        match self.capture_time {
            Some((ntp, None)) => put(ids.capture_time, &ntp.to_be_bytes()),
            Some((ntp, Some(offset))) => {
                let mut value = [0; 16];
                value[..8].copy_from_slice(&ntp.to_be_bytes());
                value[8..].copy_from_slice(&offset.to_be_bytes());
                put(ids.capture_time, &value);
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header {
        payload_type: 108,
        marker: true,
        has_padding: false,
        sequence: 0x0102,
        timestamp: 0x0304_0506,
        ssrc: 0x0708_090a,
    };

    fn ids(known: &[(Extension, u8)]) -> ExtensionIds {
        ExtensionIds::new(|wanted| known.iter().find(|(one, _)| *one == wanted).map(|(_, id)| *id))
    }

    #[test]
    fn extensions_stand_behind_the_header_in_whole_words() {
        let ids = ids(&[
            (Extension::TransportSequenceNumber, 3),
            (Extension::RtpMid, 4),
            (Extension::PlayoutDelay, 5),
            (Extension::AudioLevel, 1),
        ]);
        let extensions = Extensions {
            mid: Some("12"),
            transport_number: Some(0xabcd),
            is_video: true,
            audio_level: Some((-30, true)),
            ..Extensions::default()
        };
        let mut bytes = vec![9];
        let length = HEADER.write(&ids, &extensions, &mut bytes);
        let expected = [
            0x90, 0xec, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xbe, 0xde, 0, 3, 0x31, 0xab, 0xcd, 0x41, b'1', b'2',
            0x52, 0, 0, 20, 0x10, 0x9e,
        ];
        assert_eq!((length, &bytes[1..]), (28, &expected[..]));
    }

    #[test]
    fn what_was_not_negotiated_is_left_out_and_so_is_an_id_that_does_not_fit() {
        let ids = ids(&[(Extension::TransportSequenceNumber, 15), (Extension::AbsoluteSendTime, 2)]);
        let extensions = Extensions { send_time: 0x0001_0203, is_video: true, ..Extensions::default() };
        let mut bytes = Vec::new();
        assert_eq!(HEADER.write(&ids, &extensions, &mut bytes), 20);
        assert_eq!(bytes[12..], [0xbe, 0xde, 0, 1, 0x22, 1, 2, 3]);
    }
}
