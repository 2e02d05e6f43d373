//! What people who have come and gone leave behind in the process is given back to the machine.

use std::time::Duration;

use alcove_hal::linux::memory;

/// How often. Joining takes several times the memory that staying does, and meetings begin with many who join.
const EVERY: Duration = Duration::from_secs(5);

/// Gives back what was freed, from time to time, for as long as it is polled.
pub async fn keep_small() {
    let mut turns = tokio::time::interval(EVERY);
    loop {
        turns.tick().await;
        // Beside the threads that words are spoken on; only a runtime that ends does not carry it out.
        drop(tokio::task::spawn_blocking(memory::give_back).await);
    }
}
