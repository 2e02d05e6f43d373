//! The configuration of the running appliance: its files, what came over the network, and who wants to hear of changes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::conditions::Finding;
use super::files::{self, Readers};
use crate::config::change::{self, Change, Outcome, Refused};
use crate::config::kept::{Kept, Revision, Unconfirmed, When};
use crate::config::layers::Layers;
use crate::config::{Applies, Config, Key};

/// The file in the state directory.
pub const FILE: &str = "config.json";

/// How it stands with the configuration.
#[derive(Debug, Clone)]
pub struct State {
    /// Counts changes.
    pub generation: u64,
    /// The generation that is in effect.
    pub observed: u64,
    /// What is wanted.
    pub config: Arc<Config>,
    /// When what needs a start anew gets it, while something does.
    pub when: Option<When>,
    /// How long the last change waits to be confirmed once it is in effect, in seconds.
    pub unconfirmed_s: Option<u32>,
    /// Why the last change was taken back, if it was.
    pub taken_back: Option<String>,
}

impl State {
    /// Whether what is wanted is in effect.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let (wanted, observed) = (self.generation, self.observed);
        match (&self.taken_back, wanted == observed, self.when) {
            (Some(why), true, _) => Finding::no("TakenBack", format!("{why}; what was before is in effect")),
            (_, true, _) => match self.unconfirmed_s {
                None => Finding::yes("Applied", format!("generation {wanted} is in effect")),
                Some(seconds) => Finding::yes(
                    "Unconfirmed",
                    format!(
                        "generation {wanted} is in effect, and is taken back unless it is confirmed within {seconds} s"
                    ),
                ),
            },
            (_, false, Some(when)) => Finding::no(
                "Waiting",
                format!(
                    "generation {wanted} needs a restart of the daemon, and waits for it ({when:?}); {observed} is in effect"
                ),
            ),
            (_, false, None) => {
                Finding::no("Applying", format!("generation {wanted} is being put into effect"))
            }
        }
    }
}

/// What a change is made with.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// When it takes effect, if it disturbs.
    pub when: Option<When>,
    /// It undoes itself unless it is confirmed in so many seconds.
    pub confirm_within_s: Option<u32>,
    /// The ETag that the change was thought up for.
    pub etag: Option<String>,
}

/// Why a change is not made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else has made one in the meantime.
    #[error(
        "the configuration has changed since {0} was read; read it again, and say again what is still to be changed"
    )]
    Stale(String),
    /// What was asked does not fit.
    #[error("{0}")]
    Refused(Refused),
    /// There is no such revision any more.
    #[error("revision {0} is not kept; the list of revisions says which are")]
    NoSuchRevision(u64),
    /// There is nothing to be confirmed, or something else.
    #[error("generation {0} does not wait to be confirmed")]
    NotWaiting(u64),
    /// It could not be written down.
    #[error(transparent)]
    File(#[from] files::Error),
}

/// The configuration; shared by everybody who reads or changes it.
pub struct Configuration {
    path: PathBuf,
    files: Layers,
    inner: Mutex<Inner>,
    told: watch::Sender<State>,
}

struct Inner {
    kept: Kept,
    layers: Layers,
    config: Arc<Config>,
    observed: u64,
    taken_back: Option<String>,
}

impl Inner {
    fn state(&self) -> State {
        State {
            generation: self.kept.generation,
            observed: self.observed,
            config: Arc::clone(&self.config),
            when: self.kept.when,
            unconfirmed_s: self.kept.unconfirmed.map(|unconfirmed| unconfirmed.within_s),
            taken_back: self.taken_back.clone(),
        }
    }
}

