//! Questions to the bridge: a line of JSON each over TCP, one connection for each participant.

use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::TcpStream;

use super::parameters::{Media, Transport};

/// How long mediasoup may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// One participant's connection.
pub(super) struct Words(BufStream<TcpStream>);

/// The one thing that is asked of it.
#[derive(Deserialize)]
struct Worker {
    pid: u32,
}

#[derive(Deserialize)]
struct Producer {
    id: String,
}

impl Words {
    pub(super) async fn open(port: u16) -> anyhow::Result<Self> {
        let tcp = TcpStream::connect(("127.0.0.1", port)).await.context("cannot reach mediasoup's bridge")?;
        tcp.set_nodelay(true).context("cannot set TCP_NODELAY")?;
        Ok(Self(BufStream::new(tcp)))
    }

    /// The process that forwards.
    pub(super) async fn worker(&mut self) -> anyhow::Result<u32> {
        let worker: Worker = self.ask(&json!({ "ask": "worker" })).await?;
        Ok(worker.pid)
    }

    /// A new transport.
    pub(super) async fn transport(&mut self) -> anyhow::Result<Transport> {
        self.ask(&json!({ "ask": "transport" })).await
    }

    /// Lets the other end of a transport be known.
    pub(super) async fn connect(&mut self, transport: &Transport, dtls: Value) -> anyhow::Result<()> {
        let question = json!({ "ask": "connect", "transport": transport.id, "dtlsParameters": dtls });
        self.ask::<Value>(&question).await.map(drop)
    }

    /// Announces what is sent to a transport; returns what it is called.
    pub(super) async fn produce(&mut self, transport: &Transport, media: &Media) -> anyhow::Result<String> {
        let Media { kind, rtp_parameters } = media;
        let question = json!({
            "ask": "produce", "transport": transport.id, "kind": kind, "rtpParameters": rtp_parameters,
        });
        let producer: Producer = self.ask(&question).await?;
        Ok(producer.id)
    }

    /// Has a transport send what somebody produces, of several layers that one.
    pub(super) async fn consume(
        &mut self,
        transport: &Transport,
        producer: &str,
        layer: Option<usize>,
    ) -> anyhow::Result<Media> {
        let mut question = json!({ "ask": "consume", "transport": transport.id, "producer": producer });
        if let Some(layer) = layer {
            question["spatialLayer"] = json!(layer);
        }
        self.ask(&question).await
    }

    async fn ask<Answer: DeserializeOwned>(&mut self, question: &Value) -> anyhow::Result<Answer> {
        self.0.write_all(format!("{question}\n").as_bytes()).await.context("the bridge takes nothing")?;
        self.0.flush().await.context("the bridge takes nothing")?;
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_line(&mut line)).await;
        read.context("mediasoup says nothing")?.context("the connection to mediasoup's bridge broke")?;
        hear(&line).with_context(|| format!("mediasoup does not {}", question["ask"]))
    }
}

/// Reads an answer.
fn hear<Answer: DeserializeOwned>(line: &str) -> anyhow::Result<Answer> {
    let mut answer: Value = serde_json::from_str(line).context("its bridge says no JSON")?;
    if let Some(why) = answer["refused"].as_str() {
        bail!("{why}");
    }
    serde_json::from_value(answer["done"].take()).context("its answer is not what was asked for")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_what_was_asked_for_or_a_refusal_with_its_reason() {
        assert_eq!(hear::<Producer>(r#"{"done":{"id":"abc"}}"#).unwrap().id, "abc");
        let refused = hear::<Producer>(r#"{"refused":"unsupported codec"}"#).err().unwrap();
        assert_eq!(refused.to_string(), "unsupported codec");
        assert!(hear::<Producer>(r#"{"done":{}}"#).is_err() && hear::<Producer>("").is_err());
    }
}
