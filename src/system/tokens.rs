//! What lets people in: signed join tokens that expire and tokens of users (JWT, RFC 7519), and the admin token.

use std::fmt;
use std::path::Path;

use aws_lc_rs::{constant_time, digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::api_tokens::{ApiRole, Permission};
use super::files::{self, Readers};
use crate::meeting::Role;
use crate::refusal::{Code, Refusal};

/// The longest token that is looked at, in bytes.
pub const TOKEN_BYTES_MAX: usize = 4096;

/// The shortest admin token that is accepted from the file, in bytes: who writes it by hand shall not choose
/// a password.
const ADMIN_TOKEN_BYTES_MIN: usize = 32;

const KEY_BYTES: usize = 32;

/// Letters and digits that nobody takes for one another (Crockford's base 32).
const CODE_ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The characters of a code, without the dash.
const CODE_CHARS: usize = 8;

/// How long a code is shown, in seconds. It is good for as long again.
const CODE_PERIOD_S: u64 = 6 * 3600;

/// How long the key to the room is shown on its screen, in seconds. It is good for as long again.
const ROOM_KEY_PERIOD_S: u64 = 600;

/// The bytes of such a key: who guesses has too many to try.
const ROOM_KEY_BYTES: usize = 12;

/// What a token allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// Everything.
    Admin,
    /// What a role says, over the API.
    Api {
        /// The name of the token.
        name: String,
        /// The role.
        role: ApiRole,
    },
    /// Joining one meeting.
    Join {
        /// Its name.
        meeting: String,
        /// What its bearer may do there.
        role: Role,
        /// The name to show, where the token was made out to somebody.
        name: Option<String>,
        /// The user of the directory to whom it was made out, if to one.
        user: Option<u64>,
    },
    /// Being a user of the directory.
    User {
        /// Who.
        user: u64,
        /// Good as long as this is the number kept with the user.
        number: u32,
    },
    /// Controlling the room, for as long as the loop knows this controller.
    Controller {
        /// Its number.
        controller: u64,
    },
}

impl Grant {
    /// The role of its bearer in that meeting.
    ///
    /// # Errors
    /// `not-permitted` for a token that was made for another meeting.
    pub fn role_in(&self, meeting: &str) -> Result<Role, Refusal> {
        match self {
            Self::Admin => Ok(Role::Host),
            Self::Api { role, .. } if role.may(Permission::Meet) => Ok(Role::Host),
            Self::Api { .. } => {
                Err(not_permitted("this token is for no meeting; use one whose role may hold meetings"))
            }
            Self::Join { meeting: its, role, .. } if its == meeting => Ok(*role),
            Self::Join { .. } => {
                Err(not_permitted("this link is for another meeting; ask for a link to this one"))
            }
            Self::User { .. } => Err(not_permitted(
                "this link signs you in, and is for no meeting; ask for a link to this one",
            )),
            Self::Controller { .. } => Err(not_permitted(
                "this link controls the room, and is for no meeting; ask for a link to this one",
            )),
        }
    }

    /// The user whom its bearer is in that meeting, where the token was made out to one.
    #[must_use]
    pub fn user_in(&self, meeting: &str) -> Option<u64> {
        match self {
            Self::Join { meeting: its, user, .. } if its == meeting => *user,
            _ => None,
        }
    }
}

/// A join token as it is made out.
#[derive(Debug, Clone, Copy)]
pub struct Invitation<'a> {
    /// The meeting's name.
    pub meeting: &'a str,
    /// What its bearer may do there.
    pub role: Role,
    /// When it ends, in seconds since the Unix epoch.
    pub expires_unix: u64,
    /// The name to show, when it is made out to somebody.
    pub name: Option<&'a str>,
    /// The user of the directory to whom it is made out, if to one.
    pub user: Option<u64>,
}

/// The claims of a join token, as they are signed.
#[derive(Serialize, Deserialize)]
struct Claims {
    meeting: String,
    role: String,
    exp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<u64>,
}

