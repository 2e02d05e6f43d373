//! Which of a camera's modes is taken: the nearest size, fast enough, in the format that spares most work.

use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::{FrameSizeEnum, Stepwise};
use v4l::video::Capture;
use v4l::{Device, FourCC};

use super::pixels::RawFormat;
use crate::camera::VideoMode;

/// How a camera hands over its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Pixels.
    Raw(RawFormat),
    /// JPEG, a picture at a time.
    Jpeg,
    /// H.264, an access unit at a time.
    H264,
}

/// What is understood, the cheapest first. H.264 is decoded like JPEG, but need not be encoded again: that is
/// the most expensive thing that happens to a picture.
const CODINGS: [(&[u8; 4], Coding); 7] = [
    (b"H264", Coding::H264),
    (b"YU12", Coding::Raw(RawFormat::I420)),
    (b"NV12", Coding::Raw(RawFormat::Nv12)),
    (b"YUYV", Coding::Raw(RawFormat::Yuyv)),
    (b"YUY2", Coding::Raw(RawFormat::Yuyv)),
    (b"MJPG", Coding::Jpeg),
    (b"JPEG", Coding::Jpeg),
];

/// A mode that a camera offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offer {
    /// The format, as the kernel names it.
    pub(super) fourcc: [u8; 4],
    /// The same, as it is to be read.
    pub(super) coding: Coding,
    /// Its place in the list of formats, the cheapest first.
    rank: usize,
    /// Size and rate.
    pub(super) mode: VideoMode,
}

/// Widths and heights of pictures that are taken from a camera.
const EXTENTS: std::ops::RangeInclusive<u32> = 16..=8192;

impl Offer {
    /// How what the camera has set itself to is to be read: it may set something else than it was asked for
    /// (`VIDIOC_S_FMT`), and some set what they have never offered. Else the reason why it cannot be.
    pub(super) fn granted(&self, fourcc: [u8; 4], (width, height): (u32, u32)) -> Result<Coding, String> {
        let told = |fourcc: [u8; 4]| String::from_utf8_lossy(&fourcc).into_owned();
        let is_h264 = |coding: &Coding| *coding == Coding::H264;
        if !EXTENTS.contains(&width) || !EXTENTS.contains(&height) {
            return Err(format!("it sets itself to pictures of {width}x{height}"));
        }
        let coding = coding(fourcc).filter(|coding| is_h264(coding) == is_h264(&self.coding));
        coding.ok_or_else(|| format!("it offers {} and sets itself to {}", told(self.fourcc), told(fourcc)))
    }
}

/// How a format is to be read; nothing when it is not understood.
pub(super) fn coding(fourcc: [u8; 4]) -> Option<Coding> {
    CODINGS.iter().find(|(known, _)| **known == fourcc).map(|(_, coding)| *coding)
}

/// Whether pictures in that format can be read from any camera and in any mode.
pub(super) fn is_always_readable(fourcc: [u8; 4]) -> bool {
    coding(fourcc).is_some_and(|coding| coding != Coding::H264)
}

/// What `device` offers near `wanted`.
pub(super) fn offers(device: &Device, wanted: VideoMode) -> Vec<Offer> {
    let formats = device.enum_formats().unwrap_or_default();
    let known = CODINGS
        .iter()
        .enumerate()
        .filter(|(_, (fourcc, _))| formats.iter().any(|format| format.fourcc.repr == **fourcc));
    known.flat_map(|(rank, (fourcc, coding))| offers_in(device, rank, **fourcc, *coding, wanted)).collect()
}

