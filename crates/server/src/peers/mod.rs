//! Other nodes of the cluster: what is said to them, and by which way.
//!
//! [`frame`] is what two nodes say to each other, [`calls`] what calls among it hold, [`links`] is how
//! the rest of the server sends and hears it, [`net`] carries it over TCP, and [`identity`] is how a node
//! proves who it is. A frame may be lost with its session, never doubled or reordered within one:
//! whoever needs an answer learns from `Hears::lost` that none will come.

pub mod calls;
pub mod frame;
pub mod identity;
pub mod links;
pub mod net;
mod refusal;

pub use self::refusal::Refusal;
