//! A connection to a server, and what goes with each request on it.
//!
//! Not here: what is asked, and the connection itself (`transport`).

use std::time::Duration;

use http::HeaderMap;
use outlast_proto::durable_task as pb;
use pb::task_hub_sidecar_service_client::TaskHubSidecarServiceClient;
use tonic::metadata::AsciiMetadataValue;
use tonic::{Request, Status};

use super::transport::{Deadline, Transport};
use super::unary;
use crate::error::Error;

/// How long a call may take unless told otherwise.
const DEADLINE_DEFAULT: Duration = Duration::from_secs(30);
/// Far above what a server sends in one message; the limit is there against a peer gone mad.
pub(crate) const MESSAGE_BYTES_MAX: usize = 256 << 20;

pub(crate) type Stub = TaskHubSidecarServiceClient<Transport>;

/// A connection and what goes with each request on it.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    transport: Transport,
    stub: Stub,
    pub(super) hub: Option<AsciiMetadataValue>,
    worker: Option<AsciiMetadataValue>,
    pub(crate) deadline: Duration,
    /// What each call says of itself.
    pub(super) headers: HeaderMap,
}

impl Link {
    pub(crate) fn new(address: &str, hub: Option<&str>, worker: Option<&str>) -> Result<Self, Error> {
        let uri = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let transport = Transport::new(&uri).ok_or_else(|| Error::Address(address.to_owned()))?;
        let stub = TaskHubSidecarServiceClient::new(transport.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let header = |text: Option<&str>| {
            text.map(AsciiMetadataValue::try_from)
                .transpose()
                .map_err(|_| Error::Invalid("hub name".to_owned()))
        };
        let mut link = Self {
            transport,
            stub,
            hub: header(hub)?,
            worker: header(worker)?,
            deadline: DEADLINE_DEFAULT,
            headers: HeaderMap::new(),
        };
        link.describe();
        Ok(link)
    }

    /// Makes the headers anew, from the hub and the deadline.
    pub(super) fn describe(&mut self) {
        self.headers = unary::headers(self.deadline);
        self.headers.extend(self.request(()).into_parts().0.into_headers());
    }

    pub(crate) fn stub(&self) -> Stub {
        self.stub.clone()
    }

    pub(crate) fn transport(&self) -> Transport {
        self.transport.clone()
    }

    /// A request that says for which hub it is.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        if let Some(hub) = &self.hub {
            metadata.insert("taskhub", hub.clone());
        }
        if let Some(worker) = &self.worker {
            metadata.insert("workerid", worker.clone());
        }
        let agent = concat!("outlast-sdk-rust/", env!("CARGO_PKG_VERSION"));
        metadata.insert("x-user-agent", AsciiMetadataValue::from_static(agent));
        request
    }

    pub(crate) fn request_within<T>(&self, message: T, deadline: Duration) -> Request<T> {
        let mut request = self.request(message);
        request.set_timeout(deadline);
        request.extensions_mut().insert(Deadline(deadline));
        request
    }

    pub(crate) fn unary<T>(&self, message: T) -> Request<T> {
        self.request_within(message, self.deadline)
    }

    pub(crate) fn error(&self, status: &Status) -> Error {
        Error::from_status(status, self.deadline)
    }
}
