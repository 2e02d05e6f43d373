//! When a certificate is to be had next: before its end, or when the authority says, and after failures ever later. No clock,
//! no network.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::failure::Failure;
use crate::system::certificates::View;
use crate::system::files::{self, Readers};

/// How soon is tried again when the authority was not reached, and when it has refused: authorities count refusals. Each
/// further time it is twice as long, up to the longest.
const AGAIN_AFTER: Duration = Duration::from_secs(30);
const AGAIN_AFTER_REFUSAL: Duration = Duration::from_mins(5);
const AGAIN_AFTER_MAX: Duration = Duration::from_hours(12);

/// A certificate is not replaced before this part of its life has passed, or a day, whatever clock and authority say; nor
/// later than when this part is left.
const LIFE_PART_MIN: u64 = 10;
const DAY_S: u64 = 86_400;

/// How often the authority is asked when it wants to be asked for the next certificate, at least and at most (RFC 9773,
/// 4.3.2), and how soon again when it does not answer.
const HINT_AGAIN_MIN: Duration = Duration::from_mins(1);
const HINT_AGAIN_MAX: Duration = Duration::from_hours(24);
pub(super) const HINT_AGAIN: Duration = Duration::from_hours(6);

/// What is remembered of the tries so far; kept, so that a box that starts again and again does not ask as often.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// How many tries have failed since the last one that did not.
    failures: u32,
    /// Nothing is tried before, in seconds since the Unix epoch.
    not_before_unix: u64,
    /// How long that is after the try that has set it: a clock that was set back does not make it longer.
    wait_s: u64,
    /// Why the last try has failed.
    pub(super) trouble: Option<String>,
    /// When the authority wants to be asked for the next one; found out anew after a start.
    hint: Option<Hint>,
}

/// What an authority says of one certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Hint {
    /// Which.
    fingerprint: String,
    /// When it wants to be asked for the next one, if it says so, in seconds since the Unix epoch.
    renewal_unix: Option<u64>,
    /// When it is asked again, likewise.
    again_unix: u64,
}

impl Plan {
    /// What is kept there of tries with those settings, told by their hash.
    pub(super) fn open(path: &Path, settings: &str) -> Self {
        let kept =
            files::read(path).ok().flatten().and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let Some(kept) = kept.filter(|kept| kept["settings"] == settings) else { return Self::default() };
        Self {
            failures: kept["failures"].as_u64().and_then(|count| count.try_into().ok()).unwrap_or(0),
            not_before_unix: kept["not_before_unix"].as_u64().unwrap_or(0),
            wait_s: kept["wait_s"].as_u64().unwrap_or(0),
            trouble: kept["trouble"].as_str().map(str::to_owned),
            hint: None,
        }
    }

    /// Keeps it there.
    pub(super) fn keep(&self, path: &Path, settings: &str) -> Result<(), files::Error> {
        let Self { failures, not_before_unix, wait_s, trouble, .. } = self;
        let kept = json!({
            "settings": settings, "failures": failures, "not_before_unix": not_before_unix, "wait_s": wait_s,
            "trouble": trouble,
        });
        files::write(path, &format!("{kept}\n"), Readers::OwnerAlone)
    }

    /// When one for those names is to be had next, in seconds since the Unix epoch; a time that has passed: now.
    pub(super) fn next_unix(&self, certificate: Option<&View>, names: &[String], now_unix: u64) -> u64 {
        let due = certificate.filter(|view| view.is_for(names)).map_or(0, |view| self.renewal_unix(view));
        let not_before = if self.not_before_unix > now_unix + self.wait_s { 0 } else { self.not_before_unix };
        due.max(not_before)
    }

    /// One was had.
    pub(super) fn succeeded(&mut self, view: &View, now_unix: u64) {
        let wait_s = (life_s(view) / LIFE_PART_MIN).min(DAY_S);
        *self = Self { not_before_unix: now_unix + wait_s, wait_s, ..Self::default() };
    }

