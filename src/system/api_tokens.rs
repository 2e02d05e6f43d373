//! Tokens for programs and people who administer: named, with a role, hashed where they are kept, ended by themselves.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::{constant_time, digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::files::{self, Readers};
use crate::config::GivenRole;

/// The most tokens; one more is refused.
pub const TOKENS_MAX: usize = 200;

/// The longest name of a token, in characters.
pub const TOKEN_NAME_CHARS_MAX: usize = 64;

/// What such a token begins with: whoever finds one knows what it is.
const MARK: &str = "alcove_";

const SECRET_BYTES: usize = 32;
const FILE: &str = "api-tokens.json";

/// What somebody may do over the API. Each may what stands in its row of the table:
///
/// | | watch | audit | control the room | hold meetings | configure | own |
/// |---|---|---|---|---|---|---|
/// | `owner` | yes | yes | yes | yes | yes | yes |
/// | `admin` | yes | yes | yes | yes | yes | |
/// | `integrator` | yes | | yes | yes | | |
/// | `user` | yes | | | yes | | |
/// | `room-control` | yes | | yes | | | |
/// | `viewer` | yes | | | | | |
/// | `auditor` | yes | yes | | | | |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ApiRole {
    /// Everything.
    Owner,
    /// Everything but tokens and forgetting everything.
    Admin,
    /// Meetings, people and calls, and the room.
    Integrator,
    /// Meetings, people and calls.
    User,
    /// The room alone.
    RoomControl,
    /// Looks, and changes nothing.
    Viewer,
    /// Looks, and reads who has done what.
    Auditor,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// To see how the appliance is and what goes on.
    Watch,
    /// To read who has done what.
    Audit,
    /// To have the room do something.
    Control,
    /// To have meetings, people and calls.
    Meet,
    /// To change how the appliance works.
    Configure,
    /// To say who else may do what, and to forget everything.
    Own,
}

impl Permission {
    /// All of them, the least first.
    pub const ALL: [Self; 6] =
        [Self::Watch, Self::Audit, Self::Control, Self::Meet, Self::Configure, Self::Own];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Audit => "audit",
            Self::Control => "control",
            Self::Meet => "meet",
            Self::Configure => "configure",
            Self::Own => "own",
        }
    }
}

impl From<GivenRole> for ApiRole {
    fn from(role: GivenRole) -> Self {
        match role {
            GivenRole::Owner => Self::Owner,
            GivenRole::Admin => Self::Admin,
            GivenRole::Integrator => Self::Integrator,
            GivenRole::RoomControl => Self::RoomControl,
            GivenRole::Viewer => Self::Viewer,
        }
    }
}

impl ApiRole {
    /// All of them, the most powerful first.
    pub const ALL: [Self; 7] = [
        Self::Owner,
        Self::Admin,
        Self::Integrator,
        Self::User,
        Self::RoomControl,
        Self::Viewer,
        Self::Auditor,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Integrator => "integrator",
            Self::User => "user",
            Self::RoomControl => "room-control",
            Self::Viewer => "viewer",
            Self::Auditor => "auditor",
        }
    }

    /// Whether it may.
    #[must_use]
    pub const fn may(self, what: Permission) -> bool {
        match what {
            Permission::Watch => true,
            Permission::Audit => matches!(self, Self::Owner | Self::Admin | Self::Auditor),
            Permission::Control => {
                matches!(self, Self::Owner | Self::Admin | Self::Integrator | Self::RoomControl)
            }
            Permission::Meet => matches!(self, Self::Owner | Self::Admin | Self::Integrator | Self::User),
            Permission::Configure => matches!(self, Self::Owner | Self::Admin),
            Permission::Own => matches!(self, Self::Owner),
        }
    }
}

/// A token, without the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiToken {
    /// Its number.
    pub id: u64,
    /// What it was made for.
    pub name: String,
    /// What its bearer may do.
    pub role: ApiRole,
    /// When it was made, in seconds since the Unix epoch.
    pub made_unix: u64,
    /// When it ends, in seconds since the Unix epoch, if it does.
    pub expires_unix: Option<u64>,
    /// The SHA-256 of its secret: 256 random bits need no slower hash.
    sha256: String,
}

