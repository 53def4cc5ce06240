//! The contract of a disk as a suite, which every implementation must pass.
//!
//! Not here: crashes, which only a simulated disk can do on demand; its own tests are beside it.
//! Each check is a sentence and panics with it when broken.
