//! How the appliance is, thing by thing: true or not, since when, why, and what to do.
//!
//! One table drives `/readyz`, the status, the room's screen, metrics and alerts. Whoever looks at a thing makes a [`Finding`]; the table
//! remembers when it last changed and when it was last good.

use std::collections::BTreeMap;

/// What is looked at. The names are those of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// It takes commands and forwards media.
    Ready,
    /// What is configured is in effect.
    ConfigApplied,
    /// It has an address that others can reach: the configured one, where one is.
    NetworkOnline,
    /// Its clock follows a server of time.
    TimeSynced,
    /// Its certificate is good, and will be for a while.
    CertificateValid,
    /// The camera that is to be used is there.
    CameraReady,
    /// The microphone that is to be used is there.
    MicrophoneReady,
    /// The loudspeaker that is to be used is there.
    SpeakerReady,
    /// The display that is to be used is there.
    DisplayReady,
    /// A video encoder works.
    EncoderOk,
    /// Media is forwarded.
    SfuReady,
    /// What has to be kept is kept.
    StorageOk,
    /// A newer version waits to be put to use.
    UpdateAvailable,
    /// The room is in a meeting.
    InMeeting,
    /// Something is wrong that people will notice.
    Degraded,
}

impl Kind {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 15] = [
        Self::Ready,
        Self::ConfigApplied,
        Self::NetworkOnline,
        Self::TimeSynced,
        Self::CertificateValid,
        Self::CameraReady,
        Self::MicrophoneReady,
        Self::SpeakerReady,
        Self::DisplayReady,
        Self::EncoderOk,
        Self::SfuReady,
        Self::StorageOk,
        Self::UpdateAvailable,
        Self::InMeeting,
        Self::Degraded,
    ];

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::ConfigApplied => "ConfigApplied",
            Self::NetworkOnline => "NetworkOnline",
            Self::TimeSynced => "TimeSynced",
            Self::CertificateValid => "CertificateValid",
            Self::CameraReady => "CameraReady",
            Self::MicrophoneReady => "MicrophoneReady",
            Self::SpeakerReady => "SpeakerReady",
            Self::DisplayReady => "DisplayReady",
            Self::EncoderOk => "EncoderOk",
            Self::SfuReady => "SfuReady",
            Self::StorageOk => "StorageOk",
            Self::UpdateAvailable => "UpdateAvailable",
            Self::InMeeting => "InMeeting",
            Self::Degraded => "Degraded",
        }
    }

    /// Whether people are worse off while it is false.
    #[must_use]
    pub const fn is_needed(self) -> bool {
        !matches!(self, Self::Ready | Self::UpdateAvailable | Self::InMeeting | Self::Degraded)
    }

    /// Whether whoever stands before the screen is told: what they can mend, or have to know.
    const fn is_for_people(self) -> bool {
        matches!(
            self,
            Self::NetworkOnline
                | Self::CertificateValid
                | Self::CameraReady
                | Self::MicrophoneReady
                | Self::SpeakerReady
                | Self::EncoderOk
                | Self::SfuReady
                | Self::StorageOk
        )
    }
}

/// What is found of a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// True, false, or not known.
    pub status: Option<bool>,
    /// Why, in a word for programs.
    pub reason: &'static str,
    /// Why, in a sentence, and what to do next.
    pub message: String,
}

impl Finding {
    /// It is so.
    #[must_use]
    pub fn yes(reason: &'static str, message: impl Into<String>) -> Self {
        Self { status: Some(true), reason, message: message.into() }
    }

    /// It is not.
    #[must_use]
    pub fn no(reason: &'static str, message: impl Into<String>) -> Self {
        Self { status: Some(false), reason, message: message.into() }
    }

    /// Nobody knows.
    #[must_use]
    pub fn unknown(reason: &'static str, message: impl Into<String>) -> Self {
        Self { status: None, reason, message: message.into() }
    }
}

/// A thing with its past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Which.
    pub kind: Kind,
    /// What was found last.
    pub finding: Finding,
    /// Since when the status is that, in milliseconds since the Unix epoch.
    pub since_unix_ms: u64,
    /// When it was last true, in milliseconds since the Unix epoch, if it ever was.
    pub last_true_unix_ms: Option<u64>,
}

/// All things.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    table: BTreeMap<Kind, Condition>,
}