impl Configuration {
    /// What the files say, and over it what is kept in the state directory; and what of it cannot be used, in a
    /// sentence. What is kept and does not fit is left as it is until somebody changes it, and the files alone hold.
    #[must_use]
    pub fn open(state: &Path, files: Layers) -> (Self, Option<String>) {
        let path = state.join(FILE);
        let (kept, trouble) = match read(&path) {
            Ok(kept) => (kept, None),
            Err(trouble) => (Kept::default(), Some(trouble)),
        };
        let mut layers = kept.over(&files);
        let (config, fault) = match layers.config() {
            Ok(config) => (config, None),
            Err(fault) => {
                layers = files.clone();
                let trouble = format!(
                    "what was configured over the network does not fit: {}: {}. It is not used until that is mended.",
                    fault.key, fault.cause
                );
                (files.config().unwrap_or_default(), Some(trouble))
            }
        };
        let inner = Inner { kept, layers, config: Arc::new(config), observed: 0, taken_back: None };
        let (told, _) = watch::channel(inner.state());
        (Self { path, files, inner: Mutex::new(inner), told }, trouble.or(fault))
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.inner().state()
    }

    /// Tells of every change of it.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<State> {
        self.told.subscribe()
    }

    /// Who says what.
    #[must_use]
    pub fn layers(&self) -> Layers {
        self.inner().layers.clone()
    }

    /// The last revisions, the last one last.
    #[must_use]
    pub fn revisions(&self) -> Vec<Revision> {
        self.inner().kept.revisions.iter().cloned().collect()
    }

    /// What a change would do.
    ///
    /// # Errors
    /// [`Error::Stale`] and [`Error::Refused`].
    pub fn try_out(&self, asked: &Change, terms: &Terms) -> Result<Outcome, Error> {
        let inner = self.inner();
        fresh(&inner, terms)?;
        change::change(&inner.layers, asked).map_err(Error::Refused)
    }

    /// Makes a change; it is on the disk when this returns. The generation that it makes, the present one where
    /// nothing is said that was not said before.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn make(&self, asked: &Change, terms: &Terms) -> Result<(u64, Outcome), Error> {
        let mut inner = self.inner();
        fresh(&inner, terms)?;
        let outcome = change::change(&inner.layers, asked).map_err(Error::Refused)?;
        if outcome.layers == inner.layers {
            return Ok((inner.kept.generation, outcome));
        }
        let author = (asked.by.as_str(), "");
        self.put(
            &mut inner,
            (outcome.layers.clone(), outcome.config.clone()),
            author,
            asked.at_unix_ms,
            terms,
        )?;
        Ok((inner.kept.generation, outcome))
    }

    /// Makes the layers what they were in a revision. The new generation.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn roll_back(&self, to: u64, by: &str, at_unix_ms: u64, terms: &Terms) -> Result<u64, Error> {
        let mut inner = self.inner();
        fresh(&inner, terms)?;
        self.go_back(&mut inner, to, (by, &format!("back to revision {to}")), at_unix_ms, terms)?;
        Ok(inner.kept.generation)
    }

    /// The last change was seen to leave the appliance within reach.
    ///
    /// # Errors
    /// When that generation does not wait for it.
    pub fn confirm(&self, generation: u64) -> Result<(), Error> {
        let mut inner = self.inner();
        if inner.kept.generation != generation || inner.kept.unconfirmed.is_none() {
            return Err(Error::NotWaiting(generation));
        }
        let kept = Kept { unconfirmed: None, ..inner.kept.clone() };
        self.keep(&mut inner, kept)
    }

    /// Takes the last change back, if it is still the one of that generation and nobody has confirmed it.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn take_back(&self, generation: u64, cause: &str, at_unix_ms: u64) -> Result<(), Error> {
        let mut inner = self.inner();
        let unconfirmed = inner.kept.unconfirmed.filter(|_| inner.kept.generation == generation);
        let Some(Unconfirmed { before, .. }) = unconfirmed else { return Ok(()) };
        self.take_back_to(&mut inner, before, cause, at_unix_ms)
    }

    /// A start begins. When the one before it began with a change and never ended, the change is taken back first.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn begin(&self, at_unix_ms: u64) -> Result<Arc<Config>, Error> {
        let mut inner = self.inner();
        let generation = inner.kept.generation;
        if inner.kept.proven == generation {
            return Ok(Arc::clone(&inner.config));
        }
        if inner.kept.trying == Some(generation) {
            let before = inner.kept.proven;
            let cause = "the appliance ended before it was ready with it";
            self.take_back_to(&mut inner, before, cause, at_unix_ms)?;
        }
        let kept = Kept { trying: Some(inner.kept.generation), when: None, ..inner.kept.clone() };
        self.keep(&mut inner, kept)?;
        Ok(Arc::clone(&inner.config))
    }

    /// A start has failed. Whether there is a configuration to go back to, with which another may be made.
    pub fn failed(&self, cause: &str, at_unix_ms: u64) -> bool {
        let mut inner = self.inner();
        let before = inner.kept.proven;
        if before == inner.kept.generation {
            return false;
        }
        match self.take_back_to(&mut inner, before, cause, at_unix_ms) {
            // What was good before is worth a start; if that fails, too, there is nothing more to try.
            Ok(()) => {
                inner.kept.proven = inner.kept.generation;
                true
            }
            Err(error) => {
                log::warn!("the configuration stays as it is: {error}");
                false
            }
        }
    }

    /// What was wanted as that generation is in effect.
    pub fn observe(&self, generation: u64) {
        let mut inner = self.inner();
        let kept = &inner.kept;
        if inner.observed == generation && kept.proven == generation && kept.when.is_none() {
            return;
        }
        inner.observed = generation;
        if inner.kept.generation == generation {
            let kept = Kept { proven: generation, trying: None, when: None, ..inner.kept.clone() };
            if let Err(error) = self.keep(&mut inner, kept) {
                log::warn!("{error}");
            }
        }
        self.told.send_replace(inner.state());
    }

    fn take_back_to(&self, inner: &mut Inner, to: u64, cause: &str, at_unix_ms: u64) -> Result<(), Error> {
        let generation = inner.kept.generation;
        let terms = Terms { when: Some(When::Now), ..Terms::default() };
        // The one before may be older than what is kept: then the files alone hold.
        let to = if inner.kept.as_of(to, &self.files).is_some() { to } else { 0 };
        self.go_back(
            inner,
            to,
            ("alcove", &format!("generation {generation} taken back: {cause}")),
            at_unix_ms,
            &terms,
        )?;
        log::warn!("generation {generation} of the configuration was taken back: {cause}");
        inner.taken_back = Some(format!("generation {generation} was taken back: {cause}"));
        self.told.send_replace(inner.state());
        Ok(())
    }

    fn go_back(
        &self,
        inner: &mut Inner,
        to: u64,
        author: (&str, &str),
        at_unix_ms: u64,
        terms: &Terms,
    ) -> Result<(), Error> {
        let layers = inner.kept.as_of(to, &self.files).ok_or(Error::NoSuchRevision(to))?;
        let config = layers.config().map_err(|fault| {
            let key = fault.key.to_owned();
            Error::Refused(Refused { key, is_forbidden: false, cause: fault.cause })
        })?;
        self.put(inner, (layers, config), author, at_unix_ms, terms)
    }

    fn put(
        &self,
        inner: &mut Inner,
        (layers, config): (Layers, Config),
        author: (&str, &str),
        at_unix_ms: u64,
        terms: &Terms,
    ) -> Result<(), Error> {
        let mut kept = inner.kept.clone();
        let before = kept.generation;
        let differences = change::differences(&inner.config, &config);
        let disturbs = change::applies(&differences) > Applies::Live;
        let was_proven = kept.proven == before;
        kept.add(&layers, author, at_unix_ms);
        if was_proven && !disturbs {
            // What changes in life cannot keep the appliance from starting.
            kept.proven = kept.generation;
        }
        let when = disturbs.then(|| terms.when.unwrap_or(When::Idle));
        kept.when = match (kept.when, when) {
            (Some(waiting), Some(when)) => Some(waiting.min(when)),
            (waiting, when) => waiting.or(when),
        };
        // A change on top of one that waits goes back to before both.
        let before = kept.unconfirmed.map_or(before, |unconfirmed| unconfirmed.before);
        kept.unconfirmed = terms.confirm_within_s.map(|within_s| Unconfirmed { before, within_s });
        self.write(&kept)?;
        *inner = Inner { kept, layers, config: Arc::new(config), observed: inner.observed, taken_back: None };
        self.told.send_replace(inner.state());
        Ok(())
    }

    fn keep(&self, inner: &mut Inner, kept: Kept) -> Result<(), Error> {
        if kept != inner.kept {
            self.write(&kept)?;
            inner.kept = kept;
        }
        self.told.send_replace(inner.state());
        Ok(())
    }

    fn write(&self, kept: &Kept) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(kept).expect("texts and numbers are JSON");
        Ok(files::write(&self.path, &(text + "\n"), Readers::OwnerAlone)?)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing in it is changed before it is written, and then as a whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what is kept; a file that cannot be used is told, and stays until something new is kept.