#[derive(Default, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    last_id: u64,
    tokens: Vec<ApiToken>,
}

/// Why none is made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There are too many.
    #[error("there are {TOKENS_MAX} tokens already; revoke those that are not needed")]
    TooMany,
    /// It could not be written down.
    #[error(transparent)]
    File(#[from] files::Error),
}

/// All tokens of that sort.
pub struct ApiTokens {
    path: PathBuf,
    kept: Mutex<Kept>,
}

impl ApiTokens {
    /// Reads what is kept in the state directory.
    ///
    /// # Errors
    /// When the file cannot be read: who may come in is not guessed.
    pub fn open(state: &Path) -> Result<Self, files::Error> {
        let path = state.join(FILE);
        let kept = match files::read(&path)? {
            None => Kept::default(),
            Some(text) => serde_json::from_str(&text).map_err(|error| {
                files::Error::broken(
                    &path,
                    error.to_string(),
                    "remove it to revoke all tokens that were made out",
                )
            })?,
        };
        Ok(Self { path, kept: Mutex::new(kept) })
    }

    /// Makes one out; it is told this once. Those that have ended go.
    ///
    /// # Errors
    /// At [`TOKENS_MAX`], and when it cannot be written down.
    ///
    /// # Panics
    /// Never: the system has random numbers once it has started.
    pub fn make(
        &self,
        name: &str,
        role: ApiRole,
        now_unix: u64,
        expires_unix: Option<u64>,
    ) -> Result<(ApiToken, String), Error> {
        let mut kept = self.kept();
        let mut next = kept.clone();
        next.tokens.retain(|token| !has_ended(token, now_unix));
        if next.tokens.len() >= TOKENS_MAX {
            return Err(Error::TooMany);
        }
        let mut secret = [0; SECRET_BYTES];
        rand::fill(&mut secret).expect("the system has random numbers once it has started");
        let secret = URL_SAFE_NO_PAD.encode(secret);
        next.last_id += 1;
        let id = next.last_id;
        let token = ApiToken {
            id,
            name: name.to_owned(),
            role,
            made_unix: now_unix,
            expires_unix,
            sha256: sha256(&secret),
        };
        next.tokens.push(token.clone());
        self.write(&next)?;
        *kept = next;
        Ok((token, format!("{MARK}{id}_{secret}")))
    }

    /// Those that are good, in the order in which they were made.
    #[must_use]
    pub fn list(&self, now_unix: u64) -> Vec<ApiToken> {
        self.kept().tokens.iter().filter(|token| !has_ended(token, now_unix)).cloned().collect()
    }

    /// Revokes one. Whether there was one.
    ///
    /// # Errors
    /// When that cannot be written down.
    pub fn revoke(&self, id: u64) -> Result<bool, files::Error> {
        let mut kept = self.kept();
        let mut next = kept.clone();
        next.tokens.retain(|token| token.id != id);
        if next.tokens.len() == kept.tokens.len() {
            return Ok(false);
        }
        self.write(&next)?;
        *kept = next;
        Ok(true)
    }

    /// The one of that number, if there is one and it has not ended.
    #[must_use]
    pub fn of(&self, id: u64, now_unix: u64) -> Option<ApiToken> {
        self.kept().tokens.iter().find(|token| token.id == id && !has_ended(token, now_unix)).cloned()
    }

    /// Whose token that is, if it is one and has not ended.
    #[must_use]
    pub fn check(&self, token: &str, now_unix: u64) -> Option<ApiToken> {
        let (id, secret) = token.strip_prefix(MARK)?.split_once('_')?;
        let id: u64 = id.parse().ok()?;
        let hash = sha256(secret);
        let kept = self.kept();
        let found = kept.tokens.iter().find(|token| token.id == id && !has_ended(token, now_unix))?;
        constant_time::verify_slices_are_equal(found.sha256.as_bytes(), hash.as_bytes()).ok()?;
        Some(found.clone())
    }

