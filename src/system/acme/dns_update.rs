//! Records by dynamic update (RFC 2136), signed with a shared key (TSIG, RFC 8945), over TCP.
//!
//! ```text
//!   SOA of _acme-challenge.NAME? ─▶ the zone, or a CNAME into another one ─▶ add TXT ─▶ every server of the zone has it
//!                                                                              afterwards: delete that TXT ◀─┘
//! ```

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use alcove_hal::clock::Clock;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hickory_proto::op::{Message, MessageType, Query, ResponseCode, update_message};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::rdata::tsig::TsigAlgorithm;
use hickory_proto::rr::{Name, RData, Record, RecordSet, RecordType, TSigner};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{sleep_until, timeout};

use super::failure::Failure;
use crate::config::Secret;

/// How far apart the clocks may be, in seconds (RFC 8945, 10).
const FUDGE_S: u16 = 300;

/// How long a record may be remembered elsewhere, in seconds.
const TTL_S: u32 = 60;

/// How long one answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// How many CNAMEs are followed.
const ALIASES_MAX: usize = 8;

/// How often, and how many times, the other servers of a zone are looked at until they have the record.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const LOOKS_MAX: u32 = 30;

const ADVICE: &str =
    "look at acme.dns_server, acme.dns_username and acme.dns_password, and at what that key may update";

/// A server that takes updates, and what it was given.
pub(super) struct DnsUpdate {
    server: (String, u16),
    signer: TSigner,
    clock: Arc<dyn Clock>,
    put: Vec<(Name, RecordSet)>,
}

impl DnsUpdate {
    /// A server by name or address, with the name of the key and the key in base64.
    pub(super) fn new(
        (host, port): (String, u16),
        key_name: &str,
        key: &Secret,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let unfit = |cause: String| Failure::here(format!("the key cannot be used: {cause}"), ADVICE);
        let key = BASE64_STANDARD.decode(key.reveal()).map_err(|cause| unfit(cause.to_string()))?;
        let name = Name::from_ascii(key_name).map_err(|cause| unfit(cause.to_string()))?;
        let signer = TSigner::new(key, TsigAlgorithm::HmacSha256, name, FUDGE_S);
        let signer = signer.map_err(|cause| unfit(cause.to_string()))?;
        Ok(Self { server: (host, port), signer, clock, put: Vec::new() })
    }

    /// Has a text served for `_acme-challenge` of that name, by all servers of its zone.
    pub(super) async fn put(&mut self, name: &str, text: &str) -> Result<(), Failure> {
        let failed =
            |cause: String| Failure::here(format!("no record can be put for {name}: {cause}"), ADVICE);
        let record = Name::from_ascii(format!("_acme-challenge.{name}."))
            .map_err(|cause| failed(cause.to_string()))?;
        let (zone, record) = self.zone_of(record).await.map_err(failed)?;
        let mut texts = RecordSet::with_ttl(record.clone(), RecordType::TXT, TTL_S);
        texts.add_rdata(RData::TXT(TXT::new(vec![text.to_owned()])));
        let added = self.update(update_message::append(texts.clone(), zone.clone(), false, false)).await;
        if let Err(cause) = added {
            // Whether it has arrived is not always known.
            drop(self.update(update_message::delete_by_rdata(texts, zone, false)).await);
            return Err(failed(cause));
        }
        self.put.push((zone.clone(), texts));
        for server in self.others(&zone).await {
            self.wait_for(server, &record, text).await;
        }
        Ok(())
    }

    /// Has all of them served no longer.
    pub(super) async fn remove_all(&mut self) {
        for (zone, texts) in std::mem::take(&mut self.put) {
            let name = texts.name().clone();
            if let Err(cause) = self.update(update_message::delete_by_rdata(texts, zone, false)).await {
                log::warn!("the record {name} stays in the DNS, where it does no harm: {cause}");
            }
        }
    }

    /// The zone in which that record stands, and the record: another one where the name is an alias.
    async fn zone_of(&self, mut record: Name) -> Result<(Name, Name), String> {
        for _ in 0..ALIASES_MAX {
            let answer = self.ask(&record, RecordType::SOA).await?;
            let alias = answer.answers.iter().find_map(|one| match &one.data {
                RData::CNAME(target) if one.name == record => Some(target.0.clone()),
                _ => None,
            });
            if let Some(alias) = alias {
                record = alias;
                continue;
            }
            let is_above = |one: &&Record| one.record_type() == RecordType::SOA && one.name.zone_of(&record);
            let zone =
                answer.answers.iter().chain(&answer.authorities).find(is_above).map(|one| one.name.clone());
            let code = answer.metadata.response_code;
            return zone
                .map(|zone| (zone, record.clone()))
                .ok_or_else(|| format!("the server does not say in which zone {record} stands ({code})"));
        }
        Err(format!("{record} is an alias of an alias, without end"))
    }

    async fn update(&self, mut message: Message) -> Result<(), String> {
        let now_unix = self.clock.unix_time().as_secs();
        let verifier = message.finalize(&self.signer, now_unix).map_err(|cause| cause.to_string())?;
        let answer = exchange((self.server.0.as_str(), self.server.1), &message).await?;
        let code = Message::from_vec(&answer).map_err(|cause| cause.to_string())?.metadata.response_code;
        if code != ResponseCode::NoError {
            return Err(format!("the server refuses: {code}"));
        }
        let mut verifier = verifier.ok_or("the update was not signed")?;
        verifier.verify(&answer).map_err(|cause| format!("the answer is not the server's: {cause}"))?;
        Ok(())
    }

