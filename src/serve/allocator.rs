//! How the system's allocator treats large blocks.

/// Blocks of so many bytes and more are mapped on their own.
#[cfg(target_env = "gnu")]
const MAPPED_FROM_BYTES: libc::c_int = 1024 * 1024;

/// So many free bytes at the end of a heap stay with it, and it grows by so many at a time: one heap for each thread that
/// has had large frames, which are few. With the system's 128 KiB
/// nearly every frame of a large batch would give its memory back and take fresh pages: a fifth of the cost of producing.
#[cfg(target_env = "gnu")]
const KEPT_BYTES: libc::c_int = 8 * 1024 * 1024;
#[cfg(target_env = "gnu")]
const GROWN_BYTES: libc::c_int = 1024 * 1024;

/// Keeps large blocks out of the heaps: each is mapped on its own, grows without a copy and goes back to the system when it
/// is freed.
///
/// Left to itself, glibc moves its threshold up to 32 MiB as large blocks are freed. Buffers of frames then break up the
/// heaps of its threads, and the process holds twice what the budgets of memory count.
pub(super) fn map_large_blocks() {
    #[cfg(target_env = "gnu")]
    for (parameter, bytes) in [
        (libc::M_MMAP_THRESHOLD, MAPPED_FROM_BYTES),
        (libc::M_TRIM_THRESHOLD, KEPT_BYTES),
        (libc::M_TOP_PAD, GROWN_BYTES),
    ] {
        #[expect(unsafe_code, reason = "no library offers this call as a safe one")]
        // SAFETY: the call takes two numbers, may be made at any time and from any thread, and frees or moves nothing.
        let done = unsafe { libc::mallopt(parameter, bytes) };
        if done == 0 {
            tracing::warn!(parameter, "a limit of the allocator can't be set: memory may exceed its budgets");
        }
    }
}
