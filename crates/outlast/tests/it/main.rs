//! Black-box tests: the real binary, the published SDKs, real kills.
//!
//! Not here: anything the server's inside knows. A server is started as a user starts it, on ports
//! of its own choice and a directory of its own; what is judged is what a worker, a client, an
//! operator can see. Tests wait for states with deadlines and never for time to pass.
//!
//! `cargo xtask test blackbox` runs them with what they need: `OUTLAST_BIN` (the binary under test,
//! else cargo's), `OUTLAST_PYTHON`, `OUTLAST_NODE` and `OUTLAST_NPM` (where the SDKs are installed), and
//! `OUTLAST_EXAMPLES` (where the Rust samples are built).

#![expect(clippy::print_stderr, reason = "what a failed test says about itself")]

mod api;
mod broken_disk;
mod cluster;
mod crash;
mod entities;
mod javascript;
mod operator;
mod payloads;
mod program;
mod python;
mod rust;
mod samples;
mod scenarios;
mod schedules;
mod scratch;
mod server;
