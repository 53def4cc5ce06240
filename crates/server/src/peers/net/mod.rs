//! Sessions over TCP: mutual TLS, one for each pair of nodes, made again when they break.
//!
//! | file | what |
//! |---|---|
//! | [`sessions`] | the door: what a node starts and stops, and the listener |
//! | `dialler` | reaches for one node, again and again |
//! | `greeting` | the first words: each side says who it is and checks the other |
//! | `table` | with whom there is a session |
//! | `session` | one session: reads, writes, notices silence |
//! | `lanes` | frames that wait to be written |
//! | `quiet` | says what is wrong, not too often |
//! | `tls` | what certificates are asked for, and what a failure of TLS means |
//! | `wire` | messages with their length, and the messages of the greeting |
//!
//! Which of two connections between the same nodes becomes the session is decided by the node with the
//! lower number alone: it says so on that connection, and refuses others while the session lives.
//! Not here: what frames mean (`frame`), and who may join (`identity`), for which connections come here too.

mod dialler;
pub(super) mod greeting;
mod lanes;
mod quiet;
mod session;
pub mod sessions;
mod table;
pub(super) mod tls;
pub(super) mod wire;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod refusals_tests;
#[cfg(test)]
mod sessions_tests;
#[cfg(test)]
pub(super) mod testing;

pub use self::sessions::{Sessions, Settings, Start};
