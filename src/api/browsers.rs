//! Browsers that are signed in: a cookie instead of a token, so that no script of the page ever holds one.
//!
//! ```text
//!   token ── POST sign-in ──▶ cookie (Secure, HttpOnly, SameSite=Strict) and a word against forgery (CSRF)
//!                                │
//!   a request with the cookie ───┴─▶ from this page?  ─▶ changes something? then with the word ─▶ as its token
//! ```
//!
//! What the cookie says is kept as a hash, in memory alone. It is over after a while, when nobody uses it, and as soon as
//! its token is revoked or ends. Starting anew with another configuration keeps it: whoever changed that has to confirm it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::{constant_time, digest, rand};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::gate::{Denied, Gate};
use crate::refusal::{Code, Refusal};
use crate::system::api_tokens::ApiToken;
use crate::system::tokens::Grant;

/// The longest that somebody is signed in.
pub(crate) const LASTS_MAX: Duration = Duration::from_hours(12);

/// Whoever does nothing for so long is signed in no longer.
pub(crate) const IDLE_MAX: Duration = Duration::from_hours(1);

/// The most browsers at a time; at one more, the one that was not heard of for longest is out.
const BROWSERS_MAX: usize = 100;

/// The prefix has browsers take it from HTTPS alone, for this host alone (RFC 6265bis, 4.1.3.2).
pub(crate) const COOKIE: &str = "__Host-alcove";

/// What a request that changes something has to carry beside the cookie.
const CSRF: HeaderName = HeaderName::from_static("x-alcove-csrf");

/// What browsers say of where a request comes from (Fetch Metadata).
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

const SECRET_BYTES: usize = 32;

/// All browsers that are signed in.
#[derive(Default)]
pub struct Browsers {
    table: Mutex<Vec<Browser>>,
}

struct Browser {
    sha256: digest::Digest,
    csrf: String,
    token: Token,
    began: Instant,
    used: Instant,
}

/// The token that a browser was signed in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// The admin token.
    First,
    /// The one of that number.
    Made(u64),
}

/// A browser that has just been signed in.
pub(crate) struct SignedIn {
    /// What sets the cookie.
    pub(crate) cookie: HeaderValue,
    /// The word against forgery.
    pub(crate) csrf: String,
}

impl Browsers {
    /// Signs a browser in.
    pub(crate) fn add(&self, token: Token, now: Instant) -> SignedIn {
        let (id, csrf) = (secret(), secret());
        let mut table = self.table();
        table.retain(|browser| browser.is_alive(now));
        if table.len() >= BROWSERS_MAX
            && let Some(at) = (0..table.len()).min_by_key(|at| table[*at].used)
        {
            table.remove(at);
        }
        let (sha256, word) = (sha256(&id), csrf.clone());
        table.push(Browser { sha256, csrf: word, token, began: now, used: now });
        SignedIn { cookie: set_cookie(&id, LASTS_MAX), csrf }
    }

    /// The token and the word of the browser with that cookie; it was just heard of.
    fn find(&self, id: &str, now: Instant) -> Option<(Token, String)> {
        let mut table = self.table();
        let browser = table.iter_mut().find(|browser| browser.is(id) && browser.is_alive(now))?;
        browser.used = now;
        Some((browser.token, browser.csrf.clone()))
    }

    /// The token of the browser with that cookie, which was not heard of by this.
    pub(crate) fn of(&self, id: &str, now: Instant) -> Option<Token> {
        let table = self.table();
        table.iter().find(|browser| browser.is(id) && browser.is_alive(now)).map(|browser| browser.token)
    }

    /// Signs a browser out.
    fn remove(&self, id: &str) {
        self.table().retain(|browser| !browser.is(id));
    }

    fn table(&self) -> MutexGuard<'_, Vec<Browser>> {
        // Each entry is put in and taken out whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Browser {
    fn is(&self, id: &str) -> bool {
        constant_time::verify_slices_are_equal(self.sha256.as_ref(), sha256(id).as_ref()).is_ok()
    }

    fn is_alive(&self, now: Instant) -> bool {
        let for_how_long = |since| now.saturating_duration_since(since);
        for_how_long(self.began) < LASTS_MAX && for_how_long(self.used) < IDLE_MAX
    }
}

