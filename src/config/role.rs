//! What somebody may do who was let in without a token of their own.

use serde::{Deserialize, Serialize};

/// One of the roles of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GivenRole {
    /// Everything.
    Owner,
    /// Everything but tokens and forgetting everything.
    Admin,
    /// Meetings, people and calls, and the room.
    Integrator,
    /// The room alone.
    RoomControl,
    /// Looks, and changes nothing.
    #[default]
    Viewer,
}
