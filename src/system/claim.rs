//! Whether somebody owns the appliance: nobody at first, and whoever reads the code off its screen becomes the owner.
//!
//! ```text
//!                      too many wrong codes: another one
//!                               ┌──────┐
//!   first start,             ┌──┴──────▼─┐  the code, or the admin token makes a token   ┌─────────┐
//!   factory reset ─────────▶ │ unclaimed │ ────────────────────────────────────────────▶ │ claimed │
//!                            └───────────┘                                               └─────────┘
//! ```
//!
//! One small file says which, so that a power cut leaves the one or the other.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::{constant_time, rand};
use tokio::sync::watch;

use super::api_tokens::{self, ApiRole, ApiToken, ApiTokens};
use super::files::{self, Readers};

/// So many wrong codes, and another one is on the screen: nobody narrows it down.
pub const WRONG_MAX: u32 = 30;

/// The most wrong codes in a minute, from all addresses together: to try half of all codes takes a year.
pub const WRONG_PER_MINUTE_MAX: u32 = 100;

const FILE: &str = "claim";
const CODE_DIGITS: usize = 8;
const CODES: u64 = 100_000_000;
const MINUTE: Duration = Duration::from_secs(60);

/// What the file begins with.
const UNCLAIMED: &str = "code ";
const CLAIMED: &str = "claimed ";

/// Why somebody does not become the owner.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else is.
    #[error("this appliance has an owner already; sign in with a token that the owner has made for you")]
    Claimed,
    /// It is another code.
    #[error("this is not the code on the room's screen; it may have changed, so read it again")]
    WrongCode,
    /// Too many have guessed.
    #[error("too many wrong codes came in the last minute; wait for a moment, then read the code again")]
    TooMany(Duration),
    /// The token could not be made.
    #[error(transparent)]
    Token(#[from] api_tokens::Error),
    /// It could not be written down.
    #[error(transparent)]
    File(#[from] files::Error),
}

/// Who wants to own it.
#[derive(Debug, Clone, Copy)]
pub struct Claimant<'a> {
    /// What stands in front of them, as they typed it.
    pub code: &'a str,
    /// The name of the token that they get.
    pub name: &'a str,
    /// By the clock that only goes forward.
    pub now: Instant,
    /// In seconds since the Unix epoch.
    pub now_unix: u64,
}

/// Whether it is claimed, and the code while it is not.
pub struct Claim {
    path: PathBuf,
    guesses: Mutex<Guesses>,
    /// Without its gap; none once it is claimed.
    code: watch::Sender<Option<String>>,
}

#[derive(Default)]
struct Guesses {
    /// Since the code is what it is.
    wrong: u32,
    /// When the minute began, and how many there were in it.
    minute: Option<(Instant, u32)>,
}

impl Claim {
    /// Reads the state directory. Where nothing is said yet, nobody owns the appliance, unless there are tokens.
    ///
    /// # Errors
    /// When the file cannot be read or written, or says something else: whose it is, is not guessed.
    pub fn open(state: &Path, has_tokens: bool, now_unix: u64) -> Result<Self, files::Error> {
        let path = state.join(FILE);
        let code = match files::read(&path)? {
            Some(text) => said(&path, &text)?,
            None if has_tokens => {
                write_claimed(&path, "a token that was there before", now_unix)?;
                None
            }
            None => Some(write_code(&path)?),
        };
        Ok(Self { path, guesses: Mutex::default(), code: watch::channel(code).0 })
    }

    /// The code of an appliance that may be running, for whoever may read its state directory.
    ///
    /// # Errors
    /// When it cannot be read, when there is none yet, and when somebody owns it.
    pub fn read_code(state: &Path) -> anyhow::Result<String> {
        let path = state.join(FILE);
        let Some(text) = files::read(&path)? else {
            let folder = state.display();
            anyhow::bail!(
                "there is no claim code in {folder}: has the appliance been started? (--state names its folder)"
            );
        };
        let code = said(&path, &text)?;
        code.map(|code| in_groups(&code)).ok_or_else(|| anyhow::Error::new(Error::Claimed))
    }

