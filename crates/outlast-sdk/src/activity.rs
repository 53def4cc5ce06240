//! Activities: the steps of an orchestration that touch the outside world.
//!
//! An activity runs at least once; its context gives what it needs to make that look like once. Not here:
//! how work reaches it (`worker`).

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};

use outlast_proto::durable_task as pb;

use crate::failure::Failure;
use crate::orchestration::retry::{TAG_ATTEMPT, TAG_FIRST_TASK};
use crate::resources::Resources;

/// A running activity, and what comes of it as JSON text.
pub(crate) type Running = Pin<Box<dyn Future<Output = Result<String, Failure>> + Send>>;

/// Starts an activity's code on a context and the JSON text of its input.
pub(crate) type Function = Box<dyn Fn(ActivityContext, Option<String>) -> Running + Send + Sync>;

/// Which step of which orchestration an activity is, and what its worker has for it.
///
/// ```
/// # use outlast_sdk::{activity, ActivityContext, Failure};
/// # struct Bank;
/// # impl Bank { async fn book(&self, _: &str, _: u64) -> Result<(), std::io::Error> { Ok(()) } }
/// #[activity]
/// async fn charge(ctx: ActivityContext, cents: u64) -> Result<(), Failure> {
///     ctx.resource::<Bank>().book(&ctx.idempotency_key(), cents).await?;
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ActivityContext {
    /// The id of the orchestration that called.
    pub instance_id: String,
    /// The id of its execution.
    pub execution_id: String,
    /// The number of the task within the execution.
    pub task_id: i32,
    /// The name of the activity.
    pub name: String,
    /// The tags of the call.
    pub tags: BTreeMap<String, String>,
    pub(crate) resources: Resources,
}

impl ActivityContext {
    pub(crate) fn new(request: &pb::ActivityRequest) -> Self {
        let instance = request.orchestration_instance.clone().unwrap_or_default();
        Self {
            instance_id: instance.instance_id,
            execution_id: instance.execution_id.unwrap_or_default(),
            task_id: request.task_id,
            name: request.name.clone(),
            tags: request.tags.clone().into_iter().collect(),
            resources: Resources::default(),
        }
    }

    /// Something the worker was given with [`Worker::resource`](crate::Worker::resource).
    ///
    /// ```
    /// # use outlast_sdk::ActivityContext;
    /// # struct Database;
    /// # fn example(ctx: ActivityContext) {
    /// let database = ctx.resource::<Database>();
    /// # }
    /// ```
    ///
    /// # Panics
    /// The worker was given nothing of that type.
    pub fn resource<T: Send + Sync + 'static>(&self) -> Arc<T> {
        self.resources.get()
    }

    /// A key that is the same every time this step runs, deliveries and retries of a policy included.
    ///
    /// Give it to whatever charges cards or sends letters, so that twice is once. (Retries share it as far
    /// as the server carries the tags of a call, which Outlast does.)
    ///
    /// ```
    /// # async fn book(key: String) {}
    /// # async fn example(ctx: outlast_sdk::ActivityContext) {
    /// book(ctx.idempotency_key()).await;
    /// # }
    /// ```
    pub fn idempotency_key(&self) -> String {
        let task = self.tags.get(TAG_FIRST_TASK).and_then(|task| task.parse().ok()).unwrap_or(self.task_id);
        format!("{}:{}:{task}", self.instance_id, self.execution_id)
    }

    /// Which attempt of a [`Retry`](crate::Retry) policy this is, from 1; `None` without a policy.
    ///
    /// A repeated delivery of one attempt has the same number: only the policy counts.
    ///
    /// ```
    /// # fn example(ctx: outlast_sdk::ActivityContext) {
    /// let is_last_hope = ctx.attempt() == Some(5);
    /// # }
    /// ```
    pub fn attempt(&self) -> Option<u32> {
        self.tags.get(TAG_ATTEMPT)?.parse().ok()
    }
}

/// A future whose panic is its output.
pub(crate) struct Guarded<'a>(pub(crate) Pin<Box<dyn Future<Output = Result<String, Failure>> + Send + 'a>>);

impl Future for Guarded<'_> {
    type Output = Result<String, Failure>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(poller)))
            .unwrap_or_else(|panic| Poll::Ready(Err(Failure::from_panic(panic.as_ref()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idempotency_key_is_that_of_the_first_attempt() {
        let instance = pb::OrchestrationInstance { instance_id: "o".into(), execution_id: Some("e".into()) };
        let mut request =
            pb::ActivityRequest { orchestration_instance: Some(instance), task_id: 9, ..Default::default() };
        assert_eq!(ActivityContext::new(&request).idempotency_key(), "o:e:9");
        assert_eq!(ActivityContext::new(&request).attempt(), None);
        request.tags.insert(TAG_FIRST_TASK.to_owned(), "2".to_owned());
        request.tags.insert(TAG_ATTEMPT.to_owned(), "3".to_owned());
        assert_eq!(ActivityContext::new(&request).idempotency_key(), "o:e:2");
        assert_eq!(ActivityContext::new(&request).attempt(), Some(3));
    }
}
