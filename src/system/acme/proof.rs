//! Whose a name is: shown by an answer over plain HTTP, or by a record in the DNS; taken away afterwards.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alcove_hal::clock::Clock;
use instant_acme::{ChallengeType, KeyAuthorization};

use super::acme_dns::AcmeDns;
use super::dns_update::DnsUpdate;
use super::failure::Failure;
use crate::config::AcmeProof;

/// What is answered over plain HTTP, by token. Cloning is cheap.
#[derive(Clone, Default)]
pub(super) struct Answers(Arc<Mutex<BTreeMap<String, String>>>);

impl Answers {
    /// The answer for that token, while an authority is to see it.
    pub(super) fn get(&self, token: &str) -> Option<String> {
        self.lock().get(token).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        // Every change of the table is one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How it is shown.
pub(super) enum Proof {
    /// By answers (RFC 8555, 8.3), of which these are ours.
    Http(Answers, Vec<String>),
    /// By records that are put by RFC 2136.
    DnsUpdate(DnsUpdate),
    /// By records that acme-dns puts.
    AcmeDns(AcmeDns),
}

impl Proof {
    /// In that way.
    pub(super) fn new(
        way: AcmeProof,
        answers: &Answers,
        (http, clock): (&reqwest::Client, Arc<dyn Clock>),
    ) -> Result<Self, Failure> {
        Ok(match way {
            AcmeProof::Http => Self::Http(answers.clone(), Vec::new()),
            AcmeProof::DnsUpdate { host, port, key_name, key } => {
                Self::DnsUpdate(DnsUpdate::new((host, port), &key_name, &key, clock)?)
            }
            AcmeProof::AcmeDns { url, username, password, subdomain } => {
                Self::AcmeDns(AcmeDns { http: http.clone(), url, username, password, subdomain })
            }
        })
    }

    pub(super) fn kind(&self) -> ChallengeType {
        if self.is_by_records() { ChallengeType::Dns01 } else { ChallengeType::Http01 }
    }

    pub(super) fn is_by_records(&self) -> bool {
        !matches!(self, Self::Http(..))
    }

    /// Shows whose that name is.
    pub(super) async fn show(
        &mut self,
        name: &str,
        token: &str,
        key: &KeyAuthorization,
    ) -> Result<(), Failure> {
        match self {
            Self::Http(answers, tokens) => {
                answers.lock().insert(token.to_owned(), key.as_str().to_owned());
                tokens.push(token.to_owned());
                Ok(())
            }
            Self::DnsUpdate(server) => server.put(name, &key.dns_value()).await,
            Self::AcmeDns(server) => server.put(&key.dns_value()).await,
        }
    }

    /// Takes away what was shown.
    pub(super) async fn clear(&mut self) {
        match self {
            Self::Http(answers, tokens) => {
                let mut answers = answers.lock();
                tokens.drain(..).for_each(|token| drop(answers.remove(&token)));
            }
            Self::DnsUpdate(server) => server.remove_all().await,
            // It keeps the last two by itself, and has no way to remove them.
            Self::AcmeDns(_) => {}
        }
    }
}
