//! Tests of orchestrations, without a server and without waiting.
//!
//! - [`TestHub`]: a task hub in memory whose clock jumps to whatever is due, with what `setup` gives it;
//! - `server`: what is in the hub and what happens next; `turns`, `entities`: how it happens;
//! - [`replay`]: code against a history that a real server has kept; `history` reads it.
//!
//! Not here: anything a server does against faults. What is tested is the user's code.

mod entities;
mod history;
mod hub;
mod replay;
mod server;
mod setup;
#[cfg(test)]
mod tests;
mod turns;

use crate::definition::Signature;
pub use hub::{TestHub, TestRun};
pub use replay::replay;

/// A context for calling an activity's code directly.
///
/// ```
/// # use outlast_sdk::{activity, testing, ActivityContext, Failure};
/// #[activity]
/// async fn hello(_: ActivityContext, name: String) -> Result<String, Failure> {
///     Ok(format!("hello {name}"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(hello::run(testing::activity_context(hello), "ann".to_owned()).await.unwrap(), "hello ann");
/// # }
/// ```
pub fn activity_context<A: Signature>(activity: A) -> crate::ActivityContext {
    let request = outlast_proto::durable_task::ActivityRequest {
        name: activity.name().to_owned(),
        task_id: 1,
        ..Default::default()
    };
    crate::ActivityContext::new(&request)
}
