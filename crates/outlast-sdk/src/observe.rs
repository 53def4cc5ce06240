//! What a worker tells about itself, for metrics.
//!
//! Not here: log lines, which `tracing` has, and the server's own metrics.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use outlast_proto::durable_task as pb;

/// Something a worker has done: see [`Worker::on_event`](crate::Worker::on_event).
///
/// ```
/// # use outlast_sdk::WorkerEvent;
/// fn label(event: &WorkerEvent<'_>) -> &'static str {
///     match event {
///         WorkerEvent::Connected => "connected",
///         WorkerEvent::Disconnected { .. } => "disconnected",
///         WorkerEvent::TurnDone { .. } => "turn",
///         WorkerEvent::ActivityDone { .. } => "activity",
///         WorkerEvent::BatchDone { .. } => "batch",
///         _ => "other",
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum WorkerEvent<'a> {
    /// The server sends work.
    Connected,
    /// The server does not, and the worker tries to reach it again.
    Disconnected {
        /// Why, for people.
        reason: &'a str,
    },
    /// An orchestration's code has been run over its history.
    TurnDone {
        /// Of which instance.
        instance_id: &'a str,
        /// How many events were replayed.
        replayed: usize,
        /// How many steps the code asked for.
        actions: usize,
        /// How long it took.
        took: Duration,
    },
    /// An activity has come to its end.
    ActivityDone {
        /// Its name.
        name: &'a str,
        /// How long it ran.
        took: Duration,
        /// Whether it failed.
        failed: bool,
    },
    /// Operations of an entity have been performed.
    BatchDone {
        /// The entity's name.
        name: &'a str,
        /// How many operations.
        operations: usize,
        /// How long they took together.
        took: Duration,
    },
}

type Tell = dyn Fn(&WorkerEvent<'_>) + Send + Sync;

/// Whoever wants to know, if anybody.
#[derive(Clone, Default)]
pub(crate) struct Observer(Option<Arc<Tell>>);

impl fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Observer").field(&self.0.is_some()).finish()
    }
}

impl Observer {
    pub(crate) fn new(tell: impl Fn(&WorkerEvent<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    pub(crate) fn tell(&self, event: &WorkerEvent<'_>) {
        if let Some(tell) = &self.0 {
            tell(event);
        }
    }

    /// Measures a turn, if anybody wants to know.
    pub(crate) fn turn(
        &self,
        request: pb::OrchestratorRequest,
        run: impl FnOnce(pb::OrchestratorRequest) -> pb::OrchestratorResponse,
    ) -> pb::OrchestratorResponse {
        let Some(tell) = &self.0 else { return run(request) };
        let (begun, replayed) = (Instant::now(), request.past_events.len());
        let answer = run(request);
        tell(&WorkerEvent::TurnDone {
            instance_id: &answer.instance_id,
            replayed,
            actions: answer.actions.len(),
            took: begun.elapsed(),
        });
        answer
    }

    /// Measures an activity.
    pub(crate) async fn activity<T, E>(
        &self,
        name: &str,
        running: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let begun = Instant::now();
        let result = running.await;
        self.tell(&WorkerEvent::ActivityDone { name, took: begun.elapsed(), failed: result.is_err() });
        result
    }

    /// Measures a batch.
    pub(crate) async fn batch(
        &self,
        name: &str,
        running: impl Future<Output = pb::EntityBatchResult>,
    ) -> pb::EntityBatchResult {
        let begun = Instant::now();
        let answer = running.await;
        let operations = answer.results.len();
        self.tell(&WorkerEvent::BatchDone { name, operations, took: begun.elapsed() });
        answer
    }
}
