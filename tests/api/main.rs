//! The real daemon, asked from outside: its program, its HTTPS, its WebSocket, and everything that is sent wrongly.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod access;
mod acme;
mod agent;
mod appliance;
mod bad_input;
mod calls;
mod certificates;
mod claim;
mod configuration;
mod control;
mod crowd;
mod debian;
mod events;
mod fleet;
mod floods;
mod gatherings;
mod kept;
mod lobby;
mod meetings;
mod monitoring;
mod nats;
mod nats_rooms;
mod nats_server;
mod notices;
mod operations;
mod pebble;
mod people;
mod planned;
mod program;
mod returns;
mod room;
mod rooms;
mod sdp;
mod stick;
mod systemd;
mod words;
