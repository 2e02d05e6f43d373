//! Where the name of the TURN server leads: asked at the start, and again from time to time, because names move.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::sync::mpsc;

/// How often is asked.
const ASK_EVERY: Duration = Duration::from_secs(30);

/// Tells where a name leads each time that this has changed, or why it is not known; nothing where there is no name.
/// Ends with the receiver.
pub(super) fn follow(name: Option<String>) -> mpsc::Receiver<Result<SocketAddr, String>> {
    let (sender, receiver) = mpsc::channel(1);
    if let Some(name) = name {
        tokio::spawn(ask(name, sender));
    }
    receiver
}

async fn ask(name: String, sender: mpsc::Sender<Result<SocketAddr, String>>) {
    let mut turns = tokio::time::interval(ASK_EVERY);
    let mut told = None;
    loop {
        turns.tick().await;
        let found = find(&name, told.as_ref()).await;
        if told.as_ref() == Some(&found) {
            continue;
        }
        if sender.send(found.clone()).await.is_err() {
            return;
        }
        told = Some(found);
    }
}

/// The address of before is kept while the name still leads there, however many others it has.
async fn find(name: &str, before: Option<&Result<SocketAddr, String>>) -> Result<SocketAddr, String> {
    let why = match lookup_host(name).await {
        // Relayed addresses of IPv4 are what every server has.
        Ok(found) => match found.min_by_key(|one| (before != Some(&Ok(*one)), one.is_ipv6())) {
            Some(address) => return Ok(address),
            None => "it has no address".to_owned(),
        },
        Err(error) => error.to_string(),
    };
    Err(format!(
        "the TURN server {name} is not found ({why}): look at turn.server and the network; media is not relayed"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_is_told_once_and_a_name_that_leads_nowhere_with_its_cause() {
        let mut good = follow(Some("127.0.0.1:3478".to_owned()));
        assert_eq!(good.recv().await, Some(Ok(([127, 0, 0, 1], 3478).into())));
        let mut bad = follow(Some("turn.invalid:3478".to_owned()));
        let told = bad.recv().await.expect("something is told").expect_err("there is no such name");
        assert!(told.starts_with("the TURN server turn.invalid:3478 is not found ("), "{told}");
        assert_eq!(follow(None).recv().await, None);
    }
}
