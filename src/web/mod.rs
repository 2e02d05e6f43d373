//! The page and its words: the WebSocket, and the files of the client.

pub mod assets;
#[cfg(test)]
mod protocol;
pub mod socket;
#[cfg(test)]
mod typescript;
pub mod wire;
pub mod words;
