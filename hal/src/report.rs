//! What was found, what is used, and why: the contents of `alcove devices`.

use std::fmt;

use serde::Serialize;

use crate::codec::Probe;

/// The kinds of devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceClass {
    /// Takes pictures.
    Camera,
    /// Takes sound.
    Microphone,
    /// Gives sound.
    Speaker,
    /// Shows pictures.
    Display,
}

impl DeviceClass {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Microphone => "microphone",
            Self::Speaker => "loudspeaker",
            Self::Display => "display",
        }
    }
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceReport {
    /// What it is.
    pub class: DeviceClass,
    /// Its name.
    pub name: String,
    /// Whether it is the one that is used.
    pub chosen: bool,
    /// Whether it stands in for hardware.
    pub simulated: bool,
    /// Why it is used, or not.
    pub reason: String,
}

/// Everything that was found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The devices, those that are used first within their class.
    pub devices: Vec<DeviceReport>,
    /// The encoders that were tried, best first.
    pub encoders: Vec<Probe>,
    /// What people should know besides: devices that cannot be used, and why.
    pub notes: Vec<String>,
    /// How long GStreamer took to start, in milliseconds; seconds when it had to look at its plug-ins anew.
    pub media_start_ms: f64,
    /// How long trying the encoders took, in milliseconds.
    pub probing_ms: f64,
}

impl Report {
    /// The report for people: a line per device and encoder.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.to_string()
    }

    /// Whether hardware of that class is simulated.
    #[must_use]
    pub fn is_simulated(&self, class: DeviceClass) -> bool {
        self.devices.iter().any(|device| device.class == class && device.chosen && device.simulated)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "Devices (* is used)")?;
        for device in &self.devices {
            let mark = if device.chosen { '*' } else { ' ' };
            writeln!(out, "{mark} {:<12} {:<40} {}", device.class.word(), device.name, device.reason)?;
        }
        writeln!(out, "Encoders, best first (ms per small frame, or why not)")?;
        let mut used = Vec::new();
        for probe in &self.encoders {
            let works = probe.outcome.is_ok();
            let encodes = works && !probe.pass_through && !used.contains(&probe.codec);
            used.extend(encodes.then_some(probe.codec));
            let mark = if encodes || works && probe.pass_through { '*' } else { ' ' };
            let kind = if probe.hardware { "hardware" } else { "software" };
            write!(out, "{mark} {:<12} {:<31} {kind} ", format!("{:?}", probe.codec), probe.name)?;
            match &probe.outcome {
                Ok(ms) if probe.pass_through => {
                    writeln!(out, "sent as it is in the top layer; decoded in {ms:.1} ms for all else")?;
                }
                Ok(ms) => writeln!(out, "{ms:.1} ms")?,
                Err(reason) => writeln!(out, "{reason}")?,
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(out, "Note: {note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Codec;

    fn probe(name: &str, pass_through: bool, outcome: Result<f64, &str>) -> Probe {
        let outcome = outcome.map_err(str::to_owned);
        Probe { name: name.to_owned(), codec: Codec::H264, hardware: pass_through, pass_through, outcome }
    }

    fn lines(encoders: Vec<Probe>) -> Vec<String> {
        let (devices, notes) = (Vec::new(), Vec::new());
        let report = Report { devices, encoders, notes, media_start_ms: 0.0, probing_ms: 0.0 };
        report.to_text().lines().skip(2).map(str::to_owned).collect()
    }

    #[test]
    fn a_camera_whose_h264_is_sent_is_used_beside_the_encoder_of_the_other_layers() {
        let shown = lines(vec![
            probe("H.264 of Eye", true, Ok(3.04)),
            probe("x264enc", false, Ok(1.5)),
            probe("openh264enc", false, Ok(2.5)),
        ]);
        assert!(shown[0].starts_with("* H264") && shown[0].contains("H.264 of Eye"), "{shown:?}");
        assert!(shown[0].ends_with("sent as it is in the top layer; decoded in 3.0 ms for all else"));
        assert!(shown[1].starts_with("* H264") && shown[1].ends_with("software 1.5 ms"), "{shown:?}");
        assert!(shown[2].starts_with("  H264"), "{shown:?}");
    }

    #[test]
    fn a_camera_whose_h264_cannot_be_sent_says_why() {
        let shown =
            lines(vec![probe("H.264 of Eye", true, Err("it is too old")), probe("x264enc", false, Ok(1.5))]);
        assert!(shown[0].starts_with("  H264") && shown[0].ends_with("it is too old"), "{shown:?}");
        assert!(shown[1].starts_with("* H264"), "{shown:?}");
    }
}
