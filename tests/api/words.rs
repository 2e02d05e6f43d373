//! A participant that speaks the words of the WebSocket and sends no media.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use crate::appliance::{Appliance, text};

/// How long something may take that is to happen at all; machines that build are busy.
const PATIENCE: Duration = Duration::from_secs(40);

/// The number of the first request.
const HELLO_ID: u32 = 1;

/// One WebSocket, and what it has heard and nobody has asked for yet.
pub(crate) struct Words {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u32,
    heard: VecDeque<Value>,
    /// The number of the last delta.
    pub(crate) seq: u64,
    /// The welcome; null before it, and after a resume.
    pub(crate) welcome: Value,
}

/// What comes out of a socket.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Frame(Value),
    /// The close code; 1006 without one.
    Closed(u16),
}

impl Words {
    /// Opens a socket, and says nothing.
    pub(crate) async fn open(appliance: &Appliance, meeting: &str) -> Self {
        Self::open_with(appliance, &format!("meetings/{meeting}"), TcpSocket::new_v4().unwrap()).await
    }

    /// Opens a socket of calls, and says nothing.
    pub(crate) async fn open_calls(appliance: &Appliance) -> Self {
        Self::open_with(appliance, "calls", TcpSocket::new_v4().unwrap()).await
    }

    /// Opens a socket of events, and says nothing.
    pub(crate) async fn open_events(appliance: &Appliance) -> Self {
        Self::open_with(appliance, "events", TcpSocket::new_v4().unwrap()).await
    }

    /// Opens a socket whose kernel takes in little that is not read.
    pub(crate) async fn open_narrow(appliance: &Appliance, meeting: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self::open_with(appliance, &format!("meetings/{meeting}"), socket).await
    }

    async fn open_with(appliance: &Appliance, place: &str, socket: TcpSocket) -> Self {
        let stream = socket.connect(([127, 0, 0, 1], appliance.port).into()).await.unwrap();
        let url = format!("wss://localhost:{}/api/v1/{place}/ws", appliance.port);
        let connector = Connector::Rustls(Arc::clone(&appliance.tls));
        let (socket, _) = client_async_tls_with_config(url, stream, None, Some(connector)).await.unwrap();
        Self { socket, next_id: HELLO_ID, heard: VecDeque::new(), seq: 0, welcome: Value::Null }
    }

    /// Joins, and is let in.
    pub(crate) async fn join(appliance: &Appliance, meeting: &str, token: &str, name: &str) -> Self {
        let mut words = Self::open(appliance, meeting).await;
        words.hello(json!({ "version": 1, "token": token, "name": name })).await.unwrap();
        words
    }

    /// Says hello: the answer, or the code of the refusal.
    pub(crate) async fn hello(&mut self, hello: Value) -> Result<Value, String> {
        self.say_hello(hello).await;
        self.admitted().await
    }

    /// Says hello, and does not wait for what comes of it.
    pub(crate) async fn say_hello(&mut self, hello: Value) {
        assert_eq!(self.send_ask(json!({ "hello": hello })).await, HELLO_ID, "the first words");
    }

    /// What has come of the hello.
    pub(crate) async fn admitted(&mut self) -> Result<Value, String> {
        let ok = self.answer_to(HELLO_ID).await.map_err(|refused| text(&refused["code"]))?;
        if let Some(welcome) = ok.get("welcome") {
            self.seq = welcome["seq"].as_u64().unwrap();
            self.welcome = welcome.clone();
        }
        Ok(ok)
    }

    /// The participant's own id.
    pub(crate) fn id(&self) -> String {
        text(&self.welcome["you"])
    }

    /// Asks something: what came of it, or the refusal. Everything else that comes meanwhile is kept.
    pub(crate) async fn ask(&mut self, ask: Value) -> Result<Value, Value> {
        let id = self.send_ask(ask).await;
        self.answer_to(id).await
    }

    /// Asks something, and does not wait for the answer; returns its number.
    pub(crate) async fn send_ask(&mut self, ask: Value) -> u32 {
        let id = self.next_id;
        self.next_id += 1;
        self.say(&json!({ "id": id, "do": ask }).to_string()).await;
        id
    }

