//! The appliance among other programs: certificates, tokens, the log, systemd, the image, the network, the memory that
//! is kept, and files that are secret.

pub mod acme;
pub mod api_tokens;
pub mod audit;
pub mod box_id;
pub mod certificates;
pub mod claim;
pub mod conditions;
pub mod configuration;
pub mod desired;
pub mod events;
pub mod files;
pub mod https;
mod lines;
pub mod log;
pub mod log_lines;
pub mod machine;
pub mod mail;
pub mod memory;
pub mod nearby;
pub mod network;
pub mod notify;
pub mod operations;
pub mod process;
pub mod sockets;
pub mod tokens;
pub mod trust;
pub mod tunnels;
pub mod updates;
pub mod web_push;
pub mod webhooks;
