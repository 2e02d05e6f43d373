//! The memory that the allocator keeps for later, and what is given back of it.

/// Gives the machine back what was freed. glibc keeps it, in a heap for each thread, until something at the very end
/// of that heap is freed, which may be never. Takes less than a millisecond for tens of megabytes, and holds up
/// threads that allocate only as long as their own heap is looked through.
#[cfg(target_env = "gnu")]
pub fn give_back() {
    #[expect(unsafe_code, reason = "the standard library has no call for this")]
    unsafe extern "C" {
        /// `malloc_trim(3)`
        safe fn malloc_trim(pad: usize) -> std::ffi::c_int;
    }
    // Whether there was anything to give back.
    let _ = malloc_trim(0);
}

/// Other allocators see to that themselves.
#[cfg(not(target_env = "gnu"))]
pub fn give_back() {}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::hint::black_box;

    /// What of this process is in memory, in kB.
    fn resident_kb() -> usize {
        let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident set");
        line.trim_end_matches("kB").trim().parse().expect("a number")
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn what_was_freed_between_things_that_stay_is_given_back() {
        let filled = || black_box(vec![1_u8; 16 * 1024]);
        let mut pieces: Vec<_> = (0..4096).map(|_| filled()).collect();
        // One of a hundred stays, the last one among them: the heap cannot shrink from its end.
        let mut at = 0;
        pieces.retain(|_| {
            at += 1;
            at % 100 == 96
        });
        let before = resident_kb();
        super::give_back();
        let after = resident_kb();
        assert!(after + 32 * 1024 < before, "{before} kB before, {after} kB after, {} stay", pieces.len());
    }
}