    /// Whether the authority is to be asked when it wants to renew that one.
    pub(super) fn wants_hint(&self, view: &View, now_unix: u64) -> bool {
        let known = self.hint.as_ref().filter(|hint| hint.fingerprint == view.fingerprint);
        known.is_none_or(|hint| hint.again_unix <= now_unix)
    }

    /// The authority wants to renew that one in that window, if it has said so, and to be asked again after so long. `dice`
    /// (0 to 255) chooses the moment, so that not all come at once.
    pub(super) fn take_hint(
        &mut self,
        view: &View,
        window_unix: Option<(u64, u64)>,
        (again, now_unix): (Duration, u64),
        dice: u8,
    ) {
        let choose = |(from, to): (u64, u64)| from + to.saturating_sub(from) / 256 * u64::from(dice);
        let before = self.hint.take().filter(|hint| hint.fingerprint == view.fingerprint);
        // A moment that was chosen stays, as long as it lies in the window.
        let chosen = before.and_then(|hint| hint.renewal_unix);
        let renewal_unix = window_unix.map(|window| {
            chosen.filter(|at| (window.0..=window.1).contains(at)).unwrap_or_else(|| choose(window))
        });
        let again_unix = now_unix + again.clamp(HINT_AGAIN_MIN, HINT_AGAIN_MAX).as_secs();
        self.hint = Some(Hint { fingerprint: view.fingerprint.clone(), renewal_unix, again_unix });
    }

    /// When the authority says, and in time; else when a third of its life is left.
    fn renewal_unix(&self, view: &View) -> u64 {
        let hint = self.hint.as_ref().filter(|hint| hint.fingerprint == view.fingerprint);
        let last = view.until_unix - life_s(view) / LIFE_PART_MIN;
        match hint.and_then(|hint| hint.renewal_unix) {
            Some(at) => at.min(last),
            None => view.until_unix - life_s(view) / 3,
        }
    }

    /// None was had. `dice` (0 to 255) spreads boxes that have failed together over a quarter more.
    pub(super) fn failed(
        &mut self,
        failure: &Failure,
        leave_alone: Option<Duration>,
        now_unix: u64,
        dice: u8,
    ) {
        let first = if failure.is_refused { AGAIN_AFTER_REFUSAL } else { AGAIN_AFTER };
        let wait = (first * 2_u32.saturating_pow(self.failures.min(16))).min(AGAIN_AFTER_MAX);
        let wait = wait.max(leave_alone.unwrap_or_default());
        let wait = wait + wait / 4 * u32::from(dice) / 256;
        self.failures = self.failures.saturating_add(1);
        self.wait_s = wait.as_secs();
        self.not_before_unix = now_unix + self.wait_s;
        self.trouble = Some(failure.cause.clone());
    }
}