impl Gate {
    /// What the browser with that cookie may do, and its word.
    ///
    /// # Errors
    /// [`Denied::Missing`] without a cookie, [`Denied::Bad`] where it is over, and [`Denied::Forbidden`] for what another
    /// page has it ask.
    pub(crate) fn of_browser(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(Grant, String), Denied> {
        let id = cookie(headers).ok_or(Denied::Missing)?;
        comes_from_here(uri, headers)?;
        let over = || {
            Denied::Bad(Refusal::new(
                Code::NotPermitted,
                "this browser is signed in no longer; sign in again",
            ))
        };
        let (token, csrf) = self.browsers().find(id, self.now()).ok_or_else(over)?;
        let grant = match token {
            Token::First => Grant::Admin,
            Token::Made(number) => match self.api_tokens().of(number, self.unix_time().as_secs()) {
                Some(ApiToken { name, role, .. }) => Grant::Api { name, role },
                None => {
                    self.browsers().remove(id);
                    return Err(over());
                }
            },
        };
        if !matches!(*method, Method::GET | Method::HEAD) && !has_word(headers, &csrf) {
            let detail = "a browser that is signed in has to send X-Alcove-CSRF with what it changes; load the page anew";
            return Err(Denied::Forbidden(Refusal::new(Code::NotPermitted, detail)));
        }
        Ok((grant, csrf))
    }

    /// Signs a browser in with the token of somebody who administers.
    ///
    /// # Errors
    /// As [`Gate::check`], and [`Denied::Forbidden`] for a token of another kind, and for what another page has it ask.
    pub(crate) fn sign_in(
        &self,
        from: std::net::IpAddr,
        token: &str,
        (uri, headers): (&Uri, &HeaderMap),
    ) -> Result<(Grant, SignedIn), Denied> {
        comes_from_here(uri, headers)?;
        let grant = self.check(from, token)?;
        let token = match grant {
            Grant::Admin => Token::First,
            Grant::Api { .. } => match self.api_tokens().check(token, self.unix_time().as_secs()) {
                Some(token) => Token::Made(token.id),
                None => {
                    let detail = "this token was revoked a moment ago; ask the owner for another one";
                    return Err(Denied::Bad(Refusal::new(Code::NotPermitted, detail)));
                }
            },
            Grant::Join { .. } | Grant::User { .. } | Grant::Controller { .. } => {
                let detail =
                    "this is the token of a link, and administers nothing; ask the owner for one that does";
                return Err(Denied::Forbidden(Refusal::new(Code::NotPermitted, detail)));
            }
        };
        self.sign_out(headers);
        Ok((grant, self.browsers().add(token, self.now())))
    }

    /// Signs a browser out, if it is signed in. What takes the cookie from it.
    pub(crate) fn sign_out(&self, headers: &HeaderMap) -> HeaderValue {
        if let Some(id) = cookie(headers) {
            self.browsers().remove(id);
        }
        set_cookie("", Duration::ZERO)
    }
}

/// Whether a page of this appliance asks, as far as the browser tells: also pages of other ports of this host, and of
/// its neighbours in the domain, are strangers.
fn comes_from_here(uri: &Uri, headers: &HeaderMap) -> Result<(), Denied> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    let host = uri.authority().map(|authority| authority.as_str()).or_else(|| text(header::HOST));
    let is_ours = |origin: &str| origin.strip_prefix("https://").is_some_and(|of| Some(of) == host);
    let is_here = text(FETCH_SITE).is_none_or(|site| matches!(site, "same-origin" | "none"))
        && text(header::ORIGIN).is_none_or(is_ours);
    if is_here {
        return Ok(());
    }
    let detail = "a page from elsewhere has asked this; open the appliance's own page, at /admin";
    Err(Denied::Forbidden(Refusal::new(Code::NotPermitted, detail)))
}

fn has_word(headers: &HeaderMap, csrf: &str) -> bool {
    let given = headers.get(CSRF).map(HeaderValue::as_bytes).unwrap_or_default();
    constant_time::verify_slices_are_equal(given, csrf.as_bytes()).is_ok()
}

/// The value of our cookie among those of a request (RFC 6265, 5.4).
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

fn set_cookie(id: &str, lasts: Duration) -> HeaderValue {
    let seconds = lasts.as_secs();
    let text = format!("{COOKIE}={id}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict");
    HeaderValue::from_str(&text).expect("base64 and words")
}

fn secret() -> String {
    let mut bytes = [0; SECRET_BYTES];
    rand::fill(&mut bytes).expect("the system has random numbers once it has started");
    URL_SAFE_NO_PAD.encode(bytes)
}

