//! What a handler knows of its call: who calls, on which hub, and the way to it.
//!
//! Every way to a hub or an instance goes through `authorize`: a handler cannot reach either without
//! having asked. Not here: what the call does.

use std::sync::Arc;

use engine::id::{EntityId, InstanceId};
use engine::partition::command::{Command, RequestId};
use engine::partition::effect::Reply;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::rpc::Rpc;
use super::server::Shared;
use super::{check, status};
use crate::ingress::auth::{Principal, Resource, authorize};
use crate::node::{HUB_DEFAULT, Hub};
use crate::observe::codes;

/// Bytes in an idempotency key.
const KEY_BYTES_MAX: usize = 256;

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) shared: Arc<Shared>,
    pub(super) rpc: Rpc,
    pub(super) metadata: MetadataMap,
    pub(super) principal: Principal,
}

impl Call {
    fn text(&self, key: &str) -> Option<&str> {
        self.metadata.get(key)?.to_str().ok()
    }

    /// The name of the hub that is meant.
    pub(super) fn hub_name(&self) -> &str {
        self.text("taskhub").filter(|name| !name.is_empty()).unwrap_or(HUB_DEFAULT)
    }

    /// Whether the caller may do what this call does on `resource`.
    pub(super) fn authorize(&self, resource: Resource<'_>) -> Result<(), Status> {
        authorize(self.principal, self.rpc.action(), resource)
            .map_err(|denied| status::coded(&codes::DENIED, Code::PermissionDenied, denied.to_string()))
    }

    /// The hub that is meant.
    pub(super) async fn hub(&self) -> Result<Arc<Hub>, Status> {
        let name = self.hub_name();
        self.authorize(Resource::Hub(name))?;
        self.shared.node.hub(name).await.map_err(|error| status::hub(&error))
    }

    /// An instance id from the wire that the caller may touch.
    pub(super) fn instance(&self, id: &str) -> Result<InstanceId, Status> {
        let id = check::instance_id(id)?;
        self.authorize(Resource::Instance(self.hub_name(), &id))?;
        Ok(id)
    }

    /// An entity's id from the wire that the caller may touch.
    pub(super) fn entity(&self, id: &str) -> Result<EntityId, Status> {
        let id = check::entity_id(id)?;
        self.authorize(Resource::Instance(self.hub_name(), id.as_instance()))?;
        Ok(id)
    }

    /// Set where the caller wants a repeat of this call not to be a second one.
    pub(super) fn request_id(&self) -> Result<Option<RequestId>, Status> {
        match self.text("idempotency-key") {
            None => Ok(None),
            Some(key) if key.is_empty() || key.len() > KEY_BYTES_MAX => {
                let told = format!("an idempotency key has 1 to {KEY_BYTES_MAX} bytes");
                Err(status::invalid(&codes::IDEMPOTENCY_KEY_INVALID, told))
            }
            Some(key) => Ok(Some(RequestId { source: key.to_owned(), counter: 0 })),
        }
    }

    /// Carries a command out on the hub that is meant.
    pub(super) async fn ask(&self, instance: &InstanceId, command: Command) -> Result<Reply, Status> {
        let hub = self.hub().await?;
        hub.ask(instance, command).await.map_err(|error| status::unavailable(&error))
    }

    /// The id of an instance whose caller named none: with an idempotency key always the same, so
    /// that a repeat finds the partition that has seen the key.
    pub(super) fn new_instance_id(&self) -> Result<String, Status> {
        let Some(key) = self.request_id()? else { return Ok(self.fresh_id()) };
        let hash = blake3::hash(key.source.as_bytes());
        Ok(hash.as_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }

    /// 32 hex digits that nobody else has.
    pub(super) fn fresh_id(&self) -> String {
        let mut bytes = [0; 16];
        self.shared.node.platform().entropy.fill(&mut bytes);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
