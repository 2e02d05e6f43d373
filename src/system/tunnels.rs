//! Ways to other boxes that no network leads to, such as one through a fleet's NATS.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::DuplexStream;

/// What begins with this is reached by such a way, and not by an address: `nats:BOX`.
pub const BY_NATS: &str = "nats:";

/// Opens a way to the box of that id: bytes in both directions, which TLS protects from end to end.
pub type Dial =
    Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = anyhow::Result<DuplexStream>> + Send>> + Send + Sync>;