fn offers_in(device: &Device, rank: usize, fourcc: [u8; 4], coding: Coding, wanted: VideoMode) -> Vec<Offer> {
    let code = FourCC::new(&fourcc);
    let sizes = device.enum_framesizes(code).unwrap_or_default();
    let sizes = sizes.into_iter().map(|size| match size.size {
        FrameSizeEnum::Discrete(size) => (size.width, size.height),
        FrameSizeEnum::Stepwise(range) => nearest_step(&range, wanted),
    });
    // Inputs for signals from elsewhere list no sizes: theirs is that of the signal.
    let current = || device.format().map(|format| (format.width, format.height)).ok();
    let mut sizes: Vec<_> = sizes.collect();
    sizes.extend(sizes.is_empty().then(current).flatten());
    let even = sizes
        .into_iter()
        .filter(|(width, height)| width % 2 == 0 && height % 2 == 0 && *width > 0 && *height > 0);
    even.map(|(width, height)| {
        let mode = VideoMode { width, height, fps: rate(device, code, (width, height), wanted.fps) };
        Offer { fourcc, coding, rank, mode }
    })
    .collect()
}

fn nearest_step(range: &Stepwise, wanted: VideoMode) -> (u32, u32) {
    let nearest = |wanted: u32, min: u32, max: u32, step: u32| {
        let step = step.max(1);
        min + (wanted.clamp(min, max.max(min)) - min) / step * step
    };
    (
        nearest(wanted.width, range.min_width, range.max_width, range.step_width),
        nearest(wanted.height, range.min_height, range.max_height, range.step_height),
    )
}

/// The rate nearest to `wanted_fps`; that itself when the camera does not tell.
fn rate(device: &Device, fourcc: FourCC, (width, height): (u32, u32), wanted_fps: u32) -> u32 {
    let per_second = |fraction: &v4l::Fraction| fraction.denominator.div_ceil(fraction.numerator.max(1));
    let intervals = device.enum_frameintervals(fourcc, width, height).unwrap_or_default();
    let rates = intervals.iter().map(|interval| match &interval.interval {
        FrameIntervalEnum::Discrete(interval) => per_second(interval),
        FrameIntervalEnum::Stepwise(range) => {
            let (slowest, fastest) = (per_second(&range.max), per_second(&range.min));
            wanted_fps.clamp(slowest, fastest.max(slowest))
        }
    });
    rates.min_by_key(|rate| rate.abs_diff(wanted_fps)).unwrap_or(wanted_fps).max(1)
}

/// The offer to take: not slower than half of what is wanted if possible, then the nearest size, then the
/// nearest rate, then the cheapest format. H.264 is left to [`best_h264`].
pub(super) fn best(offers: &[Offer], wanted: VideoMode) -> Option<Offer> {
    offers
        .iter()
        .filter(|offer| offer.coding != Coding::H264)
        .min_by_key(|offer| distance(offer, wanted))
        .copied()
}

/// The H.264 to take: of exactly the size that is wanted, as it cannot be scaled, and no slower than what else
/// the camera has of that size.
pub(super) fn best_h264(offers: &[Offer], wanted: VideoMode) -> Option<Offer> {
    let is_that_size = |mode: VideoMode| (mode.width, mode.height) == (wanted.width, wanted.height);
    let nearest = offers.iter().min_by_key(|offer| distance(offer, wanted)).copied();
    nearest.filter(|offer| offer.coding == Coding::H264 && is_that_size(offer.mode))
}

