//! The fence around one peer's step: a panic or an error in it ends that peer alone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::sfu::GoneWhy;

/// Runs a step of a peer. After an error the peer must not be used again, which is why unwind safety can be
/// asserted: what was left half-changed is dropped.
pub(super) fn guarded<T, E: std::fmt::Display>(step: impl FnOnce() -> Result<T, E>) -> Result<T, GoneWhy> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(GoneWhy::Error(error.to_string())),
        Err(_) => Err(GoneWhy::Panicked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_passes_unchanged() {
        assert_eq!(guarded(|| Ok::<_, String>(7)), Ok(7));
    }

    #[test]
    fn an_error_becomes_a_reason() {
        let outcome = guarded(|| Err::<(), _>("no key".to_owned()));
        assert_eq!(outcome, Err(GoneWhy::Error("no key".to_owned())));
    }

    #[test]
    fn a_panic_is_caught_and_named() {
        let outcome = guarded(|| -> Result<(), String> { panic!("broken invariant") });
        assert_eq!(outcome, Err(GoneWhy::Panicked));
    }
}