fn sha256(text: &str) -> digest::Digest {
    digest::digest(&digest::SHA256, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "an Instant to count from; nothing waits for it")]
        Instant::now()
    }

    /// What a browser sends back.
    fn id_of(signed_in: &SignedIn) -> String {
        let cookie = signed_in.cookie.to_str().expect("text");
        let (pair, _) = cookie.split_once(';').expect("attributes");
        pair.strip_prefix("__Host-alcove=").expect("its name").to_owned()
    }

    #[test]
    fn a_cookie_is_good_while_it_is_used_and_not_for_ever() {
        let (browsers, now) = (Browsers::default(), start());
        let id = id_of(&browsers.add(Token::Made(7), now));
        assert!(browsers.find("", now).is_none() && browsers.find(&format!("{id}x"), now).is_none());
        let mut at = now;
        while at + IDLE_MAX / 2 < now + LASTS_MAX {
            at += IDLE_MAX / 2;
            assert_eq!(browsers.find(&id, at).map(|(token, _)| token), Some(Token::Made(7)));
        }
        assert!(browsers.find(&id, now + LASTS_MAX).is_none(), "for ever is too long");
        let idle = id_of(&browsers.add(Token::First, now));
        assert!(browsers.find(&idle, now + IDLE_MAX).is_none(), "nobody was there");
        let out = id_of(&browsers.add(Token::First, now));
        browsers.remove(&out);
        assert!(browsers.find(&out, now).is_none());
    }

    #[test]
    fn there_are_not_more_than_fit_and_who_was_silent_longest_goes() {
        let (browsers, now) = (Browsers::default(), start());
        let second = |at: usize| now + Duration::from_secs(at as u64);
        let ids: Vec<_> =
            (0..BROWSERS_MAX).map(|at| id_of(&browsers.add(Token::First, second(at)))).collect();
        let later = second(BROWSERS_MAX);
        assert!(browsers.find(&ids[0], later).is_some());
        browsers.add(Token::First, later);
        assert!(browsers.find(&ids[0], later).is_some() && browsers.find(&ids[1], later).is_none());
        assert_eq!(browsers.table().len(), BROWSERS_MAX);
    }

    #[test]
    fn the_cookie_is_for_https_and_for_this_host_alone_and_out_of_reach_of_scripts() {
        let signed_in = Browsers::default().add(Token::First, start());
        let cookie = signed_in.cookie.to_str().expect("text");
        for attribute in ["__Host-", "; Path=/;", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(!cookie.contains("Domain") && !cookie.contains(&signed_in.csrf));
        assert_eq!(id_of(&signed_in).len(), 43, "256 bits");
    }

    #[test]
    fn our_cookie_is_found_among_others() {
        let headers = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            lines.iter().for_each(|line| {
                headers.append(header::COOKIE, HeaderValue::from_static(line));
            });
            headers
        };
        assert_eq!(cookie(&headers(&["a=b; __Host-alcove=x=y;c=d"])), Some("x=y"));
        assert_eq!(cookie(&headers(&["a=b", "__Host-alcove=z"])), Some("z"));
        assert_eq!(cookie(&headers(&["__Host-alcove", "not__Host-alcove=z"])), None);
    }

    #[test]
    fn who_comes_from_elsewhere_is_told_by_either_header() {
        let uri = Uri::from_static("/api/v1/tokens");
        let from = |lines: &[(&HeaderName, &'static str)]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("den.local:8443"));
            for (name, value) in lines {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            comes_from_here(&uri, &headers).is_ok()
        };
        assert!(from(&[]) && from(&[(&FETCH_SITE, "same-origin")]) && from(&[(&FETCH_SITE, "none")]));
        assert!(from(&[(&header::ORIGIN, "https://den.local:8443"), (&FETCH_SITE, "same-origin")]));
        for site in ["cross-site", "same-site", ""] {
            assert!(!from(&[(&FETCH_SITE, site)]), "{site}");
        }
        for origin in
            ["null", "http://den.local:8443", "https://den.local", "https://den.local:8443.evil.example"]
        {
            assert!(!from(&[(&header::ORIGIN, origin)]), "{origin}");
            assert!(!from(&[(&header::ORIGIN, origin), (&FETCH_SITE, "same-origin")]), "{origin}");
        }
    }
}