    /// What has come of the request with this number.
    pub(crate) async fn answer_to(&mut self, id: u32) -> Result<Value, Value> {
        loop {
            match self.next().await {
                Heard::Frame(frame) if frame["re"] == id => {
                    return frame.get("ok").cloned().ok_or_else(|| frame["refused"].clone());
                }
                Heard::Frame(frame) => self.heard.push_back(frame),
                Heard::Closed(code) => panic!("closed with {code} instead of an answer to request {id}"),
            }
        }
    }

    /// The code of the refusal that this ask gets.
    pub(crate) async fn refused(&mut self, ask: Value) -> String {
        text(&self.ask(ask).await.unwrap_err()["code"])
    }

    /// Sends a text frame as it is.
    pub(crate) async fn say(&mut self, words: &str) {
        self.socket.send(Message::text(words)).await.unwrap();
    }

    /// Sends a message as it is; false when the socket does not take it any more.
    pub(crate) async fn send(&mut self, message: Message) -> bool {
        self.socket.send(message).await.is_ok()
    }

    /// The next frame from the network, past those that were kept.
    pub(crate) async fn next(&mut self) -> Heard {
        timeout(PATIENCE, self.next_words()).await.expect("something comes within time")
    }

    /// Pings come as long as the appliance lives, and are no answer.
    async fn next_words(&mut self) -> Heard {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(words))) => return Heard::Frame(serde_json::from_str(&words).unwrap()),
                Some(Ok(Message::Close(Some(frame)))) => return Heard::Closed(frame.code.into()),
                Some(Ok(Message::Close(None)) | Err(_)) | None => return Heard::Closed(1006),
                Some(Ok(_)) => {}
            }
        }
    }

    /// The fields of the next delta of that kind. The numbers of all deltas passed over are checked.
    pub(crate) async fn event(&mut self, kind: &str) -> Value {
        loop {
            let frame = match self.heard.pop_front() {
                Some(frame) => frame,
                None => match self.next().await {
                    Heard::Frame(frame) => frame,
                    Heard::Closed(code) => panic!("closed with {code} instead of the event {kind}"),
                },
            };
            let Some(seq) = frame["seq"].as_u64() else { continue };
            assert_eq!(seq, self.seq + 1, "deltas have no gaps: {frame}");
            self.seq = seq;
            if let Some(fields) = frame["event"].get(kind) {
                return fields.clone();
            }
        }
    }

    /// What this participant alone is told of that kind, next. Deltas that come meanwhile are kept.
    pub(crate) async fn tell(&mut self, kind: &str) -> Value {
        if let Some(at) = self.heard.iter().position(|frame| frame["tell"].get(kind).is_some()) {
            return self.heard.remove(at).unwrap()["tell"][kind].clone();
        }
        loop {
            match self.next().await {
                Heard::Frame(frame) if frame["tell"].get(kind).is_some() => {
                    return frame["tell"][kind].clone();
                }
                Heard::Frame(frame) => self.heard.push_back(frame),
                Heard::Closed(code) => panic!("closed with {code} instead of the word {kind}"),
            }
        }
    }

    /// Reads on to the end of the socket: its code, and the last refusal without `re`.
    pub(crate) async fn closed(&mut self) -> (u16, Option<String>) {
        let mut refusal = None;
        loop {
            match self.next().await {
                Heard::Frame(frame) => {
                    if let Some(code) = frame["refused"].get("code") {
                        refusal = Some(text(code));
                    }
                }
                Heard::Closed(code) => return (code, refusal),
            }
        }
    }

    /// The names of those in the welcome.
    pub(crate) fn names(&self) -> Vec<String> {
        let participants = self.welcome["participants"].as_array().unwrap();
        participants.iter().map(|one| text(&one["name"])).collect()
    }
}

/// A track of one's own, as it shall be from now on.
pub(crate) fn track(source: &str, state: &str) -> Value {
    json!({ "track": { "source": source, "state": state } })
}
