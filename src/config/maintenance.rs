//! The hours in which the appliance may be disturbed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checks::Fault;

const DAY_MINUTES: u64 = 24 * 60;

/// When changes that wait for it take effect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Maintenance {
    /// From and to, in hours and minutes of UTC, such as `22:30-04:00`; always where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
}

impl Maintenance {
    /// Whether it is one of those hours, at that time since the Unix epoch.
    #[must_use]
    pub fn is_open(&self, unix_time: Duration) -> bool {
        let minute = unix_time.as_secs() / 60 % DAY_MINUTES;
        match self.window.as_deref().and_then(parse) {
            None => true,
            Some((from, to)) if from <= to => (from..to).contains(&minute),
            Some((from, to)) => minute >= from || minute < to,
        }
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        match &self.window {
            Some(window) if parse(window).is_none() => {
                let cause = "it is no window; give from and to in UTC, such as \"22:30-04:00\"".to_owned();
                Err(Fault { key: "maintenance.window", cause })
            }
            _ => Ok(()),
        }
    }
}

/// Both ends in minutes after midnight; none where they are the same.
fn parse(window: &str) -> Option<(u64, u64)> {
    let (from, to) = window.split_once('-')?;
    let (from, to) = (minute(from)?, minute(to)?);
    (from != to).then_some((from, to))
}

fn minute(text: &str) -> Option<u64> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, below: u64| {
        let is_number = text.len() == 2 && text.bytes().all(|letter| letter.is_ascii_digit());
        text.parse::<u64>().ok().filter(|number| is_number && *number < below)
    };
    Some(number(hour, 24)? * 60 + number(minute, 60)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(text: &str) -> Maintenance {
        Maintenance { window: Some(text.to_owned()) }
    }

    #[test]
    fn a_window_is_open_from_its_first_minute_to_before_its_last_over_midnight_too() {
        let at = |hour: u64, minute: u64| Duration::from_mins(3 * DAY_MINUTES + hour * 60 + minute);
        assert!(Maintenance::default().is_open(at(12, 0)), "without a window it is always open");
        let night = window("22:30-04:00");
        for (hour, minute, is_open) in
            [(22, 29, false), (22, 30, true), (0, 0, true), (3, 59, true), (4, 0, false)]
        {
            assert_eq!(night.is_open(at(hour, minute)), is_open, "{hour}:{minute}");
        }
        assert!(window("02:00-03:00").is_open(at(2, 0)) && !window("02:00-03:00").is_open(at(3, 0)));
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for wrong in ["", "2-4", "02:00", "02:00-24:00", "02:60-03:00", "02:00-02:00", "+2:00-03:00"] {
            assert_eq!(
                window(wrong).check().err().map(|fault| fault.key),
                Some("maintenance.window"),
                "{wrong}"
            );
        }
        assert!(window("22:30-04:00").check().is_ok());
    }
}
