//! Gives memory that was freed back to the system.
//!
//! The allocator keeps freed pages until it is called again, and a server whose instances all wait
//! does not call it. Not here: which allocator (`main`), and when a thread is calm (`server`).

/// Gives back what this thread has freed, and what nobody uses any more.
#[expect(unsafe_code, reason = "the allocator offers this as a C function only")]
pub(crate) fn give_back() {
    // SAFETY: it takes no pointer, and may be called at any time from any thread.
    unsafe { libmimalloc_sys::mi_collect(true) }
}