    async fn ask(&self, name: &Name, kind: RecordType) -> Result<Message, String> {
        let answer = exchange((self.server.0.as_str(), self.server.1), &question(name, kind)).await?;
        Message::from_vec(&answer).map_err(|cause| cause.to_string())
    }

    /// The servers of a zone, as far as their names lead anywhere.
    async fn others(&self, zone: &Name) -> Vec<SocketAddr> {
        let Ok(answer) = self.ask(zone, RecordType::NS).await else { return Vec::new() };
        let mut found = Vec::new();
        for one in &answer.answers {
            let RData::NS(host) = &one.data else { continue };
            if let Ok(mut addresses) = lookup_host((host.0.to_ascii().trim_end_matches('.'), 53)).await {
                found.extend(addresses.next());
            }
        }
        found
    }

    /// Returns when a server has the record. One that does not answer is left to the authority's own look.
    async fn wait_for(&self, server: SocketAddr, record: &Name, text: &str) {
        for _ in 0..LOOKS_MAX {
            let Ok(answer) = exchange(server, &question(record, RecordType::TXT)).await else { return };
            let Ok(answer) = Message::from_vec(&answer) else { return };
            let has = |one: &Record| matches!(&one.data, RData::TXT(texts) if texts.to_string() == text);
            if answer.answers.iter().any(has) {
                return;
            }
            sleep_until((self.clock.now() + LOOK_EVERY).into()).await;
        }
        log::warn!("{server} has not got the record {record} in time; the authority may not see it");
    }
}

fn question(name: &Name, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = false;
    message.add_query(Query::query(name.clone(), kind));
    message
}

/// Sends one message, and reads one: each behind its length (RFC 1035, 4.2.2).
async fn exchange(server: impl tokio::net::ToSocketAddrs, message: &Message) -> Result<Vec<u8>, String> {
    let asked = message.to_vec().map_err(|cause| cause.to_string())?;
    let length = u16::try_from(asked.len()).map_err(|_| "the message is too long")?;
    let talk = async {
        let mut stream = TcpStream::connect(server).await?;
        stream.write_all(&[&length.to_be_bytes()[..], &asked].concat()).await?;
        let mut answer = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = timeout(ANSWER_MAX, talk).await.map_err(|_| "the server does not answer")?;
    let answer = answer.map_err(|cause| format!("the server cannot be asked: {cause}"))?;
    let read = Message::from_vec(&answer).map_err(|cause| format!("the answer cannot be read: {cause}"))?;
    let (id, kind) = (message.metadata.id, MessageType::Response);
    if read.metadata.id != id || read.metadata.message_type != kind {
        return Err("the answer is to another question".to_owned());
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use alcove_hal::simulated::VirtualClock;
    use hickory_proto::op::OpCode;
    use tokio::net::TcpListener;

    use super::*;

    const RECORD: &str = "_acme-challenge.den.example.org.";

    /// A server that has the record from that question on, and answers with the numbers of the questions moved by so much.
    async fn server(has_it_from: u32, moved: u16) -> (SocketAddr, Arc<AtomicU32>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, asked) = (listener.local_addr().unwrap(), Arc::new(AtomicU32::new(0)));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut question = vec![0; stream.read_u16().await.unwrap().into()];
                stream.read_exact(&mut question).await.unwrap();
                let id = Message::from_vec(&question).unwrap().metadata.id.wrapping_add(moved);
                let mut answer = Message::response(id, OpCode::Query);
                if count.fetch_add(1, Ordering::Relaxed) + 1 >= has_it_from {
                    let name = Name::from_ascii(RECORD).unwrap();
                    answer.add_answer(Record::from_rdata(
                        name,
                        TTL_S,
                        RData::TXT(TXT::new(vec!["text".to_owned()])),
                    ));
                }
                let answer = answer.to_vec().unwrap();
                stream.write_u16(answer.len().try_into().unwrap()).await.unwrap();
                stream.write_all(&answer).await.unwrap();
            }
        });
        (address, asked)
    }

    fn update() -> DnsUpdate {
        let key: Secret = serde_json::from_str("\"c2VzYW1l\"").unwrap();
        DnsUpdate::new(("localhost".to_owned(), 53), "box", &key, Arc::new(VirtualClock::new())).unwrap()
    }

    #[tokio::test]
    async fn the_authority_is_called_when_every_server_of_the_zone_has_the_record() {
        let (secondary, asked) = server(3, 0).await;
        update().wait_for(secondary, &Name::from_ascii(RECORD).unwrap(), "text").await;
        assert_eq!(asked.load(Ordering::Relaxed), 3);
        let (other, asked) = server(1, 0).await;
        update().wait_for(other, &Name::from_ascii(RECORD).unwrap(), "another text").await;
        assert_eq!(asked.load(Ordering::Relaxed), LOOKS_MAX, "not for ever");
    }

    #[tokio::test]
    async fn an_answer_to_another_question_is_none() {
        let (address, _) = server(1, 1).await;
        let asked = exchange(address, &question(&Name::from_ascii(RECORD).unwrap(), RecordType::TXT)).await;
        assert_eq!(asked, Err("the answer is to another question".to_owned()));
    }
}
