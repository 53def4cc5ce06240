//! Calls about the hub itself: hello, create, delete.
//!
//! Not here: the catalog, which decides what exists (`node`). A deleted hub can be brought back by an
//! operator; only a caller who asks to begin afresh removes it for good.

use outlast_proto::durable_task as proto;
use tonic::Status;

use super::call::Call;
use super::server::{Phase, Shared};
use super::status;
use crate::ingress::auth::Resource;
use crate::node::HubError;

/// Answers once the hub can take work: workers ask this before they open their stream.
pub(super) async fn hello(call: Call, (): ()) -> Result<(), Status> {
    if *call.shared.phase.borrow() != Phase::Serving {
        return Err(Shared::stopping());
    }
    call.hub().await.map(drop)
}

/// Creates the hub that is meant. `recreateIfExists` removes what was there for good: it is for
/// tests, and may be guarded by its own permission.
pub(super) async fn create(
    call: Call,
    request: proto::CreateTaskHubRequest,
) -> Result<proto::CreateTaskHubResponse, Status> {
    let name = call.hub_name();
    call.authorize(Resource::Hub(name))?;
    let node = &call.shared.node;
    let settings = &node.config().hubs;
    let created = match node.create_hub(name, settings.partitions, settings.mode).await {
        Err(HubError::Exists(_) | HubError::Deleted(_)) if request.recreate_if_exists => {
            match node.delete_hub(name).await {
                Ok(()) | Err(HubError::Deleted(_) | HubError::NotFound(_)) => {}
                Err(error) => return Err(status::hub(&error)),
            }
            node.remove_hub(name).await.map_err(|error| status::hub(&error))?;
            node.create_hub(name, settings.partitions, settings.mode).await
        }
        created => created,
    };
    match created {
        Ok(_) | Err(HubError::Exists(_)) => Ok(proto::CreateTaskHubResponse {}),
        Err(error) => Err(status::hub(&error)),
    }
}

/// Deletes the hub that is meant, so that it can still be brought back.
pub(super) async fn delete(
    call: Call,
    _request: proto::DeleteTaskHubRequest,
) -> Result<proto::DeleteTaskHubResponse, Status> {
    let name = call.hub_name();
    call.authorize(Resource::Hub(name))?;
    match call.shared.node.delete_hub(name).await {
        Ok(()) | Err(HubError::NotFound(_) | HubError::Deleted(_)) => Ok(proto::DeleteTaskHubResponse {}),
        Err(error) => Err(status::hub(&error)),
    }
}