fn distance(offer: &Offer, wanted: VideoMode) -> (bool, u32, u32, usize) {
    let mode = offer.mode;
    let too_slow = mode.fps * 2 < wanted.fps;
    let sides = mode.width.abs_diff(wanted.width) + mode.height.abs_diff(wanted.height);
    (too_slow, sides, mode.fps.abs_diff(wanted.fps), offer.rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: VideoMode = VideoMode { width: 1280, height: 720, fps: 30 };

    fn offer(rank: usize, width: u32, height: u32, fps: u32) -> Offer {
        let (fourcc, coding) = CODINGS[rank];
        Offer { fourcc: *fourcc, coding, rank, mode: VideoMode { width, height, fps } }
    }

    #[test]
    fn jpeg_is_taken_when_raw_pictures_of_that_size_are_too_slow() {
        let webcam = [offer(3, 640, 480, 30), offer(3, 1280, 720, 10), offer(5, 1280, 720, 30)];
        assert_eq!(best(&webcam, WANTED), Some(webcam[2]));
    }

    #[test]
    fn the_cheaper_format_is_taken_when_both_can() {
        let both = [offer(5, 1280, 720, 30), offer(1, 1280, 720, 30)];
        assert_eq!(best(&both, WANTED), Some(both[1]));
    }

    #[test]
    fn a_little_too_slow_is_better_than_far_too_small() {
        let pal = [offer(3, 320, 180, 50), offer(3, 1280, 720, 25)];
        assert_eq!(best(&pal, WANTED), Some(pal[1]));
    }

    #[test]
    fn what_is_not_understood_is_not_taken() {
        assert_eq!(coding(*b"HEVC"), None);
        assert_eq!((best(&[], WANTED), best_h264(&[], WANTED)), (None, None));
    }

    #[test]
    fn what_a_camera_sets_itself_to_counts_and_not_what_it_has_offered() {
        let (asked, h264) = (offer(2, 1280, 720, 30), offer(0, 1280, 720, 30));
        assert_eq!(asked.granted(*b"NV12", (1280, 720)), Ok(Coding::Raw(RawFormat::Nv12)));
        assert_eq!(asked.granted(*b"MJPG", (640, 480)), Ok(Coding::Jpeg));
        let refused = |offer: Offer, fourcc, size| offer.granted(fourcc, size).expect_err("refused");
        assert_eq!(refused(asked, *b"UYVY", (1280, 720)), "it offers NV12 and sets itself to UYVY");
        assert_eq!(refused(h264, *b"MJPG", (1280, 720)), "it offers H264 and sets itself to MJPG");
        assert_eq!(refused(asked, *b"H264", (1280, 720)), "it offers NV12 and sets itself to H264");
        assert_eq!(refused(asked, *b"NV12", (0, 0)), "it sets itself to pictures of 0x0");
        assert_eq!(refused(asked, *b"NV12", (1280, 65_535)), "it sets itself to pictures of 1280x65535");
    }

    #[test]
    fn h264_beats_all_else_of_the_size_and_rate_that_are_wanted() {
        let webcam = [offer(1, 1280, 720, 30), offer(0, 1280, 720, 30), offer(5, 1280, 720, 30)];
        assert_eq!(best_h264(&webcam, WANTED), Some(webcam[1]));
        assert_eq!(best(&webcam, WANTED), Some(webcam[0]), "where it cannot be used");
    }

    #[test]
    fn h264_of_another_size_or_slower_than_the_rest_is_not_taken() {
        let large_only = [offer(0, 1920, 1080, 30), offer(5, 1280, 720, 30)];
        let slow = [offer(0, 1280, 720, 15), offer(5, 1280, 720, 30)];
        let alone = [offer(0, 640, 480, 30)];
        for offers in [&large_only[..], &slow, &alone] {
            assert_eq!(best_h264(offers, WANTED), None, "{offers:?}");
        }
    }

    #[test]
    fn a_camera_is_never_in_need_of_its_h264() {
        assert!(is_always_readable(*b"MJPG") && !is_always_readable(*b"H264"));
    }

    #[test]
    fn a_range_of_sizes_is_met_at_the_nearest_step() {
        let range = Stepwise {
            min_width: 32,
            max_width: 1920,
            step_width: 16,
            min_height: 32,
            max_height: 480,
            step_height: 8,
        };
        assert_eq!(nearest_step(&range, WANTED), (1280, 480));
        let odd = Stepwise { step_width: 0, step_height: 0, ..range };
        assert_eq!(nearest_step(&odd, VideoMode { width: 1, height: 1, fps: 1 }), (32, 32));
    }
}