    /// Whether somebody owns it.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        self.code.borrow().is_none()
    }

    /// The code as it is shown, in two groups; none once it is claimed.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        self.code.borrow().as_deref().map(in_groups)
    }

    /// Tells when the code is another one, or when there is none any more.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Option<String>> {
        self.code.subscribe()
    }

    /// Makes whoever has the code the owner: there is one winner. The token is told this once.
    ///
    /// # Errors
    /// See [`Error`]. What could not be written down has not happened.
    pub fn claim(&self, claimant: Claimant<'_>, tokens: &ApiTokens) -> Result<(ApiToken, String), Error> {
        let Claimant { code, name, now, now_unix } = claimant;
        let mut guesses = self.guesses();
        let Some(right) = self.code.borrow().clone() else { return Err(Error::Claimed) };
        if let Some(wait) = guesses.wait(now) {
            return Err(Error::TooMany(wait));
        }
        if !is_same(&right, code) {
            guesses.add(now);
            if guesses.wrong >= WRONG_MAX {
                self.renew(&mut guesses)?;
            }
            return Err(Error::WrongCode);
        }
        let made = tokens.make(name, ApiRole::Owner, now_unix, None)?;
        if let Err(error) = write_claimed(&self.path, name, now_unix) {
            tokens.revoke(made.0.id)?;
            return Err(error.into());
        }
        self.code.send_replace(None);
        Ok(made)
    }

    /// Somebody has made a token in another way: whoever could is the owner.
    ///
    /// # Errors
    /// When that cannot be written down.
    pub fn settle(&self, name: &str, now_unix: u64) -> Result<(), files::Error> {
        let guesses = self.guesses();
        if !self.is_claimed() {
            write_claimed(&self.path, name, now_unix)?;
            self.code.send_replace(None);
        }
        drop(guesses);
        Ok(())
    }

    fn renew(&self, guesses: &mut Guesses) -> Result<(), files::Error> {
        self.code.send_replace(Some(write_code(&self.path)?));
        guesses.wrong = 0;
        log::warn!("{WRONG_MAX} wrong claim codes came: another one is on the room's screen");
        Ok(())
    }

    /// Held while the code or the file changes, too.
    fn guesses(&self) -> MutexGuard<'_, Guesses> {
        // Counts are as good after a panic as before.
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guesses {
    fn wait(&self, now: Instant) -> Option<Duration> {
        let (since, count) = self.minute?;
        let left = MINUTE.checked_sub(now.saturating_duration_since(since))?;
        (count >= WRONG_PER_MINUTE_MAX && !left.is_zero()).then_some(left)
    }

    fn add(&mut self, now: Instant) {
        self.wrong += 1;
        let (since, count) = self.minute.unwrap_or((now, 0));
        let is_over = now.saturating_duration_since(since) >= MINUTE;
        self.minute = Some(if is_over { (now, 1) } else { (since, count + 1) });
    }
}

/// What the file says: a code, or none.
fn said(path: &Path, text: &str) -> Result<Option<String>, files::Error> {
    let line = text.trim();
    if line.starts_with(CLAIMED) {
        return Ok(None);
    }
    let code = line.strip_prefix(UNCLAIMED).filter(|code| digits(code).as_deref() == Some(*code));
    code.map(|code| Some(code.to_owned())).ok_or_else(|| {
        let advice = "remove it to have the appliance claimed anew";
        files::Error::broken(path, "it says neither a code nor that it is claimed", advice)
    })
}

fn write_code(path: &Path) -> Result<String, files::Error> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).expect("the system has random numbers once it has started");
    let code = format!("{:0CODE_DIGITS$}", u64::from_le_bytes(bytes) % CODES);
    files::write(path, &format!("{UNCLAIMED}{code}\n"), Readers::OwnerAlone)?;
    Ok(code)
}

fn write_claimed(path: &Path, name: &str, now_unix: u64) -> Result<(), files::Error> {
    files::write(path, &format!("{CLAIMED}{now_unix} {name}\n"), Readers::OwnerAlone)
}

/// However it was typed.
fn is_same(right: &str, given: &str) -> bool {
    let Some(given) = digits(given) else { return false };
    constant_time::verify_slices_are_equal(right.as_bytes(), given.as_bytes()).is_ok()
}

/// The digits of a code, without gaps and dashes; none where it can be no code.
fn digits(text: &str) -> Option<String> {
    let letters = text.chars().take(4 * CODE_DIGITS).filter(|letter| !matches!(letter, ' ' | '-'));
    Some(letters.collect()).filter(|code: &String| {
        code.len() == CODE_DIGITS && code.bytes().all(|letter| letter.is_ascii_digit())
    })
}

