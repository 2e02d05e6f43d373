//! A fake participant's words: hello, offer, tracks and wishes over the real WebSocket, until it leaves.

use std::time::Duration;

use alcove::web::wire::{
    Answer, Ask, Event, Frame, Hello, Request, Source, TrackState, VERSION, Welcome, Wish,
};
use anyhow::{Context, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::daemon::Daemon;
use crate::fake::{Fake, Slots};
use crate::player::{Pictures, Sends};
use crate::traffic::Traffic;

/// How long the daemon may take for an answer, or for media.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whom a fake participant watches.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Watches {
    Nobody,
    /// The cameras of so many of the others in the order of their coming: the first in the largest size, the
    /// rest as small tiles.
    First(usize),
}

/// Who joins, and what for.
pub(crate) struct Joining {
    pub(crate) id: usize,
    pub(crate) fake: Fake,
    pub(crate) sends: Sends,
    pub(crate) slots: Slots,
    pub(crate) watches: Watches,
}

/// A fake participant in a meeting.
pub(crate) struct Attendee {
    id: usize,
    traffic: Traffic,
    leave: oneshot::Sender<()>,
    words: JoinHandle<anyhow::Result<()>>,
}

impl Attendee {
    /// Leaves as people do.
    pub(crate) async fn leave(self) -> anyhow::Result<()> {
        // Fails when the words have ended, which the next line tells.
        let _ = self.leave.send(());
        let outcome = self.words.await.context("the words of a participant panicked")?;
        self.traffic.remove(self.id);
        outcome
    }
}

/// Joins `meeting`, and returns when media is connected.
pub(crate) async fn attend(
    daemon: &Daemon,
    meeting: &str,
    traffic: &Traffic,
    joining: Joining,
) -> anyhow::Result<Attendee> {
    let Joining { id, mut fake, sends, slots, watches } = joining;
    let mut words = Words::open(daemon, meeting).await?;
    let welcome = words.hello(daemon.admin_token(), &format!("Fake {id}")).await?;
    let Answer::Answer { sdp } = words.ask(Ask::Offer { sdp: fake.offer(slots)? }).await? else {
        bail!("the offer was not answered by an answer");
    };
    fake.accept(&sdp)?;
    let connected = fake.connected();
    traffic.add(id, fake);
    for source in published(sends) {
        words.ask(Ask::Track { source, state: TrackState::On }).await?;
    }
    let ids = welcome.participants.iter().map(|one| one.id.clone()).filter(|one| *one != welcome.you);
    let mut watch = Watch { watches, you: welcome.you.clone(), others: ids.collect() };
    words.say(watch.wishes()).await?;
    tokio::time::timeout(PATIENCE, connected).await.context("media did not connect")?.context("no media")?;
    let (leave, leaves) = oneshot::channel();
    let words = tokio::spawn(async move { words.attend(&mut watch, leaves).await });
    Ok(Attendee { id, traffic: traffic.clone(), leave, words })
}

fn published(sends: Sends) -> Vec<Source> {
    let microphone = sends.sound.then_some(Source::Microphone);
    let camera = (sends.pictures != Pictures::None).then_some(Source::Camera);
    microphone.into_iter().chain(camera).collect()
}

/// Whom one participant watches among those who are there.
struct Watch {
    watches: Watches,
    you: String,
    /// In the order of their coming.
    others: Vec<String>,
}

impl Watch {
    /// Returns whether something changed for this participant.
    fn note(&mut self, event: &Event) -> bool {
        let before = self.watched().to_vec();
        match event {
            Event::Joined { participant } if participant.id != self.you => {
                self.others.push(participant.id.clone());
            }
            Event::Left { participant, .. } => self.others.retain(|one| one != participant),
            _ => {}
        }
        self.watched() != before
    }

    fn watched(&self) -> &[String] {
        match self.watches {
            Watches::Nobody => &[],
            Watches::First(count) => &self.others[..count.min(self.others.len())],
        }
    }

    fn wishes(&self) -> Ask {
        let wish = |(at, participant): (usize, &String)| Wish {
            participant: participant.clone(),
            source: Source::Camera,
            max_height: if at == 0 { 720 } else { 180 },
        };
        Ask::Watch { wishes: self.watched().iter().enumerate().map(wish).collect() }
    }
}

pub(crate) struct Words {
    socket: WebSocketStream<TlsStream<TcpStream>>,
    next: u32,
    /// Came while an answer was waited for.
    early: Vec<Event>,
}

impl Words {
    pub(crate) async fn open(daemon: &Daemon, meeting: &str) -> anyhow::Result<Self> {
        let url = format!("wss://{}/api/v1/meetings/{meeting}/ws", daemon.authority());
        let tls = daemon.dial().await?;
        let (socket, _) = tokio_tungstenite::client_async(url, tls).await.context("no WebSocket")?;
        Ok(Self { socket, next: 0, early: Vec::new() })
    }

    pub(crate) async fn hello(&mut self, token: &str, name: &str) -> anyhow::Result<Welcome> {
        let hello = Hello {
            version: VERSION,
            token: token.to_owned(),
            name: name.to_owned(),
            password: None,
            custom_info: None,
            identity: None,
            user: None,
            resume: None,
            bridge: None,
        };
        match self.ask(Ask::Hello(hello)).await? {
            Answer::Welcome(welcome) => Ok(*welcome),
            other => bail!("the hello was answered by {other:?}"),
        }
    }

    /// Asks, and waits for the answer.
    async fn ask(&mut self, ask: Ask) -> anyhow::Result<Answer> {
        let id = self.next;
        self.say(ask).await?;
        let answer = async {
            loop {
                match self.read().await?.context("the socket was closed")? {
                    Frame::Answered { re, ok } if re == id => return Ok(ok),
                    Frame::Refused { refused, .. } => bail!("refused: {} ({})", refused.detail, refused.code),
                    Frame::Delta { event, .. } => self.early.push(event),
                    _ => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, answer).await.context("no answer in time")?
    }

    pub(crate) async fn say(&mut self, ask: Ask) -> anyhow::Result<()> {
        let request = Request { id: self.next, ask };
        self.next += 1;
        let text = serde_json::to_string(&request).context("a request is JSON")?;
        self.socket.send(Message::text(text)).await.context("the socket takes nothing")
    }

    /// The next frame; nothing when the socket was closed.
    pub(crate) async fn read(&mut self) -> anyhow::Result<Option<Frame>> {
        loop {
            match self.socket.next().await.transpose().context("the socket broke")? {
                Some(Message::Text(text)) => {
                    return serde_json::from_str(&text).context("a frame cannot be read").map(Some);
                }
                None | Some(Message::Close(_)) => return Ok(None),
                Some(_) => {}
            }
        }
    }

    /// Follows who is there until it is time to leave.
    async fn attend(&mut self, watch: &mut Watch, mut leave: oneshot::Receiver<()>) -> anyhow::Result<()> {
        for event in std::mem::take(&mut self.early) {
            watch.note(&event);
        }
        self.say(watch.wishes()).await?;
        loop {
            let frame = tokio::select! {
                frame = self.read() => frame?.context("the daemon closed the socket")?,
                _ = &mut leave => break,
            };
            if let Frame::Delta { event, .. } = frame
                && watch.note(&event)
            {
                self.say(watch.wishes()).await?;
            }
        }
        self.say(Ask::Leave {}).await?;
        // However the daemon closes: the participant has left.
        while let Ok(Some(_)) = self.read().await {}
        Ok(())
    }
}
