//! The page and its words: the WebSocket, and the files of the client.

pub mod wire;