/// The claims of a user's token. Neither kind can be read as the other: each has something that the other lacks.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserClaims {
    user: u64,
    number: u32,
}

/// The claims of a controller's token.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ControllerClaims {
    controller: u64,
}

/// Makes and checks tokens, with the secrets of the state directory.
#[derive(Clone)]
pub struct Tokens {
    signing: EncodingKey,
    checking: DecodingKey,
    validation: Validation,
    codes: hmac::Key,
    admin: String,
    admin_sha256: digest::Digest,
}

impl Tokens {
    /// Reads `token.key` and `admin-token` in the state directory, and makes what is not there.
    ///
    /// # Errors
    /// One sentence when a file cannot be read or written, or holds something else.
    pub fn open(state_folder: &Path) -> Result<Self, files::Error> {
        files::make_folder(state_folder)?;
        let key_path = state_folder.join("token.key");
        let key_text = read_or_make(&key_path)?;
        let key = URL_SAFE_NO_PAD.decode(&key_text).ok().filter(|key| key.len() == KEY_BYTES);
        let Some(key) = key else {
            let advice = "remove it to make a new one, which ends all join links";
            return Err(files::Error::broken(&key_path, "it is not a key of 32 bytes", advice));
        };
        let admin_path = state_folder.join("admin-token");
        let admin = read_or_make(&admin_path)?;
        if admin.len() < ADMIN_TOKEN_BYTES_MIN || !admin.bytes().all(|byte| byte.is_ascii_graphic()) {
            let cause = format!("it is not one line of at least {ADMIN_TOKEN_BYTES_MIN} characters");
            return Err(files::Error::broken(&admin_path, cause, "remove it to make a new one"));
        }
        Ok(Self {
            signing: EncodingKey::from_secret(&key),
            checking: DecodingKey::from_secret(&key),
            validation: validation(),
            codes: hmac::Key::new(hmac::HMAC_SHA256, &key),
            admin_sha256: sha256(&admin),
            admin,
        })
    }

    /// The admin token, to be shown to whoever has the machine.
    #[must_use]
    pub fn admin(&self) -> &str {
        &self.admin
    }

    /// A token that lets its bearer join a meeting in a role, until it expires.
    #[must_use]
    pub fn issue(&self, meeting: &str, role: Role, expires_unix: u64) -> String {
        self.issue_to(Invitation { meeting, role, expires_unix, name: None, user: None })
    }

    /// The same, made out to somebody.
    #[must_use]
    pub fn issue_to(&self, invitation: Invitation<'_>) -> String {
        let claims = Claims {
            meeting: invitation.meeting.to_owned(),
            role: invitation.role.to_string(),
            exp: invitation.expires_unix,
            name: invitation.name.map(str::to_owned),
            user: invitation.user,
        };
        self.sign(&claims)
    }

    /// A token that makes its bearer a user of the directory, as long as that number is kept with the user.
    #[must_use]
    pub fn issue_user(&self, user: u64, number: u32) -> String {
        self.sign(&UserClaims { user, number })
    }

    /// A token that lets its bearer control the room, for as long as the loop knows that controller.
    #[must_use]
    pub fn issue_controller(&self, controller: u64) -> String {
        self.sign(&ControllerClaims { controller })
    }