fn life_s(view: &View) -> u64 {
    view.until_unix.saturating_sub(view.from_unix)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;
    const DAY: u64 = 86_400;

    fn view(names: &[&str], from_unix: u64, days: u64) -> View {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let (issuer, fingerprint) = (String::new(), String::new());
        View { slot: None, names, issuer, from_unix, until_unix: from_unix + days * DAY, fingerprint }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_certificate_is_renewed_when_a_third_of_its_life_is_left() {
        let (plan, wanted) = (Plan::default(), names(&["Den.example.org"]));
        assert!(plan.next_unix(None, &wanted, NOW) <= NOW, "there is none: now");
        for days in [90, 6] {
            let had = view(&["den.example.org"], NOW, days);
            assert_eq!(plan.next_unix(Some(&had), &wanted, NOW), NOW + days * DAY * 2 / 3);
        }
        let of_others = view(&["attic.example.org"], NOW, 90);
        assert!(plan.next_unix(Some(&of_others), &wanted, NOW) <= NOW, "it is for other names: now");
    }

    #[test]
    fn after_a_new_one_nothing_is_tried_for_a_while_even_if_the_clock_is_wrong() {
        let mut plan = Plan::default();
        let old = view(&["a.example"], NOW - 89 * DAY, 90);
        plan.succeeded(&old, NOW);
        assert_eq!(plan.next_unix(Some(&old), &names(&["a.example"]), NOW), NOW + DAY);
    }

    #[test]
    fn the_authority_may_say_when_it_is_to_be_asked_for_the_next_one() {
        let (had, wanted) = (view(&["a.example"], NOW, 90), names(&["a.example"]));
        let mut plan = Plan::default();
        let mut told = |window: Option<(u64, u64)>, dice| {
            assert!(plan.wants_hint(&had, NOW + 8 * DAY));
            plan.take_hint(&had, window, (HINT_AGAIN, NOW), dice);
            assert!(!plan.wants_hint(&had, NOW + 5 * 3600) && plan.wants_hint(&had, NOW + 7 * 3600));
            plan.next_unix(Some(&had), &wanted, NOW)
        };
        let window = (NOW + 40 * DAY, NOW + 42 * DAY);
        assert_eq!(told(Some(window), 128), NOW + 41 * DAY);
        assert_eq!(told(Some(window), 3), NOW + 41 * DAY, "what was chosen stays");
        assert_eq!(told(Some((NOW - 2 * DAY, NOW - DAY)), 0), NOW - 2 * DAY, "at once");
        assert_eq!(told(Some((NOW + 99 * DAY, NOW + 100 * DAY)), 0), NOW + 81 * DAY, "never too late");
        assert_eq!(told(None, 0), NOW + 60 * DAY, "it does not say");
        let other = View { fingerprint: "another".to_owned(), ..had.clone() };
        assert!(plan.wants_hint(&other, NOW), "of the next one it says something else");
    }

    #[test]
    fn failures_are_tried_again_ever_later_and_refusals_later_still() {
        let wanted = names(&["a.example"]);
        let waits = |failure: &Failure| {
            let mut plan = Plan::default();
            let mut waits = Vec::new();
            for _ in 0..20 {
                plan.failed(failure, None, NOW, 0);
                waits.push(plan.next_unix(None, &wanted, NOW) - NOW);
            }
            waits
        };
        assert_eq!(waits(&Failure::here("away", "wait"))[..4], [30, 60, 120, 240]);
        let refused = waits(&Failure::there("no", "wait"));
        assert_eq!((&refused[..3], refused[19]), (&[300, 600, 1200][..], 12 * 3600));
        // Authorities allow some five failures an hour.
        assert!(
            refused
                .iter()
                .scan(0, |at, wait| {
                    *at += wait;
                    Some(*at)
                })
                .filter(|at| *at < 3600)
                .count()
                < 4
        );
    }

    #[test]
    fn an_authority_that_wants_to_be_left_alone_is_and_boxes_are_spread() {
        let failure = Failure::there("too many", "wait");
        let wait = |dice| {
            let mut plan = Plan::default();
            plan.failed(&failure, Some(Duration::from_hours(2)), NOW, dice);
            plan.next_unix(None, &[], NOW) - NOW
        };
        assert_eq!(wait(0), 7200);
        assert!((8900..=9000).contains(&wait(255)), "{}", wait(255));
    }

    #[test]
    fn what_failed_is_remembered_over_a_start_and_forgotten_with_other_settings() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acme.json");
        let mut plan = Plan::default();
        plan.failed(&Failure::there("no", "wait"), None, NOW, 0);
        plan.keep(&path, "as set").unwrap();
        assert_eq!(Plan::open(&path, "as set"), plan);
        assert_eq!(Plan::open(&path, "as corrected"), Plan::default());
        std::fs::write(&path, "nonsense").unwrap();
        assert_eq!(Plan::open(&path, "as set"), Plan::default());
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_make_the_wait_longer() {
        let mut plan = Plan::default();
        plan.failed(&Failure::there("no", "wait"), None, NOW + 3650 * DAY, 0);
        assert!(plan.next_unix(None, &[], NOW) <= NOW);
    }
}
