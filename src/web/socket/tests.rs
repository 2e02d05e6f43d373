//! A socket in virtual time: in-memory frames on one side, a fake loop on the other.

use std::pin::Pin;
use std::task::{Context, Poll};

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::advance;

use super::*;
use crate::appliance::fake::Fake;
use crate::appliance::handle::FRAMES_MAX;
use crate::web::wire::Role;

/// The appliance's end of a socket: what comes in is read from a queue, what goes out is put into one.
struct End {
    incoming: mpsc::Receiver<Result<Message, ()>>,
    outgoing: mpsc::UnboundedSender<Message>,
    reads_on: bool,
}

impl Stream for End {
    type Item = Result<Message, ()>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.incoming.poll_recv(context)
    }
}

impl Sink<Message> for End {
    type Error = ();

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        if self.reads_on { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), ()> {
        self.outgoing.send(message).map_err(|_| ())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }
}

/// Lets `good` in as a speaker.
struct Guard(std::sync::Arc<AtomicUsize>);

impl Door for Guard {
    fn role(&self, token: &str) -> Result<Role, Refusal> {
        let wrong = || Refusal::new(Code::NotPermitted, "the token is wrong");
        if token == "good" { Ok(Role::Speaker) } else { Err(wrong()) }
    }

    fn user(&self, _: &str) -> Option<u64> {
        None
    }

    fn signs_in(&self, _: &str) -> Option<(u64, u32)> {
        None
    }

    fn wrong_password(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A participant's end, with the loop that it talks to.
struct Visitor {
    handle: Handle,
    fake: Fake,
    says: mpsc::Sender<Result<Message, ()>>,
    hears: mpsc::UnboundedReceiver<Message>,
    serving: JoinHandle<()>,
    guesses: std::sync::Arc<AtomicUsize>,
}

impl Visitor {
    fn new() -> Self {
        let (handle, fake) = Fake::start();
        Self::at(handle, fake, "room", true)
    }

    fn at(handle: Handle, fake: Fake, meeting: &str, reads_on: bool) -> Self {
        let (says, incoming) = mpsc::channel(4096);
        let (outgoing, hears) = mpsc::unbounded_channel();
        let guesses = std::sync::Arc::default();
        let guard = Guard(std::sync::Arc::clone(&guesses));
        let end = End { incoming, outgoing, reads_on };
        let serving = tokio::spawn(serve(end, meeting.to_owned(), handle.clone(), guard));
        Self { handle, fake, says, hears, serving, guesses }
    }

    async fn say(&self, words: Value) {
        self.send(Message::Text(words.to_string().into())).await;
    }

    async fn send(&self, message: Message) {
        self.says.send(Ok(message)).await.expect("the socket is served");
    }

    /// The next words; pings are passed over.
    async fn hear(&mut self) -> Value {
        loop {
            match self.hears.recv().await.expect("words") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Ping(_) => {}
                other => panic!("{other:?} instead of words"),
            }
        }
    }

    /// The close frame, whatever comes before it.
    async fn close_code(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.hears.recv().await.expect("a close frame") {
                return frame.expect("a reason").code;
            }
        }
    }

    async fn join(&mut self) -> Value {
        self.say(hello()).await;
        self.hear().await
    }

    /// What the loop was asked, once the socket is over.
    async fn calls_at_the_end(mut self) -> Vec<String> {
        self.hears.close();
        drop(self.says);
        self.serving.await.expect("no panic");
        // An answer to anything later means that the calls before it were seen.
        self.handle.status().await.expect("an answer");
        self.fake.calls()
    }
}

fn hello() -> Value {
    json!({ "id": 7, "do": { "hello": { "version": 1, "token": "good", "name": "Ann" } } })
}

fn with(mut words: Value, field: &str, value: Value) -> Value {
    words["do"]["hello"][field] = value;
    words
}

#[tokio::test(start_paused = true)]
async fn a_hello_is_answered_with_a_welcome_and_its_own_id() {
    let mut visitor = Visitor::new();
    let welcome = visitor.join().await;
    assert_eq!(welcome["re"], 7);
    assert_eq!(welcome["ok"]["welcome"]["you"], "p1");
    assert_eq!(welcome["ok"]["welcome"]["participants"][0]["name"], "Ann");
    assert_eq!(visitor.fake.member(MemberId(1)).role, Role::Speaker);
}

