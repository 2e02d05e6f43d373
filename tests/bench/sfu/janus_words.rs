//! Janus's words: JSON over a WebSocket, as its documentation has them; one socket for each participant.

use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;

/// How long Janus may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
const PLUGIN: &str = "janus.plugin.videoroom";

/// What Janus says, as far as somebody here listens.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    /// A request is done; perhaps something was made.
    Done { transaction: u64, made: Option<u64> },
    /// The plugin's answer, perhaps with an offer or an answer.
    Answer { transaction: u64, sdp: Option<String> },
    /// Media of that handle is connected, and the plugin knows.
    Up { handle: u64 },
    /// Something is not done.
    Refused { transaction: Option<u64>, reason: String },
    /// Nothing that matters here.
    Other,
}

/// Reads one message.
pub(crate) fn hear(text: &str) -> anyhow::Result<Heard> {
    let message: Value = serde_json::from_str(text).context("Janus says no JSON")?;
    let transaction = message["transaction"].as_str().and_then(|text| text.parse().ok());
    let number = |value: &Value| value["id"].as_u64();
    let reason = |value: &Value| value.as_str().unwrap_or("no reason given").to_owned();
    Ok(match (message["janus"].as_str(), transaction) {
        (Some("success"), Some(transaction)) => Heard::Done { transaction, made: number(&message["data"]) },
        (Some("error"), transaction) => {
            Heard::Refused { transaction, reason: reason(&message["error"]["reason"]) }
        }
        (Some("event"), transaction) => {
            let data = &message["plugindata"]["data"];
            let sdp = message["jsep"]["sdp"].as_str().map(str::to_owned);
            match (data["error"].is_string(), transaction) {
                (true, transaction) => Heard::Refused { transaction, reason: reason(&data["error"]) },
                (false, Some(transaction)) => Heard::Answer { transaction, sdp },
                (false, None) => Heard::Other,
            }
        }
        (Some("webrtcup"), _) => {
            message["sender"].as_u64().map_or(Heard::Other, |handle| Heard::Up { handle })
        }
        _ => Heard::Other,
    })
}

/// One participant's socket.
pub(crate) struct Words {
    socket: WebSocketStream<TcpStream>,
    next: u64,
    seat: u64,
    /// Handles whose media was told to be connected.
    up: Vec<u64>,
}

impl Words {
    /// Opens a socket, and a place at Janus.
    pub(crate) async fn open(port: u16) -> anyhow::Result<Self> {
        let tcp = TcpStream::connect(("127.0.0.1", port)).await.context("cannot reach Janus")?;
        tcp.set_nodelay(true).context("cannot set TCP_NODELAY")?;
        let mut request =
            format!("ws://127.0.0.1:{port}/").into_client_request().context("that is no address")?;
        let protocol = HeaderValue::from_static("janus-protocol");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let (socket, _) = tokio_tungstenite::client_async(request, tcp).await.context("no WebSocket")?;
        let mut words = Self { socket, next: 0, seat: 0, up: Vec::new() };
        words.seat = words.make(json!({ "janus": "create" })).await?;
        Ok(words)
    }

    /// A new handle of the plugin: each has one transport.
    pub(crate) async fn attach(&mut self) -> anyhow::Result<u64> {
        let attach = json!({ "janus": "attach", "plugin": PLUGIN, "session_id": self.seat });
        self.make(attach).await
    }

    /// Asks the plugin, and returns the offer or answer that comes with its own answer.
    pub(crate) async fn ask(
        &mut self,
        handle: u64,
        body: Value,
        jsep: Option<Value>,
    ) -> anyhow::Result<Option<String>> {
        let asked = body["request"].clone();
        let transaction = self.say(handle, body, jsep).await?;
        loop {
            match self.hear().await? {
                Heard::Answer { transaction: of, sdp } if of == transaction => return Ok(sdp),
                Heard::Refused { reason, .. } => bail!("Janus does not {asked}: {reason}"),
                _ => {}
            }
        }
    }

