//! Entities: small pieces of state with a name, changed by one operation at a time.
//!
//! - here: what an entity is, and how operations reach it;
//! - [`id`]: its name and key; [`context`]: what an operation can do besides changing the state;
//! - [`batch`]: runs the operations that the server has for one entity.
//!
//! Not here: the callers, which are `orchestration::entities` and `client::entities`.

pub(crate) mod batch;
pub(crate) mod context;
pub(crate) mod id;

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use context::EntityContext;
pub(crate) use id::EntityId;

use crate::failure::Failure;

/// A state with operations; [`#[entity]`](macro@crate::entity) writes it for an `impl` block.
///
/// ```
/// # use outlast_sdk::{entity, Entity, Failure};
/// # use serde::{Deserialize, Serialize};
/// #[derive(Default, Serialize, Deserialize)]
/// struct Counter {
///     value: i64,
/// }
///
/// #[entity]
/// impl Counter {
///     fn add(&mut self, amount: i64) -> i64 {
///         self.value += amount;
///         self.value
///     }
///
///     fn take(&mut self, amount: i64) -> Result<i64, Failure> {
///         if amount > self.value {
///             return Err(Failure::new("TooLittle", format!("{} is left", self.value)));
///         }
///         self.value -= amount;
///         Ok(self.value)
///     }
/// }
/// assert_eq!(Counter::NAME, "counter");
/// ```
pub trait Entity: Default + Serialize + DeserializeOwned + Send + 'static {
    /// Its name in the task hub, in lower case.
    const NAME: &'static str;
    /// The same operations for callers.
    type Operations<V: Via>;

    /// The operations, on their way to an entity.
    fn operations<V: Via>(via: V) -> Self::Operations<V>;

    /// Performs one operation on the state.
    fn perform(
        &mut self,
        ctx: &mut EntityContext,
        operation: &str,
        input: Option<&str>,
    ) -> impl Future<Output = Result<String, Failure>> + Send;
}

/// How an operation reaches an entity, and so what comes back to the caller at once.
///
/// ```
/// # use outlast_sdk::{entity, Context, Failure};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Default, Serialize, Deserialize)]
/// # struct Counter { value: i64 }
/// # #[entity]
/// # impl Counter { fn add(&mut self, amount: i64) -> i64 { self.value += amount; self.value } }
/// # async fn example(ctx: Context) -> Result<(), Failure> {
/// let value: i64 = ctx.entity::<Counter>("a").add(1).await?; // called: there is an answer
/// let nothing: () = ctx.signal::<Counter>("a").add(1); // signalled: there is none
/// # Ok(())
/// # }
/// ```
pub trait Via: sealed::Sealed {
    /// What the caller gets at once.
    type Answer<O: DeserializeOwned + 'static, E: From<Failure> + 'static>;

    /// Sends an operation on its way.
    #[doc(hidden)]
    #[track_caller]
    fn ask<I: Serialize, O: DeserializeOwned + 'static, E: From<Failure> + 'static>(
        &self,
        operation: &'static str,
        input: &I,
    ) -> Self::Answer<O, E>;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}