fn read(path: &Path) -> Result<Kept, String> {
    let told = |cause: String| {
        format!("{}: {cause}. What was configured over the network is not used.", path.display())
    };
    match files::read(path) {
        Ok(None) => Ok(Kept::default()),
        Ok(Some(text)) => serde_json::from_str(&text).map_err(|error| told(error.to_string())),
        Err(error) => Err(told(error.to_string())),
    }
}

fn fresh(inner: &Inner, terms: &Terms) -> Result<(), Error> {
    match &terms.etag {
        Some(etag) if *etag != etag_of(&inner.state()) => Err(Error::Stale(etag.clone())),
        _ => Ok(()),
    }
}

/// The entity tag (RFC 9110, 8.8.3) of a state: another one for every generation, and after every change of a file.
#[must_use]
pub fn etag_of(state: &State) -> String {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    crate::config::show(&state.config).hash(&mut hasher);
    format!("\"{}-{:016x}\"", state.generation, hasher.finish())
}

/// The keys whose wrong values can cut off whoever sets them.
#[must_use]
pub fn guarded(outcome: &Outcome) -> Vec<&'static Key> {
    outcome.differences.iter().map(|difference| difference.key).filter(|key| key.is_guarded).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::layers::Layer;

    const AT: u64 = 1_800_000_000_000;

    fn open(folder: &Path) -> Configuration {
        let (configuration, trouble) = Configuration::open(folder, Layers::default());
        assert_eq!(trouble, None);
        configuration
    }

    fn asked(body: Value) -> Change {
        Change { layer: Layer::Local, by: "Ann".to_owned(), at_unix_ms: AT, body, is_whole: false }
    }

    fn name(configuration: &Configuration) -> String {
        configuration.state().config.room.name.clone()
    }

    fn rename(configuration: &Configuration, name: &str, terms: &Terms) -> u64 {
        configuration.make(&asked(json!({"room": {"name": name}})), terms).unwrap().0
    }

    /// A start that ends well.
    fn started(configuration: &Configuration) {
        configuration.begin(AT).unwrap();
        configuration.observe(configuration.state().generation);
    }

    #[test]
    fn a_change_is_there_after_a_cut_and_waits_for_the_moment_that_was_said() {
        let folder = tempfile::tempdir().unwrap();
        let configuration = open(folder.path());
        started(&configuration);
        assert_eq!(rename(&configuration, "Den", &Terms::default()), 1);
        assert_eq!(configuration.state().when, Some(When::Idle), "it disturbs");
        let eager = Terms { when: Some(When::Now), ..Terms::default() };
        assert_eq!(rename(&configuration, "Attic", &eager), 2);
        assert_eq!((configuration.state().when, configuration.state().observed), (Some(When::Now), 0));
        // What an interrupted write leaves behind is not looked at.
        std::fs::write(folder.path().join("config.json.new"), "{\"gener").unwrap();
        let again = open(folder.path());
        assert_eq!((name(&again).as_str(), again.state().generation), ("Attic", 2));
        started(&again);
        assert_eq!((again.state().observed, again.state().when), (2, None));
    }

    #[test]
    fn whoever_has_not_seen_the_last_change_makes_none() {
        let folder = tempfile::tempdir().unwrap();
        let configuration = open(folder.path());
        let etag = Some(etag_of(&configuration.state()));
        let terms = Terms { etag, ..Terms::default() };
        assert_eq!(rename(&configuration, "Den", &terms), 1);
        let late = configuration.make(&asked(json!({"room": {"name": "Attic"}})), &terms);
        assert!(matches!(late, Err(Error::Stale(_))), "{late:?}");
        assert_eq!((name(&configuration).as_str(), configuration.state().generation), ("Den", 1));
    }

    #[test]
    fn saying_the_same_again_makes_no_generation() {
        let folder = tempfile::tempdir().unwrap();
        let configuration = open(folder.path());
        assert_eq!(rename(&configuration, "Den", &Terms::default()), 1);
        assert_eq!(rename(&configuration, "Den", &Terms::default()), 1);
        assert_eq!(configuration.revisions().len(), 1);
    }

    #[test]
    fn what_nobody_confirms_is_taken_back_and_what_is_confirmed_stays() {
        let folder = tempfile::tempdir().unwrap();
        let configuration = open(folder.path());
        started(&configuration);
        let terms = Terms { confirm_within_s: Some(5), ..Terms::default() };
        let first = rename(&configuration, "Den", &terms);
        let second = rename(&configuration, "Attic", &terms);
        configuration.take_back(first, "too late", AT).unwrap();
        assert_eq!(name(&configuration), "Attic", "it is not the last one any more");
        configuration.take_back(second, "nobody came", AT).unwrap();
        assert_eq!((name(&configuration).as_str(), configuration.state().unconfirmed_s), ("room", None));
        assert!(configuration.state().taken_back.unwrap().contains("nobody came"));
        let third = rename(&configuration, "Cellar", &terms);
        assert!(matches!(configuration.confirm(second), Err(Error::NotWaiting(_))));
        configuration.confirm(third).unwrap();
        configuration.take_back(third, "too late", AT).unwrap();
        assert_eq!(name(&configuration), "Cellar");
        assert_eq!(name(&open(folder.path())), "Cellar");
    }

    #[test]
    fn a_change_that_the_appliance_does_not_start_with_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let configuration = open(folder.path());
        started(&configuration);
        rename(&configuration, "Den", &Terms::default());
        assert_eq!(configuration.begin(AT).unwrap().room.name, "Den");
        assert!(configuration.failed("the port is in use", AT), "there is something to go back to");
        assert_eq!(configuration.begin(AT).unwrap().room.name, "room");
        assert!(!configuration.failed("the port is in use", AT), "there is nothing left to try");

        rename(&configuration, "Attic", &Terms::default());
        configuration.begin(AT).unwrap();
        let after_a_crash = open(folder.path());
        assert_eq!(after_a_crash.begin(AT).unwrap().room.name, "room");
        assert!(after_a_crash.state().taken_back.unwrap().contains("before it was ready"));
    }

    #[test]
    fn revisions_are_gone_back_to() {
        let folder = tempfile::tempdir().unwrap();
        let configuration = open(folder.path());
        rename(&configuration, "Den", &Terms::default());
        rename(&configuration, "Attic", &Terms::default());
        assert_eq!(configuration.roll_back(1, "Bob", AT, &Terms::default()).unwrap(), 3);
        assert_eq!(name(&configuration), "Den");
        assert_eq!(configuration.roll_back(0, "Bob", AT, &Terms::default()).unwrap(), 4);
        assert_eq!(name(&configuration), "room");
        assert!(matches!(
            configuration.roll_back(9, "Bob", AT, &Terms::default()),
            Err(Error::NoSuchRevision(9))
        ));
    }

    #[test]
    fn a_spoilt_file_and_one_that_no_longer_fits_are_told_and_the_room_opens() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        let (configuration, trouble) = Configuration::open(folder.path(), Layers::default());
        assert!(trouble.unwrap().contains("config.json"));
        assert_eq!(*configuration.state().config, Config::default());

        let turn = json!({"turn": {"server": "turn:a", "username": "u", "password": "p"}});
        configuration.make(&asked(turn), &Terms::default()).unwrap();
        let text = "turn.password_file = \"/p\"\nturn.server = \"turn:a\"\nturn.username = \"u\"";
        let files = crate::config::layers::Document::of_file(&toml::from_str(text).unwrap(), "a file", AT);
        let files = Layers::default().with(Layer::Site, files);
        let (configuration, trouble) = Configuration::open(folder.path(), files);
        assert!(trouble.unwrap().contains("turn.password"));
        assert!(configuration.state().config.turn.password.is_none());
    }
}
