//! One order: whose the names are is shown, a new key is signed, and the chain fetched (RFC 8555, 7.4).

use std::time::Duration;

use instant_acme::{Account, AuthorizationStatus, Identifier, NewOrder, Order, OrderStatus, RetryPolicy};

use super::failure::Failure;
use super::proof::Proof;

/// How long the authority may take to look, and to sign.
const WAITS: RetryPolicy = RetryPolicy::new().timeout(Duration::from_secs(90));

/// What is told of how far it is: percent, and words.
pub(super) type Tell<'a> = &'a (dyn Fn(u8, &str) + Send + Sync);

/// The chain and its key, as PEM.
pub(super) async fn place(
    account: &Account,
    names: &[String],
    proof: &mut Proof,
    tell: Tell<'_>,
) -> Result<(String, String), Failure> {
    let identifiers: Vec<_> = names.iter().map(|name| Identifier::Dns(name.to_ascii_lowercase())).collect();
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
    tell(20, "shows whose the names are");
    prove(&mut order, proof).await?;
    tell(50, "waits until the authority has looked");
    let outcome = order.poll_ready(&WAITS).await;
    if !matches!(outcome, Ok(OrderStatus::Ready)) {
        let by_records = proof.is_by_records();
        return Err(match (why(&mut order, by_records).await, outcome) {
            (Some(failure), _) => failure,
            (None, Err(error)) => error.into(),
            (None, Ok(_)) => {
                Failure::there("the authority refuses without saying why", "ask those who run it")
            }
        });
    }
    tell(70, "has a new key signed");
    let key = order.finalize().await?;
    let chain = order.poll_certificate(&WAITS).await?;
    Ok((chain, key))
}

/// Shows whose each name is, as far as the authority does not remember it, and has it look.
async fn prove(order: &mut Order, proof: &mut Proof) -> Result<(), Failure> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let name = authorization.identifier().to_string();
        let Some(mut challenge) = authorization.challenge(proof.kind()) else {
            let cause = format!("the authority does not let {name} be proven so");
            return Err(Failure::there(cause, "set acme.dns_server, or take it away"));
        };
        proof.show(&name, &challenge.token, &challenge.key_authorization()).await?;
        challenge.set_ready().await?;
    }
    Ok(())
}

/// What the authority has found wrong with the first name that it did not believe.
async fn why(order: &mut Order, by_records: bool) -> Option<Failure> {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { continue };
        if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
            return Some(Failure::unproven(problem, by_records));
        }
    }
    None
}