impl Conditions {
    /// Takes down what was found at that time.
    pub fn find(&mut self, kind: Kind, finding: Finding, at_unix_ms: u64) {
        let before = self.table.get(&kind);
        let is_same = before.is_some_and(|before| before.finding.status == finding.status);
        let since_unix_ms = before.filter(|_| is_same).map_or(at_unix_ms, |before| before.since_unix_ms);
        let was_true = before.filter(|before| before.finding.status == Some(true)).map(|_| at_unix_ms);
        let last_true_unix_ms = if finding.status == Some(true) {
            // While it lasts, it is known by `since`: a figure that ran on would be a change all the time.
            Some(since_unix_ms)
        } else {
            was_true.or_else(|| before.and_then(|before| before.last_true_unix_ms))
        };
        self.table.insert(kind, Condition { kind, finding, since_unix_ms, last_true_unix_ms });
    }

    /// Sums up: what is needed and missing degrades the appliance.
    pub fn sum_up(&mut self, at_unix_ms: u64) {
        let missing: Vec<&Condition> = self
            .table
            .values()
            .filter(|condition| condition.kind.is_needed() && condition.finding.status == Some(false))
            .collect();
        let degraded = match missing.first() {
            None => Finding::no("AllIsWell", "everything that is needed is there"),
            Some(first) => {
                let names: Vec<_> = missing.iter().map(|condition| condition.kind.as_str()).collect();
                Finding::yes(
                    first.finding.reason,
                    format!("not true: {}; each says what to do", names.join(", ")),
                )
            }
        };
        self.find(Kind::Degraded, degraded, at_unix_ms);
    }

    /// What the room's screen says is wrong, if anything is.
    #[must_use]
    pub fn for_the_screen(&self) -> Option<&str> {
        let is_wrong = |one: &&Condition| one.kind.is_for_people() && one.finding.status == Some(false);
        self.table.values().find(is_wrong).map(|one| one.finding.message.as_str())
    }

    /// One of them, once it was looked at.
    #[must_use]
    pub fn get(&self, kind: Kind) -> Option<&Condition> {
        self.table.get(&kind)
    }

    /// Those that were looked at, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Condition> {
        self.table.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_says_what_people_before_it_can_mend() {
        let mut table = Conditions::default();
        table.find(Kind::TimeSynced, Finding::no("NoServer", "the clock follows nobody"), 1);
        assert_eq!(table.for_the_screen(), None);
        table.find(Kind::SpeakerReady, Finding::no("Gone", "the loudspeaker is gone; plug it in"), 2);
        table.find(Kind::CameraReady, Finding::no("Gone", "the camera is gone; plug it in"), 3);
        assert_eq!(table.for_the_screen(), Some("the camera is gone; plug it in"));
        table.find(Kind::CameraReady, Finding::yes("InUse", "it delivers"), 4);
        assert_eq!(table.for_the_screen(), Some("the loudspeaker is gone; plug it in"));
    }

    #[test]
    fn a_condition_knows_since_when_and_when_it_was_last_good() {
        let mut table = Conditions::default();
        let camera = |table: &Conditions| {
            let condition = table.get(Kind::CameraReady).unwrap();
            (condition.finding.status, condition.since_unix_ms, condition.last_true_unix_ms)
        };
        table.find(Kind::CameraReady, Finding::unknown("NotTried", ""), 10);
        assert_eq!(camera(&table), (None, 10, None));
        table.find(Kind::CameraReady, Finding::yes("InUse", ""), 20);
        table.find(Kind::CameraReady, Finding::yes("Off", ""), 30);
        assert_eq!(camera(&table), (Some(true), 20, Some(20)), "another reason is no other status");
        table.find(Kind::CameraReady, Finding::no("Lost", ""), 40);
        table.find(Kind::CameraReady, Finding::no("Lost", ""), 50);
        assert_eq!(camera(&table), (Some(false), 40, Some(40)));
    }

    #[test]
    fn what_is_needed_and_missing_degrades_and_a_meeting_does_not() {
        let mut table = Conditions::default();
        let degraded = |table: &mut Conditions| {
            table.sum_up(1);
            let finding = table.get(Kind::Degraded).unwrap().finding.clone();
            (finding.status, finding.message)
        };
        table.find(Kind::InMeeting, Finding::no("NoMeeting", ""), 1);
        table.find(Kind::TimeSynced, Finding::unknown("NotTold", ""), 1);
        assert_eq!(degraded(&mut table).0, Some(false));
        table.find(Kind::SpeakerReady, Finding::no("Lost", ""), 1);
        let (status, message) = degraded(&mut table);
        assert!(status == Some(true) && message.contains("SpeakerReady"), "{message}");
    }

    #[test]
    fn names_are_as_in_the_api() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str(), format!("{kind:?}"));
        }
    }
}