    /// Says something to the plugin.
    pub(crate) async fn say(&mut self, handle: u64, body: Value, jsep: Option<Value>) -> anyhow::Result<u64> {
        let mut message = json!({
            "janus": "message", "session_id": self.seat, "handle_id": handle, "body": body,
        });
        if let Some(jsep) = jsep {
            message["jsep"] = jsep;
        }
        self.send(message).await
    }

    /// Waits until the plugin knows that media of that handle is connected.
    pub(crate) async fn is_up(&mut self, handle: u64) -> anyhow::Result<()> {
        while !self.up.contains(&handle) {
            self.hear().await?;
        }
        Ok(())
    }

    /// Reads on, for nobody, until the socket is closed: Janus tells everybody of everybody.
    pub(crate) async fn read_on(mut self) {
        while let Some(Ok(_)) = self.socket.next().await {}
    }

    /// Asks for something new, and returns its number.
    async fn make(&mut self, message: Value) -> anyhow::Result<u64> {
        let transaction = self.send(message).await?;
        loop {
            match self.hear().await? {
                Heard::Done { transaction: of, made: Some(made) } if of == transaction => return Ok(made),
                Heard::Refused { reason, .. } => bail!("Janus refuses: {reason}"),
                _ => {}
            }
        }
    }

    async fn send(&mut self, mut message: Value) -> anyhow::Result<u64> {
        self.next += 1;
        message["transaction"] = json!(self.next.to_string());
        self.socket.send(Message::text(message.to_string())).await.context("the socket takes nothing")?;
        Ok(self.next)
    }

    async fn hear(&mut self) -> anyhow::Result<Heard> {
        let read = tokio::time::timeout(PATIENCE, self.socket.next());
        let message = read.await.context("Janus says nothing")?.context("Janus closed the socket")?;
        let Message::Text(text) = message.context("the socket broke")? else { return Ok(Heard::Other) };
        let heard = hear(&text)?;
        if let Heard::Up { handle } = heard {
            self.up.push(handle);
        }
        Ok(heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_has_a_number() {
        let text = r#"{"janus":"success","transaction":"3","data":{"id":77}}"#;
        assert_eq!(hear(text).unwrap(), Heard::Done { transaction: 3, made: Some(77) });
    }

    #[test]
    fn an_answer_of_the_plugin_may_bring_a_description() {
        let text = r#"{"janus":"event","sender":5,"transaction":"4","plugindata":{"plugin":"p",
            "data":{"videoroom":"attached"}},"jsep":{"type":"offer","sdp":"v=0"}}"#;
        assert_eq!(hear(text).unwrap(), Heard::Answer { transaction: 4, sdp: Some("v=0".into()) });
    }

    #[test]
    fn what_others_do_does_not_matter() {
        let news =
            r#"{"janus":"event","sender":5,"plugindata":{"data":{"videoroom":"event","publishers":[]}}}"#;
        assert_eq!(hear(news).unwrap(), Heard::Other);
        assert_eq!(hear(r#"{"janus":"ack","transaction":"4"}"#).unwrap(), Heard::Other);
    }

    #[test]
    fn a_refusal_of_janus_and_one_of_the_plugin_tell_why() {
        let janus = r#"{"janus":"error","transaction":"1","error":{"code":458,"reason":"No such session"}}"#;
        let plugin = r#"{"janus":"event","transaction":"2","plugindata":{"data":{"videoroom":"event",
            "error_code":428,"error":"No such feed (1)"}}}"#;
        let refused = |transaction, reason: &str| Heard::Refused { transaction, reason: reason.into() };
        assert_eq!(hear(janus).unwrap(), refused(Some(1), "No such session"));
        assert_eq!(hear(plugin).unwrap(), refused(Some(2), "No such feed (1)"));
    }

    #[test]
    fn media_that_is_up_names_its_handle() {
        let text = r#"{"janus":"webrtcup","session_id":1,"sender":42}"#;
        assert_eq!(hear(text).unwrap(), Heard::Up { handle: 42 });
        assert!(hear("no JSON").is_err());
    }
}
