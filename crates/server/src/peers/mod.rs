//! Other nodes of the cluster: what is said to them, and by which way.
//!
//! - [`frame`]: what two nodes say to each other · [`calls`]: what calls among it hold
//! - [`links`]: how the rest of the server sends and hears it · [`net`]: carries it over TCP
//! - [`identity`]: how a node proves who it is
//! - [`gateway`]: hears other nodes and makes what they say calls of local partitions
//! - [`route`]: the way to a partition wherever it is led, as [`routing`] knows
//! - [`work`]: workers that take work of other nodes · `waits`: those who wait there
//!
//! A frame may be lost with its session, never doubled or reordered within one: whoever needs an answer
//! learns from `Hears::lost` that none will come.

mod asking;
pub mod calls;
pub mod frame;
mod gate;
pub mod gateway;
pub mod identity;
pub mod links;
pub mod net;
mod post;
mod refusal;
pub mod route;
pub mod routing;
pub(crate) mod waits;
pub mod work;

pub use self::refusal::Refusal;