#[tokio::test(start_paused = true)]
async fn a_hello_that_cannot_be_taken_is_refused_and_closed_with_its_code() {
    let long = "x".repeat(5000);
    for (words, code, close) in [
        (json!({ "id": 7, "do": { "leave": {} } }), "invalid-parameter", 4400),
        (with(hello(), "nose", json!(1)), "invalid-parameter", 4400),
        (with(hello(), "name", json!(1)), "invalid-parameter", 4400),
        (with(hello(), "custom_info", json!(long)), "invalid-parameter", 4400),
        (with(hello(), "version", json!(0)), "client-too-old", 4426),
        (with(with(hello(), "version", json!(2)), "news", json!({})), "server-too-old", 4426),
        (with(hello(), "token", json!("wrong")), "not-permitted", 4403),
        (with(hello(), "resume", json!({ "secret": "x", "seq": 0 })), "peer-lost", 4410),
    ] {
        let mut visitor = Visitor::new();
        visitor.say(words.clone()).await;
        let refused = visitor.hear().await;
        assert_eq!((&refused["refused"]["code"], &refused["re"]), (&json!(code), &json!(7)), "{words}");
        assert_eq!(visitor.close_code().await, close, "{words}");
        assert!(visitor.fake.members().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_begin_with_words_is_refused() {
    for message in [Message::Binary(Bytes::from_static(b"{}")), Message::Text("garbage".into())] {
        let mut visitor = Visitor::new();
        visitor.send(message).await;
        let refused = visitor.hear().await;
        assert_eq!((&refused["refused"]["code"], refused.get("re")), (&json!("invalid-parameter"), None));
        assert_eq!(visitor.close_code().await, 4400);
    }
}

#[tokio::test(start_paused = true)]
async fn a_meeting_that_is_not_there_and_a_wrong_password_have_their_codes() {
    let (handle, fake) = Fake::start();
    fake.create("vault", Some("sesame"));
    for (meeting, password, code, close, guesses) in [
        ("attic", None, "meeting-not-found", 4404, 0),
        ("vault", None, "wrong-password", 4401, 0),
        ("vault", Some("x"), "wrong-password", 4401, 1),
    ] {
        let mut visitor = Visitor::at(handle.clone(), fake.clone(), meeting, true);
        visitor.say(password.map_or_else(hello, |word| with(hello(), "password", json!(word)))).await;
        assert_eq!(visitor.hear().await["refused"]["code"], code);
        assert_eq!(visitor.close_code().await, close);
        assert_eq!(visitor.guesses.load(Ordering::Relaxed), guesses, "{meeting}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_closed_after_the_hello_time() {
    let mut visitor = Visitor::new();
    assert_eq!(visitor.hear().await["refused"]["code"], "invalid-parameter");
    assert_eq!(visitor.close_code().await, 4400);
}

#[tokio::test(start_paused = true)]
async fn requests_are_handed_on_and_answers_come_back() {
    let mut visitor = Visitor::new();
    visitor.join().await;
    visitor.say(json!({ "id": 8, "do": { "offer": { "sdp": "a=sendonly" } } })).await;
    assert_eq!(visitor.hear().await, json!({ "re": 8, "ok": { "answer": { "sdp": "a=recvonly" } } }));
    visitor.say(json!({ "id": 9, "do": { "watch": { "wishes": [] } } })).await;
    assert_eq!(visitor.hear().await, json!({ "re": 9, "ok": { "done": {} } }));
    visitor.say(json!({ "id": 10, "do": { "hello": hello()["do"]["hello"] } })).await;
    assert_eq!(visitor.hear().await["re"], 10);
}

#[tokio::test(start_paused = true)]
async fn bad_frames_are_refused_one_by_one_and_too_many_close_the_socket() {
    let mut visitor = Visitor::new();
    visitor.join().await;
    for number in 0..=BAD_FRAMES_MAX {
        visitor.say(json!({ "id": number, "do": { "dance": {} } })).await;
        let refused = visitor.hear().await;
        assert_eq!(
            (&refused["re"], &refused["refused"]["code"]),
            (&json!(number), &json!("invalid-parameter"))
        );
    }
    assert_eq!(visitor.close_code().await, 4400);
    assert!(visitor.calls_at_the_end().await.contains(&"cut 1".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_not_waited_for_are_refused() {
    let mut visitor = Visitor::new();
    visitor.join().await;
    visitor.fake.fall_silent();
    for id in 0..=UNANSWERED_MAX {
        visitor.say(json!({ "id": id, "do": { "watch": { "wishes": [] } } })).await;
    }
    let refused = visitor.hear().await;
    assert_eq!(
        (&refused["re"], &refused["refused"]["code"]),
        (&json!(UNANSWERED_MAX), &json!("too-many-requests"))
    );
    let asked = visitor.calls_at_the_end().await.iter().filter(|call| call.starts_with("ask")).count();
    assert_eq!(asked, UNANSWERED_MAX);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_hears_so_and_is_not_cut() {
    let mut visitor = Visitor::new();
    visitor.join().await;
    visitor.say(json!({ "id": 8, "do": { "leave": {} } })).await;
    assert_eq!(visitor.hear().await, json!({ "re": 8, "ok": { "done": {} } }));
    assert_eq!(visitor.close_code().await, 1000);
    assert!(!visitor.calls_at_the_end().await.iter().any(|call| call.starts_with("cut")));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_meeting_is_told_and_closes() {
    let mut visitor = Visitor::new();
    visitor.join().await;
    visitor.handle.end_meeting("room".to_owned()).await.expect("it lives");
    assert_eq!(visitor.hear().await["event"], json!({ "ended": {} }));
    assert_eq!(visitor.close_code().await, 1000);
}

#[tokio::test(start_paused = true)]
async fn who_is_let_go_of_is_asked_to_come_back_and_not_cut() {
    let mut visitor = Visitor::new();
    visitor.join().await;
    visitor.fake.let_go(MemberId(1));
    assert_eq!(visitor.close_code().await, 1001);
    assert!(!visitor.calls_at_the_end().await.iter().any(|call| call.starts_with("cut")));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_whole_socket_gives_its_code_to_the_close_frame() {
    let mut visitor = Visitor::new();
    visitor.join().await;
    let refused = Refused { code: "not-permitted".to_owned(), detail: "removed by the host".to_owned() };
    assert!(visitor.fake.say(MemberId(1), Frame::Refused { re: None, refused }));
    visitor.fake.let_go(MemberId(1));
    assert_eq!(visitor.close_code().await, 4403);
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_goes_away_is_a_cut_and_may_come_back() {
    let mut visitor = Visitor::new();
    visitor.join().await;
    let (handle, fake) = (visitor.handle.clone(), visitor.fake.clone());
    assert_eq!(visitor.calls_at_the_end().await.last().map(String::as_str), Some("cut 1"));
    let mut visitor = Visitor::at(handle, fake, "room", true);
    // The secret is enough, even when the token has expired since.
    let resume = with(hello(), "resume", json!({ "secret": "secret-1", "seq": 3 }));
    visitor.say(with(resume, "token", json!("expired"))).await;
    assert_eq!(visitor.hear().await["ok"]["resumed"]["seq"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_socket_is_pinged_and_dead_when_nothing_comes_back() {
    let mut visitor = Visitor::new();
    visitor.join().await;
    advance(PING_EVERY).await;
    while !matches!(visitor.hears.recv().await.expect("a ping"), Message::Ping(_)) {}
    visitor.send(Message::Pong(Bytes::new())).await;
    // Virtual time goes on by itself until the socket is over.
    visitor.serving.await.expect("no panic");
    visitor.handle.status().await.expect("an answer");
    assert!(visitor.fake.calls().contains(&"cut 1".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_never_reads_is_cut_and_holds_no_more_than_its_queue() {
    let (handle, fake) = Fake::start();
    let visitor = Visitor::at(handle, fake, "room", false);
    visitor.say(hello()).await;
    visitor.handle.status().await.expect("an answer");
    while visitor.fake.members().is_empty() {
        tokio::task::yield_now().await;
    }
    let word =
        || Frame::Delta { seq: 1, event: Event::Presence { participant: "p9".to_owned(), present: true } };
    let taken = (0..2 * FRAMES_MAX).take_while(|_| visitor.fake.say(MemberId(1), word())).count();
    assert_eq!(taken, FRAMES_MAX);
    visitor.serving.await.expect("no panic");
    visitor.handle.status().await.expect("an answer");
    assert!(visitor.fake.calls().contains(&"cut 1".to_owned()));
}
