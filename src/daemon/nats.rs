//! Puts the box on its fleet's NATS: how it is reached, the API for who asks there, and the rooms that ring each other.

use std::sync::Arc;

use axum::Router;
use rustls::ServerConfig;
use serde_json::{Value, json};

use super::Lasting;
use crate::api::{self, Facts, Inquiry};
use crate::appliance::Handle;
use crate::appliance::handle::{NewUser, Reach, UserView};
use crate::config::Config;
use crate::fleet::nats::{OnNats, Question};
use crate::fleet::rooms::{Answer, Directory, Invitation};
use crate::fleet::tunnels::{Serve, Tunnels};
use crate::system::api_tokens::ApiRole;
use crate::system::certificates::Uploads;
use crate::system::tokens::Tokens;
use crate::system::tunnels::BY_NATS;

/// The name that stands beside what is done from there.
const ASKER: &str = "fleet (NATS)";

/// How the box is reached.
pub(super) fn card(lasting: &Lasting<'_>, config: &Config, facts: &Facts) -> Value {
    json!({
        "box": lasting.telling.box_id,
        "room": config.room.name,
        "url": facts.public_url,
        "fingerprint": facts.authority_fingerprint,
        "version": env!("CARGO_PKG_VERSION"),
        "calls": config.fleet.nats_calls,
    })
}

/// The box as it takes part.
pub(super) fn of(
    lasting: &Lasting<'_>,
    config: &Config,
    card: Value,
    (tunnels, tls, router): (Tunnels, Arc<ServerConfig>, Router),
    directory: Entries,
) -> OnNats {
    let role = ApiRole::from(config.fleet.nats_role);
    OnNats {
        follower: Arc::clone(&lasting.follower),
        events: Arc::clone(&lasting.telling.events),
        conditions: lasting.conditions.subscribe(),
        card,
        serve: serve(tls, router.clone()),
        answers: Arc::new(move |question| {
            let Question { method, path, body, idempotency_key } = question;
            let inquiry = Inquiry { method, path, body, idempotency_key };
            Box::pin(api::inquire(router.clone(), inquiry, (ASKER, role)))
        }),
        state: lasting.state.to_owned(),
        tunnels,
        directory: Arc::new(directory),
    }
}

/// What is served on the port of HTTPS.
fn serve(tls: Arc<ServerConfig>, router: Router) -> Serve {
    Arc::new(move |from, stream| {
        let (tls, router) = (Arc::clone(&tls), router.clone());
        Box::pin(async move { api::serve_tunnel(stream, tls, router, &from).await })
    })
}

/// The directory of calls, for the fleet.
#[derive(Clone)]
pub(super) struct Entries {
    pub(super) handle: Handle,
    pub(super) tokens: Arc<Tokens>,
    pub(super) authority: Option<String>,
    pub(super) uploads: Uploads,
}

impl Directory for Entries {
    fn admit(&self, entry: Option<String>, name: String) -> Answer<(String, Invitation)> {
        let this = self.clone();
        Box::pin(async move {
            let user = this.put(entry, name, None).await?;
            let token = this.tokens.issue_user(user.user, user.number);
            let own =
                || this.uploads.list().into_iter().find(|one| one.slot.is_none()).map(|own| own.fingerprint);
            let fingerprint = this.authority.clone().or_else(own).ok_or("the box has no certificate")?;
            Ok((user.entry.id, Invitation { token, fingerprint }))
        })
    }

    fn reach(&self, entry: Option<String>, name: String, to: String, by: Invitation) -> Answer<String> {
        let this = self.clone();
        let way =
            Reach { address: format!("{BY_NATS}{to}"), token: by.token, fingerprint: Some(by.fingerprint) };
        Box::pin(async move {
            let user = this.put(entry, name, Some(way)).await?;
            Ok(user.entry.id)
        })
    }

    fn strike(&self, entry: String) -> Answer<()> {
        let handle = self.handle.clone();
        Box::pin(async move {
            match handle.user(entry.clone()).await {
                Ok(_) => handle.remove_user(entry).await.map_err(|refusal| refusal.detail),
                Err(_) => Ok(()),
            }
        })
    }
}

impl Entries {
    /// An entry of that name which is reached so: the one that is there, where it is, or another one.
    async fn put(&self, entry: Option<String>, name: String, way: Option<Reach>) -> Result<UserView, String> {
        let handle = &self.handle;
        if let Some(entry) = entry
            && let Ok(known) = handle.user(entry.clone()).await
        {
            if known.reach == way && known.entry.name == name {
                return Ok(known);
            }
            if known.reach == way {
                return handle.change_user(entry, Some(name), None).await.map_err(|refusal| refusal.detail);
            }
            handle.remove_user(entry).await.map_err(|refusal| refusal.detail)?;
        }
        let created = handle.create_user(name, NewUser::Appliance(way)).await;
        created.map_err(|refusal| refusal.detail)
    }
}
