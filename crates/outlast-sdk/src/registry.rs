//! The code a worker runs, by name, with values turned from and into JSON on the way.
//!
//! Not here: the connection. A worker and the test kit run the very same functions.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;

use outlast_proto::durable_task as pb;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::activity::{self, ActivityContext};
use crate::entity::{Entity, batch};
use crate::failure::Failure;
use crate::observe::Observer;
use crate::orchestration::context::Context;
use crate::orchestration::{self, replay};
use crate::resources::Resources;
use crate::value;

#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) orchestrations: BTreeMap<String, orchestration::Function>,
    pub(crate) activities: BTreeMap<String, activity::Function>,
    pub(crate) entities: BTreeMap<String, batch::Function>,
    pub(crate) resources: Resources,
    pub(crate) observer: Observer,
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = (self.orchestrations.keys(), self.activities.keys(), self.entities.keys());
        formatter.debug_tuple("Registry").field(&names).finish()
    }
}

impl Registry {
    pub(crate) fn add_orchestration<I, O, E, F, Fut>(&mut self, name: String, code: F)
    where
        I: DeserializeOwned + 'static,
        O: Serialize,
        E: Into<Failure>,
        F: Fn(Context, I) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, E>> + 'static,
    {
        let run: orchestration::Function = Box::new(move |ctx, input| match value::read(input.as_deref()) {
            Err(error) => Box::pin(std::future::ready(Err(input_failure(&error)))),
            Ok(input) => {
                let running = code(ctx, input);
                Box::pin(async move { output(running.await) })
            }
        });
        self.orchestrations.insert(name, run);
    }

    pub(crate) fn add_activity<I, O, E, F, Fut>(&mut self, name: String, code: F)
    where
        I: DeserializeOwned + 'static,
        O: Serialize,
        E: Into<Failure>,
        F: Fn(ActivityContext, I) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, E>> + Send + 'static,
    {
        let resources = self.resources.clone();
        let run: activity::Function = Box::new(move |mut ctx, input| match value::read(input.as_deref()) {
            Err(error) => Box::pin(std::future::ready(Err(input_failure(&error)))),
            Ok(input) => {
                ctx.resources = resources.clone();
                let running = code(ctx, input);
                Box::pin(async move { output(running.await) })
            }
        });
        self.activities.insert(name, run);
    }

    pub(crate) fn add_entity<N: Entity>(&mut self) {
        let resources = self.resources.clone();
        let run: batch::Function = Box::new(move |batch| Box::pin(batch::run::<N>(batch, resources.clone())));
        self.entities.insert(N::NAME.to_owned(), run);
    }

    /// Runs one turn of an orchestration.
    pub(crate) fn turn(&self, request: pb::OrchestratorRequest, token: String) -> pb::OrchestratorResponse {
        self.observer.turn(request, |request| replay::run(&self.orchestrations, request, token))
    }

    /// Runs the operations the server has for an entity.
    pub(crate) async fn batch(&self, batch: batch::Batch) -> pb::EntityBatchResult {
        let name = batch.name();
        match self.entities.get(&name) {
            Some(function) => self.observer.batch(&name, function(batch)).await,
            None => batch::unknown(&name),
        }
    }
}

fn output<O: Serialize, E: Into<Failure>>(result: Result<O, E>) -> Result<String, Failure> {
    Ok(value::write(&result.map_err(Into::into)?)?)
}

/// The code was never reached: the input is not what it takes, and will not be next time.
fn input_failure(error: &serde_json::Error) -> Failure {
    Failure::new(crate::failure::SERIALIZATION, format!("input is not what the code takes: {error}"))
        .non_retriable()
}
