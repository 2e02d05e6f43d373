//! Which codecs the publishers of a meeting send: one for pages, which can be told, and one for everybody else.

use crate::track::VideoCodec;

/// The codecs of a meeting. Everybody who watches decodes both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Codecs {
    /// H.264 or VP8: what an answer puts first, and what whoever cannot be told otherwise sends.
    pub plain: VideoCodec,
    /// VP9 or AV1, where the meeting prefers it: what pages are told to send.
    pub scalable: Option<VideoCodec>,
}

impl Codecs {
    /// Those of a meeting with this preference, while everybody decodes everything.
    #[must_use]
    pub const fn preferring(preferred: VideoCodec) -> Self {
        match preferred {
            VideoCodec::H264 | VideoCodec::Vp8 => Self { plain: preferred, scalable: None },
            VideoCodec::Vp9 | VideoCodec::Av1 => Self { plain: VideoCodec::H264, scalable: Some(preferred) },
        }
    }

    /// Those of a meeting with this preference, where `decodes` tells whether everybody decodes a codec.
    pub(super) fn choose(preferred: VideoCodec, decodes: impl Fn(VideoCodec) -> bool) -> Self {
        let ideal = Self::preferring(preferred);
        let other = if ideal.plain == VideoCodec::H264 { VideoCodec::Vp8 } else { VideoCodec::H264 };
        let plain = if decodes(ideal.plain) || !decodes(other) { ideal.plain } else { other };
        Self { plain, scalable: ideal.scalable.filter(|codec| decodes(*codec)) }
    }

    /// What pages are told to send.
    #[must_use]
    pub fn of_pages(self) -> VideoCodec {
        self.scalable.unwrap_or(self.plain)
    }

    /// Those that suit two branches of a meeting with this preference.
    #[must_use]
    pub fn and(self, other: Self, preferred: VideoCodec) -> Self {
        let ideal = Self::preferring(preferred).plain;
        Self {
            plain: if self.plain == ideal { other.plain } else { self.plain },
            scalable: self.scalable.and(other.scalable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalable_codec_is_for_meetings_in_which_everybody_decodes_it() {
        let all = |_| true;
        assert_eq!(Codecs::choose(VideoCodec::Vp9, all).of_pages(), VideoCodec::Vp9);
        assert_eq!(Codecs::choose(VideoCodec::Vp9, all).plain, VideoCodec::H264);
        let basic = |codec: VideoCodec| !codec.is_scalable();
        assert_eq!(Codecs::choose(VideoCodec::Av1, basic).of_pages(), VideoCodec::H264);
        let free = |codec| codec != VideoCodec::H264 && codec != VideoCodec::Av1;
        assert_eq!(Codecs::choose(VideoCodec::Av1, free).of_pages(), VideoCodec::Vp8);
        assert_eq!(Codecs::choose(VideoCodec::Vp9, free).of_pages(), VideoCodec::Vp9);
        assert_eq!(Codecs::choose(VideoCodec::Vp9, free).plain, VideoCodec::Vp8);
    }

    #[test]
    fn without_a_common_codec_the_preferred_one_stays() {
        assert_eq!(Codecs::choose(VideoCodec::Vp8, |_| false), Codecs::preferring(VideoCodec::Vp8));
        assert_eq!(Codecs::choose(VideoCodec::H264, |_| false), Codecs::preferring(VideoCodec::H264));
    }

    #[test]
    fn branches_agree_on_what_suits_all_of_them() {
        let ideal = Codecs::preferring(VideoCodec::Vp9);
        let no_h264 = Codecs { plain: VideoCodec::Vp8, ..ideal };
        let no_vp9 = Codecs { scalable: None, ..ideal };
        for (one, two) in [(no_h264, no_vp9), (no_vp9, no_h264)] {
            let both = ideal.and(one, VideoCodec::Vp9).and(two, VideoCodec::Vp9);
            assert_eq!(both, Codecs { plain: VideoCodec::Vp8, scalable: None });
        }
    }
}
