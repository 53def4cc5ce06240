//! A replica among others: who takes part, what replicas say to each other, copies of rows.
//!
//! Not here: the consensus itself (`replication`), and sessions between nodes (`peers`).

mod members;
mod seat;

pub use self::seat::Seat;
