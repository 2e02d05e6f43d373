//! The WebSocket through a real listener: the upgrade, the tokens, and how it ends.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::*;
use crate::api::failures::FAILURES_MAX;
use crate::web::wire::REQUEST_BYTES_MAX;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Serves the house on a port of the system's choice for as long as the test runs.
async fn listen(house: &House) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let service = house.router.clone().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

async fn open(address: SocketAddr, meeting: &str) -> Socket {
    let url = format!("ws://{address}/api/v1/meetings/{meeting}/ws");
    connect_async(url).await.expect("a socket").0
}

fn hello(token: &str) -> Message {
    let hello = json!({ "version": 1, "token": token, "name": "Ann" });
    Message::text(json!({ "id": 1, "do": { "hello": hello } }).to_string())
}

async fn hear(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.expect("a frame").expect("a whole one") {
            Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
            Message::Ping(_) => {}
            other => panic!("{other:?} instead of words"),
        }
    }
}

async fn close_code(socket: &mut Socket) -> u16 {
    loop {
        if let Message::Close(frame) = socket.next().await.expect("a close frame").expect("a whole one") {
            return frame.expect("a reason").code.into();
        }
    }
}

#[tokio::test]
async fn a_join_token_opens_its_meeting_and_no_other() {
    let house = House::new();
    house.fake.create("den", None);
    let address = listen(&house).await;
    let expired = house.tokens.issue("room", Role::Host, NOW_UNIX_S);
    for (meeting, token, code) in [
        ("room", "", "not-permitted"),
        ("room", "wrong", "not-permitted"),
        ("room", expired.as_str(), "not-permitted"),
        ("den", &house.token("room", Role::Host), "not-permitted"),
    ] {
        let mut socket = open(address, meeting).await;
        socket.send(hello(token)).await.expect("sent");
        assert_eq!(hear(&mut socket).await["refused"]["code"], code);
        assert_eq!(close_code(&mut socket).await, 4403);
    }
    for token in [house.token("room", Role::Audience), house.tokens.admin().to_owned()] {
        let mut socket = open(address, "room").await;
        socket.send(hello(&token)).await.expect("sent");
        assert_eq!(hear(&mut socket).await["ok"]["welcome"]["version"], 1);
    }
    let roles = house.get("/api/v1/meetings/room/participants").await.json();
    assert_eq!([&roles["participants"][0]["role"], &roles["participants"][1]["role"]], ["audience", "host"]);
}

#[tokio::test]
async fn the_code_on_the_screen_opens_its_meeting_and_no_other() {
    let house = House::new();
    house.fake.create("den", None);
    let address = listen(&house).await;
    let code = house.tokens.code("room", NOW_UNIX_S);
    let mut socket = open(address, "den").await;
    socket.send(hello(&code)).await.expect("sent");
    assert_eq!(hear(&mut socket).await["refused"]["code"], "not-permitted");
    let mut socket = open(address, "room").await;
    socket.send(hello(&code.to_lowercase())).await.expect("sent");
    assert_eq!(hear(&mut socket).await["ok"]["welcome"]["version"], 1);
}

#[tokio::test]
async fn words_beyond_the_limit_close_the_socket_and_nobody_else() {
    let house = House::new();
    let address = listen(&house).await;
    let token = house.token("room", Role::Speaker);
    let mut other = open(address, "room").await;
    other.send(hello(&token)).await.expect("sent");
    hear(&mut other).await;
    let mut socket = open(address, "room").await;
    socket.send(hello(&token)).await.expect("sent");
    hear(&mut socket).await;
    // The other end may close before it has taken everything.
    let _ = socket.send(Message::text("x".repeat(REQUEST_BYTES_MAX + 1))).await;
    while let Some(Ok(_)) = socket.next().await {}
    let request = json!({ "id": 2, "do": { "watch": { "wishes": [] } } });
    other.send(Message::text(request.to_string())).await.expect("sent");
    assert_eq!(hear(&mut other).await, json!({ "re": 2, "ok": { "done": {} } }));
}

#[tokio::test]
async fn who_leaves_is_closed_properly() {
    let house = House::new();
    let address = listen(&house).await;
    let mut socket = open(address, "room").await;
    socket.send(hello(&house.token("room", Role::Speaker))).await.expect("sent");
    hear(&mut socket).await;
    let leave = json!({ "id": 2, "do": { "leave": {} } });
    socket.send(Message::text(leave.to_string())).await.expect("sent");
    assert_eq!(hear(&mut socket).await["re"], 2);
    assert_eq!(close_code(&mut socket).await, 1000);
    assert!(house.fake.members().is_empty());
}

#[tokio::test]
async fn guesses_over_sockets_are_slowed_down_too() {
    let house = House::new();
    let address = listen(&house).await;
    for _ in 0..FAILURES_MAX {
        let mut socket = open(address, "room").await;
        socket.send(hello("wrong")).await.expect("sent");
        assert_eq!(hear(&mut socket).await["refused"]["code"], "not-permitted");
    }
    let mut socket = open(address, "room").await;
    socket.send(hello(&house.token("room", Role::Speaker))).await.expect("sent");
    assert_eq!(hear(&mut socket).await["refused"]["code"], "too-many-requests");
    assert_eq!(close_code(&mut socket).await, 4429);
}