    fn sign(&self, claims: &impl Serialize) -> String {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.signing)
            .expect("an HMAC over strings and numbers cannot fail")
    }

    /// What a token allows at `now_unix`, in seconds since the Unix epoch.
    ///
    /// # Errors
    /// `not-permitted` for a token that is not ours, was altered, or has expired.
    pub fn check(&self, token: &str, now_unix: u64) -> Result<Grant, Refusal> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(not_ours());
        }
        if self.is_admin(token) {
            return Ok(Grant::Admin);
        }
        if let Ok(user) = jsonwebtoken::decode::<UserClaims>(token, &self.checking, &self.validation) {
            let UserClaims { user, number } = user.claims;
            return Ok(Grant::User { user, number });
        }
        if let Ok(token) = jsonwebtoken::decode::<ControllerClaims>(token, &self.checking, &self.validation) {
            return Ok(Grant::Controller { controller: token.claims.controller });
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.checking, &self.validation)
            .map_err(|_| not_ours())?
            .claims;
        if claims.exp <= now_unix {
            return Err(not_permitted("this link has expired; ask for a new one"));
        }
        let role = parse_role(&claims.role).ok_or_else(not_ours)?;
        Ok(Grant::Join { meeting: claims.meeting, role, name: claims.name, user: claims.user })
    }

    /// The code that lets whoever reads it off the room's screen into a meeting as a speaker: two groups of
    /// four, good for six to twelve hours. It has 40 bits, which whoever checks it must keep from being guessed
    /// by counting failures.
    #[must_use]
    pub fn code(&self, meeting: &str, now_unix: u64) -> String {
        let code = self.code_of_period(meeting, now_unix / CODE_PERIOD_S);
        format!("{}-{}", &code[..CODE_CHARS / 2], &code[CODE_CHARS / 2..])
    }

    /// Whether that is a code of the meeting, however it was typed.
    #[must_use]
    pub fn is_code(&self, given: &str, meeting: &str, now_unix: u64) -> bool {
        let Some(given) = typed_code(given) else { return false };
        let period = now_unix / CODE_PERIOD_S;
        [period, period.saturating_sub(1)].into_iter().any(|period| {
            let code = self.code_of_period(meeting, period);
            constant_time::verify_slices_are_equal(code.as_bytes(), given.as_bytes()).is_ok()
        })
    }

    /// The key that the QR code on the screen has for whoever stands before it and wants to control the room.
    #[must_use]
    pub fn room_key(&self, now_unix: u64) -> String {
        self.room_key_of_period(now_unix / ROOM_KEY_PERIOD_S)
    }

    /// Whether that key is on the screen, or was until a moment ago.
    #[must_use]
    pub fn is_room_key(&self, given: &str, now_unix: u64) -> bool {
        let period = now_unix / ROOM_KEY_PERIOD_S;
        [period, period.saturating_sub(1)].into_iter().any(|period| {
            let key = self.room_key_of_period(period);
            constant_time::verify_slices_are_equal(key.as_bytes(), given.as_bytes()).is_ok()
        })
    }

    fn room_key_of_period(&self, period: u64) -> String {
        let tag = hmac::sign(&self.codes, format!("room {period}").as_bytes());
        URL_SAFE_NO_PAD.encode(&tag.as_ref()[..ROOM_KEY_BYTES])
    }

    /// The token that opens the record of one meeting, for as long as there is one.
    #[must_use]
    pub fn of_record(&self, record: i64) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.codes, format!("record {record}").as_bytes()))
    }

    /// Whether a token opens the record of that number.
    #[must_use]
    pub fn opens_record(&self, token: &str, record: i64) -> bool {
        let Ok(tag) = URL_SAFE_NO_PAD.decode(token) else { return false };
        hmac::verify(&self.codes, format!("record {record}").as_bytes(), &tag).is_ok()
    }

    fn code_of_period(&self, meeting: &str, period: u64) -> String {
        let tag = hmac::sign(&self.codes, format!("code {period} {meeting}").as_bytes());
        let letter = |byte: &u8| char::from(CODE_ALPHABET[usize::from(byte % 32)]);
        tag.as_ref().iter().take(CODE_CHARS).map(letter).collect()
    }

    /// Hashes of one length are compared, so that the time tells nothing of the token.
    fn is_admin(&self, token: &str) -> bool {
        constant_time::verify_slices_are_equal(self.admin_sha256.as_ref(), sha256(token).as_ref()).is_ok()
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(..)")
    }
}

/// One algorithm and no other; the time is checked by [`Tokens::check`], which is given it.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

