//! Which instances: by status, age and id.
//!
//! Not here: entities, which are never among them.

use std::time::SystemTime;

use outlast_proto::durable_task as pb;

use super::Client;
use super::instance::{Instance, Status};
use crate::error::Error;
use crate::time;

/// How many instances a page asks for.
const PAGE: i32 = 500;

/// Which instances: everything that is said must hold.
///
/// ```
/// # use outlast_sdk::{Client, Error, Query, Status};
/// # async fn example(client: Client) -> Result<(), Error> {
/// let stuck = Query::new().status(Status::Suspended).id_prefix("order-").limit(20);
/// for instance in client.list(&stuck).await? {
///     println!("{} since {:?}", instance.id, instance.updated_at);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Query {
    statuses: Vec<Status>,
    created_from: Option<SystemTime>,
    created_to: Option<SystemTime>,
    id_prefix: Option<String>,
    limit: usize,
    with_values: bool,
}

impl Default for Query {
    fn default() -> Self {
        Self::new()
    }
}

impl Query {
    /// All instances.
    ///
    /// ```
    /// let all = outlast_sdk::Query::new();
    /// ```
    pub fn new() -> Self {
        Self {
            statuses: Vec::new(),
            created_from: None,
            created_to: None,
            id_prefix: None,
            limit: usize::MAX,
            with_values: false,
        }
    }

    /// Those with this status, or with another that is named as well.
    ///
    /// ```
    /// # use outlast_sdk::{Query, Status};
    /// let ended_badly = Query::new().status(Status::Failed).status(Status::Terminated);
    /// ```
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.statuses.push(status);
        self
    }

    /// Those created at a time or later.
    ///
    /// ```
    /// # fn example(monday: std::time::SystemTime) {
    /// let this_week = outlast_sdk::Query::new().created_from(monday);
    /// # }
    /// ```
    #[must_use]
    pub fn created_from(mut self, time: SystemTime) -> Self {
        self.created_from = Some(time);
        self
    }

    /// Those created before a time.
    ///
    /// ```
    /// # fn example(monday: std::time::SystemTime) {
    /// let before_this_week = outlast_sdk::Query::new().created_to(monday);
    /// # }
    /// ```
    #[must_use]
    pub fn created_to(mut self, time: SystemTime) -> Self {
        self.created_to = Some(time);
        self
    }

    /// Those whose id begins so.
    ///
    /// ```
    /// let orders = outlast_sdk::Query::new().id_prefix("order-");
    /// ```
    #[must_use]
    pub fn id_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.id_prefix = Some(prefix.into());
        self
    }

    /// At most so many.
    ///
    /// ```
    /// let a_few = outlast_sdk::Query::new().limit(10);
    /// ```
    #[must_use]
    pub fn limit(mut self, count: usize) -> Self {
        self.limit = count;
        self
    }

    /// With their inputs and outputs.
    ///
    /// ```
    /// let complete = outlast_sdk::Query::new().with_values();
    /// ```
    #[must_use]
    pub fn with_values(mut self) -> Self {
        self.with_values = true;
        self
    }

    fn statuses(&self) -> Vec<i32> {
        self.statuses.iter().map(|status| status.to_wire().into()).collect()
    }

    fn page(&self, token: Option<String>) -> pb::QueryInstancesRequest {
        let query = pb::InstanceQuery {
            runtime_status: self.statuses(),
            created_time_from: self.created_from.map(time::to_wire),
            created_time_to: self.created_to.map(time::to_wire),
            max_instance_count: i32::try_from(self.limit).unwrap_or(PAGE).min(PAGE),
            continuation_token: token,
            instance_id_prefix: self.id_prefix.clone(),
            fetch_inputs_and_outputs: self.with_values,
            ..Default::default()
        };
        pb::QueryInstancesRequest { query: Some(query) }
    }
}

impl Client {
    /// Looks for instances, page after page.
    ///
    /// ```
    /// # use outlast_sdk::{Client, Error, Query, Status};
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// let failed = client.list(&Query::new().status(Status::Failed)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The server did not answer.
    pub async fn list(&self, query: &Query) -> Result<Vec<Instance>, Error> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let answer = self.link.stub().query_instances(self.link.unary(query.page(token))).await;
            let answer = answer.map_err(|status| self.link.error(&status))?.into_inner();
            found.extend(answer.orchestration_state.into_iter().map(Instance::from_wire));
            token = answer.continuation_token.filter(|token| !token.is_empty());
            if token.is_none() || found.len() >= query.limit {
                found.truncate(query.limit);
                return Ok(found);
            }
        }
    }

    /// Deletes the instances that have ended among those of a query, with all they have called; says how
    /// many instances that were. The query's prefix and limit are not looked at.
    ///
    /// ```
    /// # use outlast_sdk::{Client, Error, Query, Status};
    /// # async fn example(client: Client, last_month: std::time::SystemTime) -> Result<(), Error> {
    /// client.purge_all(&Query::new().status(Status::Completed).created_to(last_month)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The server did not answer.
    pub async fn purge_all(&self, query: &Query) -> Result<u32, Error> {
        let filter = pb::PurgeInstanceFilter {
            created_time_from: query.created_from.map(time::to_wire),
            created_time_to: query.created_to.map(time::to_wire),
            runtime_status: query.statuses(),
            timeout: None,
        };
        self.purge_request(pb::purge_instances_request::Request::PurgeInstanceFilter(filter)).await
    }
}
