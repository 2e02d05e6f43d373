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
            let first = probe.outcome.is_ok() && !used.contains(&probe.codec);
            used.extend(first.then_some(probe.codec));
            let mark = if first { '*' } else { ' ' };
            let kind = if probe.hardware { "hardware" } else { "software" };
            write!(out, "{mark} {:<12} {:<31} {kind} ", format!("{:?}", probe.codec), probe.name)?;
            match &probe.outcome {
                Ok(ms) => writeln!(out, "{ms:.1} ms")?,
                Err(reason) => writeln!(out, "{reason}")?,
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(out, "Note: {note}"))
    }
}