/// A code as people type it: in small letters, with spaces, with O for 0; `None` when it cannot be one.
fn typed_code(text: &str) -> Option<String> {
    let plain = |letter: char| match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        letter => letter,
    };
    let is_code = |code: &String| {
        code.len() == CODE_CHARS && code.bytes().all(|letter| CODE_ALPHABET.contains(&letter))
    };
    let code = text.chars().take(2 * CODE_CHARS).filter(|letter| !matches!(letter, '-' | ' ')).map(plain);
    Some(code.collect()).filter(is_code)
}

fn parse_role(text: &str) -> Option<Role> {
    [Role::Host, Role::Cohost, Role::Speaker, Role::Audience]
        .into_iter()
        .find(|role| role.to_string() == text)
}

fn read_or_make(path: &Path) -> Result<String, files::Error> {
    if let Some(text) = files::read(path)? {
        return Ok(text.trim().to_owned());
    }
    let mut secret = [0; KEY_BYTES];
    rand::fill(&mut secret).expect("the system has random numbers once it has started");
    let text = URL_SAFE_NO_PAD.encode(secret);
    files::write(path, &format!("{text}\n"), Readers::OwnerAlone)?;
    Ok(text)
}

fn sha256(text: &str) -> digest::Digest {
    digest::digest(&digest::SHA256, text.as_bytes())
}

fn not_permitted(detail: &str) -> Refusal {
    Refusal::new(Code::NotPermitted, detail)
}

