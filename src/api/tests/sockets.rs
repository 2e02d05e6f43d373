//! The WebSocket through a real listener: the upgrade, the tokens, and how it ends.