fn in_groups(code: &str) -> String {
    format!("{} {}", &code[..CODE_DIGITS / 2], &code[CODE_DIGITS / 2..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use tempfile::TempDir;

    const NOW_UNIX: u64 = 1_800_000_000;

    struct Shop {
        folder: TempDir,
        claim: Claim,
        tokens: ApiTokens,
        now: Instant,
    }

    impl Shop {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let claim = Claim::open(folder.path(), false, NOW_UNIX).unwrap();
            let tokens = ApiTokens::open(folder.path()).unwrap();
            #[expect(clippy::disallowed_methods, reason = "an Instant to count from; nothing waits for it")]
            Self { folder, claim, tokens, now: Instant::now() }
        }

        fn with(&self, code: &str, now: Instant) -> Result<(ApiToken, String), Error> {
            self.claim.claim(Claimant { code, name: "Ann", now, now_unix: NOW_UNIX }, &self.tokens)
        }

        fn code(&self) -> String {
            self.claim.code().unwrap()
        }

        fn wrong(&self) -> &'static str {
            if self.code() == "0000 0000" { "1111 1111" } else { "0000 0000" }
        }
    }

    #[test]
    fn the_code_makes_an_owner_once_however_it_is_typed_and_over_a_restart() {
        let typed: [fn(&str) -> String; 3] =
            [str::to_owned, |code| code.replace(' ', ""), |code| code.replace(' ', " - ")];
        for typed in typed {
            let shop = Shop::new();
            let again = Claim::open(shop.folder.path(), false, NOW_UNIX).unwrap();
            assert_eq!(again.code(), shop.claim.code(), "it stays the same");
            let (token, secret) = shop.with(&typed(&shop.code()), shop.now).unwrap();
            assert_eq!((token.role, token.name.as_str()), (ApiRole::Owner, "Ann"));
            assert!(shop.tokens.check(&secret, NOW_UNIX).is_some());
            assert!(matches!(shop.with("0000 0000", shop.now), Err(Error::Claimed)));
            let again = Claim::open(shop.folder.path(), false, NOW_UNIX).unwrap();
            assert!(again.is_claimed() && again.code().is_none());
        }
    }

    #[test]
    fn of_many_who_have_the_code_one_wins() {
        let shop = Shop::new();
        let code = shop.code();
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| shop.with(&code, shop.now))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert_eq!(shop.tokens.list(NOW_UNIX).len(), 1);
    }

    #[test]
    fn wrong_codes_are_counted_and_then_it_is_another_one() {
        let shop = Shop::new();
        let (first, mut told) = (shop.code(), shop.claim.subscribe());
        for typed in ["", "1", "abcd efgh", "١٢٣٤٥٦٧٨", &"9".repeat(1000)] {
            assert!(matches!(shop.with(typed, shop.now), Err(Error::WrongCode)), "{typed}");
        }
        for _ in 5..WRONG_MAX {
            assert_eq!(shop.code(), first);
            assert!(matches!(shop.with(shop.wrong(), shop.now), Err(Error::WrongCode)));
        }
        assert_ne!(shop.code(), first);
        assert!(told.has_changed().unwrap() && told.borrow_and_update().is_some());
        assert!(matches!(shop.with(&first, shop.now), Err(Error::WrongCode)));
    }

    #[test]
    fn all_together_guess_slowly() {
        let shop = Shop::new();
        for _ in 0..WRONG_PER_MINUTE_MAX {
            assert!(matches!(shop.with(shop.wrong(), shop.now), Err(Error::WrongCode)));
        }
        assert!(matches!(shop.with(&shop.code(), shop.now), Err(Error::TooMany(MINUTE))));
        shop.with(&shop.code(), shop.now + MINUTE).unwrap();
    }

    #[test]
    fn it_is_claimed_where_tokens_are_made_in_another_way() {
        let shop = Shop::new();
        shop.claim.settle("console", NOW_UNIX).unwrap();
        assert!(matches!(shop.with("0000 0000", shop.now), Err(Error::Claimed)));
        let folder = tempfile::tempdir().unwrap();
        assert!(Claim::open(folder.path(), true, NOW_UNIX).unwrap().is_claimed());
        assert!(Claim::open(folder.path(), false, NOW_UNIX).unwrap().is_claimed(), "and stays so");
    }

    #[test]
    fn the_file_is_for_the_owner_alone_and_what_it_says_is_not_guessed() {
        let shop = Shop::new();
        let path = shop.folder.path().join(FILE);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Claim::read_code(shop.folder.path()).unwrap(), shop.code());
        shop.with(&shop.code(), shop.now).unwrap();
        assert!(Claim::read_code(shop.folder.path()).unwrap_err().to_string().contains("owner already"));
        for text in ["", "code 1234", "code 1234567x", "claimed"] {
            std::fs::write(&path, text).unwrap();
            assert!(Claim::open(shop.folder.path(), false, NOW_UNIX).is_err(), "{text:?}");
        }
        let nowhere = tempfile::tempdir().unwrap();
        assert!(
            Claim::read_code(nowhere.path())
                .unwrap_err()
                .to_string()
                .contains("has the appliance been started")
        );
    }
}
