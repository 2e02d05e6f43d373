//! Galène's words: JSON over a WebSocket (galene-protocol.md), one socket for each participant; every publisher's
//! flows come by a transport of their own.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// How long Galène may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What Galène says, as far as somebody here listens.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Joined,
    /// The description of the transport of that id.
    Answer(Described),
    Offer(Described),
    /// One more address for the transport of that id.
    Candidate {
        id: String,
        line: String,
    },
    Ping,
    Refused(String),
    Other,
}

/// A transport and its description.
#[derive(Debug, PartialEq)]
pub(crate) struct Described {
    pub(crate) id: String,
    pub(crate) sdp: String,
}

/// Reads one message.
pub(crate) fn hear(text: &str) -> anyhow::Result<Heard> {
    let message: Value = serde_json::from_str(text).context("Galène says no JSON")?;
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let described = || Described { id: word(&message["id"]), sdp: word(&message["sdp"]) };
    let (kind, value) = (message["kind"].as_str(), word(&message["value"]));
    Ok(match (message["type"].as_str(), kind) {
        (Some("joined"), Some("join")) => Heard::Joined,
        (Some("joined"), Some("fail")) | (Some("usermessage"), Some("error")) => Heard::Refused(value),
        // A `close` is of what was not asked for.
        (Some("abort"), _) => Heard::Refused(format!("{} was closed", word(&message["id"]))),
        (Some("answer"), _) => Heard::Answer(described()),
        (Some("offer"), _) => Heard::Offer(described()),
        (Some("ice"), _) => {
            Heard::Candidate { id: word(&message["id"]), line: word(&message["candidate"]["candidate"]) }
        }
        (Some("ping"), _) => Heard::Ping,
        _ => Heard::Other,
    })
}

/// One participant's socket.
pub(crate) struct Words {
    socket: WebSocketStream<TcpStream>,
    name: String,
    /// By transport; they come before or after its description.
    candidates: HashMap<String, Vec<String>>,
    /// They come one after the other, without waiting for answers.
    offers: VecDeque<Described>,
}

impl Words {
    /// Opens a socket and joins the group.
    pub(crate) async fn open(port: u16, group: &str, name: String) -> anyhow::Result<Self> {
        let tcp = TcpStream::connect(("127.0.0.1", port)).await.context("cannot reach Galène")?;
        tcp.set_nodelay(true).context("cannot set TCP_NODELAY")?;
        let url = format!("ws://127.0.0.1:{port}/ws");
        let (socket, _) = tokio_tungstenite::client_async(url, tcp).await.context("no WebSocket")?;
        let mut words = Self { socket, name, candidates: HashMap::new(), offers: VecDeque::new() };
        words.say(json!({ "type": "handshake", "version": ["2"], "id": words.name })).await?;
        let join =
            json!({ "type": "join", "kind": "join", "group": group, "username": words.name, "password": "" });
        words.say(join).await?;
        while words.hear().await? != Heard::Joined {}
        Ok(words)
    }

    /// Offers flows under a label of their own, and returns the answer.
    pub(crate) async fn publish(&mut self, sdp: &str) -> anyhow::Result<Described> {
        let offer = json!({
            "type": "offer", "id": format!("{}-up", self.name), "label": self.name, "source": self.name,
            "username": self.name, "sdp": sdp,
        });
        self.say(offer).await?;
        loop {
            if let Heard::Answer(described) = self.hear().await? {
                return Ok(described);
            }
        }
    }

    /// Asks for kinds of flows by label: each label becomes an offer.
    pub(crate) async fn request(&mut self, labels: Value) -> anyhow::Result<()> {
        self.say(json!({ "type": "request", "request": labels })).await
    }

    /// The next offer.
    pub(crate) async fn offer(&mut self) -> anyhow::Result<Described> {
        loop {
            if let Some(offer) = self.offers.pop_front() {
                return Ok(offer);
            }
            self.hear().await?;
        }
    }

    pub(crate) async fn answer(&mut self, id: &str, sdp: &str) -> anyhow::Result<()> {
        self.say(json!({ "type": "answer", "id": id, "sdp": sdp })).await
    }

    /// The addresses of a transport, once one of them has that text in it.
    pub(crate) async fn candidates(&mut self, id: &str, with: &str) -> anyhow::Result<Vec<String>> {
        let is_there = |lines: &Vec<String>| lines.iter().any(|line| line.contains(with));
        while !self.candidates.get(id).is_some_and(is_there) {
            self.hear().await?;
        }
        Ok(self.candidates.remove(id).unwrap_or_default())
    }

    /// Reads on, for nobody, until the socket is closed.
    pub(crate) async fn read_on(mut self) {
        while let Some(Ok(message)) = self.socket.next().await {
            if let Message::Text(text) = message
                && matches!(hear(&text), Ok(Heard::Ping))
                && self.say(json!({ "type": "pong" })).await.is_err()
            {
                return;
            }
        }
    }

    async fn say(&mut self, message: Value) -> anyhow::Result<()> {
        self.socket.send(Message::text(message.to_string())).await.context("the socket takes nothing")
    }

    async fn hear(&mut self) -> anyhow::Result<Heard> {
        let read = tokio::time::timeout(PATIENCE, self.socket.next());
        let message = read.await.context("Galène says nothing")?.context("Galène closed the socket")?;
        let Message::Text(text) = message.context("the socket broke")? else { return Ok(Heard::Other) };
        match hear(&text)? {
            Heard::Ping => self.say(json!({ "type": "pong" })).await?,
            Heard::Offer(offer) => self.offers.push_back(offer),
            Heard::Candidate { id, line } => self.candidates.entry(id).or_default().push(line),
            Heard::Refused(why) => bail!("Galène refuses: {why}"),
            other => return Ok(other),
        }
        Ok(Heard::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_is_done_or_refused() {
        assert_eq!(hear(r#"{"type":"joined","kind":"join","group":"lab"}"#).unwrap(), Heard::Joined);
        let refused = hear(r#"{"type":"joined","kind":"fail","value":"group is locked"}"#).unwrap();
        assert_eq!(refused, Heard::Refused("group is locked".into()));
    }

    #[test]
    fn a_description_names_its_transport() {
        let described = || Described { id: "p0-up".into(), sdp: "v=0".into() };
        let text = |kind| format!(r#"{{"type":"{kind}","id":"p0-up","sdp":"v=0"}}"#);
        assert_eq!(hear(&text("answer")).unwrap(), Heard::Answer(described()));
        assert_eq!(hear(&text("offer")).unwrap(), Heard::Offer(described()));
    }

    #[test]
    fn an_address_comes_by_itself() {
        let text =
            r#"{"type":"ice","id":"a","candidate":{"candidate":"candidate:1 1 udp 9 192.0.2.2 4 typ host"}}"#;
        let Heard::Candidate { id, line } = hear(text).unwrap() else { panic!("another word") };
        assert!(id == "a" && line.contains("192.0.2.2"));
    }

    #[test]
    fn who_else_is_there_does_not_matter() {
        assert_eq!(hear(r#"{"type":"user","kind":"add","id":"x"}"#).unwrap(), Heard::Other);
        assert_eq!(hear(r#"{"type":"ping"}"#).unwrap(), Heard::Ping);
        assert!(hear("no JSON").is_err());
    }
}