fn not_ours() -> Refusal {
    not_permitted("this token is not valid here; check that it was copied whole, or ask for a new one")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    #[test]
    fn a_code_opens_its_meeting_alone_however_it_is_typed() {
        let tokens = tokens();
        let code = tokens.code("den", 100 * CODE_PERIOD_S);
        assert_eq!(code.len(), CODE_CHARS + 1);
        for typed in [code.clone(), code.to_lowercase(), code.replace('-', " "), code.replace('0', "o")] {
            assert!(tokens.is_code(&typed, "den", 100 * CODE_PERIOD_S), "{typed}");
            assert!(!tokens.is_code(&typed, "attic", 100 * CODE_PERIOD_S), "{typed}");
        }
        for typed in ["", "-", "den", &code[1..], &format!("{code}{code}"), "ÄÄÄÄ-ÄÄÄÄ"] {
            assert!(!tokens.is_code(typed, "den", 100 * CODE_PERIOD_S), "{typed}");
        }
    }

    #[test]
    fn a_code_is_good_for_the_time_it_is_shown_and_as_long_again() {
        let tokens = tokens();
        let code = tokens.code("den", 100 * CODE_PERIOD_S);
        assert!(tokens.is_code(&code, "den", 102 * CODE_PERIOD_S - 1));
        assert!(!tokens.is_code(&code, "den", 102 * CODE_PERIOD_S));
        assert!(!tokens.is_code(&code, "den", 99 * CODE_PERIOD_S));
    }

    fn tokens() -> Tokens {
        let folder = tempfile::tempdir().unwrap();
        Tokens::open(folder.path()).unwrap()
    }

    fn refused(result: Result<Grant, Refusal>) -> String {
        let refusal = result.unwrap_err();
        assert_eq!(refusal.code, Code::NotPermitted);
        refusal.detail
    }

    #[test]
    fn a_token_lets_in_until_it_expires() {
        let tokens = tokens();
        let token = tokens.issue("den", Role::Speaker, NOW + 1);
        let grant = tokens.check(&token, NOW).unwrap();
        assert_eq!(
            grant,
            Grant::Join { meeting: "den".to_owned(), role: Role::Speaker, name: None, user: None }
        );
        assert_eq!(grant.role_in("den"), Ok(Role::Speaker));
        assert!(refused(tokens.check(&token, NOW + 1)).contains("expired"));
    }

    #[test]
    fn a_token_for_another_meeting_is_refused() {
        let tokens = tokens();
        let grant = tokens.check(&tokens.issue("den", Role::Host, NOW + 1), NOW).unwrap();
        let refusal = grant.role_in("attic").unwrap_err();
        assert_eq!(refusal.code, Code::NotPermitted);
        assert!(refusal.detail.contains("another meeting"));
    }

    #[test]
    fn every_role_and_a_name_come_back_as_they_went() {
        let tokens = tokens();
        for role in [Role::Host, Role::Cohost, Role::Speaker, Role::Audience] {
            let name = Some("Ann");
            let user = Some(7);
            let token =
                tokens.issue_to(Invitation { meeting: "den", role, expires_unix: NOW + 1, name, user });
            let grant = Grant::Join { meeting: "den".to_owned(), role, name: name.map(str::to_owned), user };
            assert_eq!((grant.user_in("den"), grant.user_in("attic")), (user, None));
            assert_eq!(tokens.check(&token, NOW), Ok(grant));
        }
    }

    #[test]
    fn the_token_of_a_user_names_the_user_and_opens_no_meeting() {
        let tokens = tokens();
        let grant = tokens.check(&tokens.issue_user(7, 3), NOW).unwrap();
        assert_eq!(grant, Grant::User { user: 7, number: 3 });
        assert_eq!(grant.role_in("den").unwrap_err().code, Code::NotPermitted);
        assert_eq!(grant.user_in("den"), None);
    }

    #[test]
    fn the_token_of_a_controller_names_it_and_opens_no_meeting() {
        let tokens = tokens();
        let grant = tokens.check(&tokens.issue_controller(u64::MAX), NOW).unwrap();
        assert_eq!(grant, Grant::Controller { controller: u64::MAX });
        assert_eq!(grant.role_in("den").unwrap_err().code, Code::NotPermitted);
    }

    #[test]
    fn the_key_to_the_room_is_good_while_it_is_shown_and_a_while_longer() {
        let tokens = tokens();
        let key = tokens.room_key(NOW);
        assert_eq!(key.len(), 16);
        let since = NOW - NOW % ROOM_KEY_PERIOD_S;
        for (at, good) in [(since, true), (since + 2 * ROOM_KEY_PERIOD_S - 1, true), (since - 1, false)] {
            assert_eq!(tokens.is_room_key(&key, at), good, "{at}");
        }
        assert!(!tokens.is_room_key(&key, since + 2 * ROOM_KEY_PERIOD_S));
        assert!(!tokens.is_room_key("", NOW) && !tokens.is_room_key(&key[1..], NOW));
    }

    #[test]
    fn what_was_not_signed_here_is_refused() {
        let tokens = tokens();
        let good = tokens.issue("den", Role::Host, NOW + 9);
        let foreign = self::tokens().issue("den", Role::Host, NOW + 9);
        let parts: Vec<_> = good.split('.').collect();
        let claims = URL_SAFE_NO_PAD.encode(r#"{"meeting":"den","role":"host","exp":9999999999}"#);
        let altered = format!("{}.{claims}.{}", parts[0], parts[2]);
        let none = format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#));
        let long = "x".repeat(TOKEN_BYTES_MAX + 1);
        for token in ["", "x", "a.b.c", &good[1..], &foreign, &altered, &none, &long] {
            refused(tokens.check(token, NOW));
        }
    }

    #[test]
    fn secrets_are_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let first = Tokens::open(&state).unwrap();
        let second = Tokens::open(&state).unwrap();
        assert_eq!(first.admin(), second.admin());
        assert_eq!(first.check(second.admin(), NOW), Ok(Grant::Admin));
        let token = first.issue("den", Role::Host, NOW + 1);
        assert!(second.check(&token, NOW).is_ok());
        assert_eq!(Grant::Admin.role_in("den"), Ok(Role::Host));
        assert!(!format!("{first:?}").contains(first.admin()));
    }

    #[test]
    fn broken_secrets_are_named_and_not_used() {
        let folder = tempfile::tempdir().unwrap();
        for (file, content) in [("token.key", "short"), ("admin-token", "secret")] {
            std::fs::write(folder.path().join(file), content).unwrap();
            let error = Tokens::open(folder.path()).unwrap_err().to_string();
            assert!(error.contains(file) && error.contains("remove it"), "{error}");
            std::fs::remove_file(folder.path().join(file)).unwrap();
        }
    }
}