    fn write(&self, kept: &Kept) -> Result<(), files::Error> {
        let text = serde_json::to_string_pretty(kept).expect("texts and numbers are JSON");
        files::write(&self.path, &(text + "\n"), Readers::OwnerAlone)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // It is replaced as a whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_ended(token: &ApiToken, now_unix: u64) -> bool {
    token.expires_unix.is_some_and(|expires| expires <= now_unix)
}

fn sha256(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    #[test]
    fn a_token_is_good_until_it_ends_or_is_revoked_and_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = ApiTokens::open(folder.path()).unwrap();
        let (first, secret) = tokens.make("console", ApiRole::Viewer, NOW, Some(NOW + 10)).unwrap();
        let (second, other) = tokens.make("panel", ApiRole::RoomControl, NOW, None).unwrap();
        let again = ApiTokens::open(folder.path()).unwrap();
        assert_eq!(again.check(&secret, NOW + 9), Some(first));
        assert_eq!(again.check(&secret, NOW + 10), None);
        assert_eq!(again.check(&other, NOW + 10), Some(second.clone()));
        assert_eq!(again.of(1, NOW + 9).map(|token| token.name), Some("console".to_owned()));
        assert_eq!((again.of(1, NOW + 10), again.of(2, NOW)), (None, Some(second.clone())));
        assert_eq!(again.list(NOW + 10), [second]);
        assert!(again.revoke(2).unwrap() && !again.revoke(2).unwrap());
        assert_eq!(again.check(&other, NOW), None);
        let (third, _) = again.make("another", ApiRole::Admin, NOW + 10, None).unwrap();
        assert_eq!(third.id, 3, "a number is not given out twice");
    }

    #[test]
    fn what_is_kept_lets_nobody_in_and_what_is_altered_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = ApiTokens::open(folder.path()).unwrap();
        let (_, secret) = tokens.make("console", ApiRole::Owner, NOW, None).unwrap();
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        // The secret itself may have the mark between it and its number in it: its letters are base64url's.
        let (_, kept_from_all) = secret.strip_prefix(MARK).and_then(|rest| rest.split_once('_')).unwrap();
        assert_eq!(kept_from_all.len(), 43, "256 bits");
        assert!(!text.contains(kept_from_all), "only its hash is kept");
        let wrong =
            ["", "alcove_", "alcove_1", "alcove_1_", "alcove_2_x", &secret[1..], &format!("{secret}x")];
        for token in wrong {
            assert_eq!(tokens.check(token, NOW), None, "{token}");
        }
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        assert!(ApiTokens::open(folder.path()).is_err(), "who may come in is not guessed");
    }

    #[test]
    fn there_are_not_more_than_fit() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = ApiTokens::open(folder.path()).unwrap();
        let kept = Kept { last_id: 0, tokens: Vec::new() };
        *tokens.kept() = kept;
        for _ in 0..TOKENS_MAX {
            tokens.make("one of many", ApiRole::Viewer, NOW, Some(NOW + 1)).unwrap();
        }
        assert!(matches!(tokens.make("more", ApiRole::Viewer, NOW, None), Err(Error::TooMany)));
        tokens.make("later", ApiRole::Viewer, NOW + 1, None).unwrap();
    }

    #[test]
    fn each_role_may_what_the_table_says() {
        use Permission::{Audit, Configure, Control, Meet, Own, Watch};
        let permissions = [Watch, Audit, Control, Meet, Configure, Own];
        assert_eq!(permissions, Permission::ALL);
        let rows = include_str!("api_tokens.rs").lines().filter(|line| line.starts_with("/// | `"));
        let mut count = 0;
        for (role, row) in ApiRole::ALL.into_iter().zip(rows) {
            let cells: Vec<_> = row.trim_start_matches("/// |").split('|').map(str::trim).collect();
            assert_eq!(cells[0], format!("`{}`", role.as_str()));
            let said: Vec<_> = cells[1..7].iter().map(|cell| *cell == "yes").collect();
            assert_eq!(said, permissions.map(|what| role.may(what)), "{row}");
            count += 1;
        }
        assert_eq!(count, ApiRole::ALL.len());
    }
}
