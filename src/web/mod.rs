//! The page and its words: the WebSocket, and the files of the client.

#[cfg(test)]
mod typescript;
pub mod wire;
