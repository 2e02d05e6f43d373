//! Alcove, the open room appliance: it hosts meetings on its own SFU and takes part in them.

pub mod api;
pub mod appliance;
#[cfg(test)]
mod blessed;
pub mod config;
pub mod meeting;
pub mod refusal;
pub mod room;
pub mod sfu;
pub mod system;
pub mod track;
pub mod web;
