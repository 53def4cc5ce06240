//! Entities from outside: signal, read, list.
//!
//! Nobody outside can call an entity and wait for its answer; that is for orchestrations.

use std::future::Future;
use std::pin::Pin;
use std::time::SystemTime;

use outlast_proto::durable_task as pb;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Client, random_id};
use crate::entity::{Entity, EntityId, Via, sealed};
use crate::error::Error;
use crate::failure::Failure;
use crate::{time, value};

/// An entity as the server described it.
///
/// ```
/// # use outlast_sdk::EntityState;
/// fn is_free<N>(entity: &EntityState<N>) -> bool {
///     entity.locked_by.is_none() && entity.waiting == 0
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EntityState<N> {
    /// Which entity.
    pub id: EntityId,
    /// Its state; the default one where it has none yet.
    pub state: N,
    /// When it last changed.
    pub updated_at: SystemTime,
    /// The orchestration that holds its lock.
    pub locked_by: Option<String>,
    /// How many operations wait.
    pub waiting: u32,
}

impl<N: Entity> EntityState<N> {
    fn from_wire(entity: pb::EntityMetadata) -> Result<Self, Error> {
        let state = entity.serialized_state.as_deref().map(|text| value::read(Some(text))).transpose()?;
        Ok(Self {
            id: EntityId::parse(&entity.instance_id).unwrap_or_else(|| EntityId::of::<N>(entity.instance_id)),
            state: state.unwrap_or_default(),
            updated_at: entity.last_modified_time.as_ref().map_or(SystemTime::UNIX_EPOCH, time::to_system),
            locked_by: entity.locked_by,
            waiting: u32::try_from(entity.backlog_queue_size).unwrap_or(0),
        })
    }
}

impl Client {
    /// An entity, to send it operations. Each is sent when it is awaited.
    ///
    /// ```
    /// # use outlast_sdk::{entity, Client, Error};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Default, Serialize, Deserialize)]
    /// # struct Counter { value: i64 }
    /// # #[entity]
    /// # impl Counter { fn add(&mut self, amount: i64) { self.value += amount; } }
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// client.signal::<Counter>("visits").add(1).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn signal<N: Entity>(&self, key: &str) -> N::Operations<FromClient> {
        N::operations(FromClient { client: self.clone(), id: EntityId::of::<N>(key), at: None })
    }

    /// The same, not delivered before a time.
    ///
    /// ```
    /// # use outlast_sdk::{entity, Client, Error};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Default, Serialize, Deserialize)]
    /// # struct Lamp { is_on: bool }
    /// # #[entity]
    /// # impl Lamp { fn off(&mut self) { self.is_on = false; } }
    /// # async fn example(client: Client, midnight: std::time::SystemTime) -> Result<(), Error> {
    /// client.signal_at::<Lamp>("hall", midnight).off().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn signal_at<N: Entity>(&self, key: &str, at: SystemTime) -> N::Operations<FromClient> {
        N::operations(FromClient { client: self.clone(), id: EntityId::of::<N>(key), at: Some(at) })
    }

    /// What the server knows of an entity; `None` if there is none.
    ///
    /// ```
    /// # use outlast_sdk::{entity, Client, Error};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Default, Serialize, Deserialize)]
    /// # struct Counter { value: i64 }
    /// # #[entity]
    /// # impl Counter { fn add(&mut self, amount: i64) { self.value += amount; } }
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// let visits = client.entity::<Counter>("visits").await?.map_or(0, |counter| counter.state.value);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Its state is not of that type, or the server did not answer.
    pub async fn entity<N: Entity>(&self, key: &str) -> Result<Option<EntityState<N>>, Error> {
        let request =
            pb::GetEntityRequest { instance_id: EntityId::of::<N>(key).to_string(), include_state: true };
        let answer = self.link.stub().get_entity(self.link.unary(request)).await;
        let answer = answer.map_err(|status| self.link.error(&status))?.into_inner();
        answer.entity.filter(|_| answer.exists).map(EntityState::from_wire).transpose()
    }

    /// All entities of a type.
    ///
    /// ```
    /// # use outlast_sdk::{entity, Client, Error};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Default, Serialize, Deserialize)]
    /// # struct Counter { value: i64 }
    /// # #[entity]
    /// # impl Counter { fn add(&mut self, amount: i64) { self.value += amount; } }
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// let total: i64 = client.entities::<Counter>().await?.iter().map(|counter| counter.state.value).sum();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A state is not of that type, or the server did not answer.
    pub async fn entities<N: Entity>(&self) -> Result<Vec<EntityState<N>>, Error> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let query = pb::EntityQuery {
                instance_id_starts_with: Some(format!("@{}@", N::NAME)),
                include_state: true,
                continuation_token: token,
                ..Default::default()
            };
            let request = pb::QueryEntitiesRequest { query: Some(query) };
            let answer = self.link.stub().query_entities(self.link.unary(request)).await;
            let answer = answer.map_err(|status| self.link.error(&status))?.into_inner();
            for entity in answer.entities {
                found.push(EntityState::from_wire(entity)?);
            }
            token = answer.continuation_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(found);
            }
        }
    }
}

/// Operations that a client sends an entity: [`Client::signal`].
#[derive(Debug, Clone)]
pub struct FromClient {
    client: Client,
    id: EntityId,
    at: Option<SystemTime>,
}

/// A signal that is sent when it is awaited.
pub type Sending = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

impl sealed::Sealed for FromClient {}

impl Via for FromClient {
    type Answer<O: DeserializeOwned + 'static, E: From<Failure> + 'static> = Sending;

    fn ask<I: Serialize, O: DeserializeOwned + 'static, E: From<Failure> + 'static>(
        &self,
        operation: &'static str,
        input: &I,
    ) -> Sending {
        let input = value::write(input);
        let (client, id, at) = (self.client.clone(), self.id.to_string(), self.at);
        Box::pin(async move {
            let request = pb::SignalEntityRequest {
                instance_id: id,
                name: operation.to_owned(),
                input: Some(input?),
                request_id: random_id(),
                scheduled_time: at.map(time::to_wire),
                parent_trace_context: None,
                request_time: Some(time::to_wire(SystemTime::now())),
            };
            let answer = client.link.stub().signal_entity(client.link.unary(request)).await;
            answer.map(|_| ()).map_err(|status| client.link.error(&status))
        })
    }
}
