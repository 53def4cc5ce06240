//! Starts orchestrations, asks after them, sends them events.
//!
//! - [`start`]: what a start can say besides name and input;
//! - [`instance`]: what the server tells about an instance;
//! - [`history`]: what has happened to it, step by step.
//!
//! No call is repeated here: only the caller knows whether twice is harmless, and
//! [`Error::is_outcome_unknown`] tells when the question arises.

pub(crate) mod history;
pub(crate) mod instance;
pub(crate) mod start;

use std::time::Duration;

use outlast_proto::durable_task as pb;
use pb::task_hub_sidecar_service_client::TaskHubSidecarServiceClient;
use serde::Serialize;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::error::Error;
use crate::value;
use history::Step;
use instance::Instance;
use start::Start;

/// How long a call may take unless told otherwise.
const DEADLINE_DEFAULT: Duration = Duration::from_secs(30);
/// Far above what a server sends in one message; the limit is there against a peer gone mad.
const MESSAGE_BYTES_MAX: usize = 256 << 20;

pub(crate) type Stub = TaskHubSidecarServiceClient<Channel>;

/// A client of one task hub.
///
/// Cheap to clone; all clones share one connection, which is made on first use and made again when lost.
#[derive(Debug, Clone)]
pub struct Client {
    link: Link,
}

/// A connection and what goes with each request on it.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    stub: Stub,
    hub: Option<AsciiMetadataValue>,
    worker: Option<AsciiMetadataValue>,
    pub(crate) deadline: Duration,
}

impl Link {
    pub(crate) fn new(address: &str, hub: Option<&str>, worker: Option<&str>) -> Result<Self, Error> {
        let address_error = || Error::Address(address.to_owned());
        let uri = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let endpoint = Endpoint::from_shared(uri)
            .map_err(|_| address_error())?
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(20))
            .initial_stream_window_size(4 << 20)
            .initial_connection_window_size(16 << 20);
        let stub = TaskHubSidecarServiceClient::new(endpoint.connect_lazy())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let header = |text: Option<&str>| {
            text.map(AsciiMetadataValue::try_from)
                .transpose()
                .map_err(|_| Error::Invalid("hub name".to_owned()))
        };
        Ok(Self { stub, hub: header(hub)?, worker: header(worker)?, deadline: DEADLINE_DEFAULT })
    }

    pub(crate) fn stub(&self) -> Stub {
        self.stub.clone()
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
        request
    }

    fn unary<T>(&self, message: T) -> Request<T> {
        self.request_within(message, self.deadline)
    }

    fn error(&self, status: &Status) -> Error {
        Error::from_status(status, self.deadline)
    }
}

impl Client {
    /// A client of the hub `default` of the server at an address such as `http://localhost:4001`.
    ///
    /// # Errors
    /// The address is not one. Whether anybody listens there shows with the first call.
    pub fn new(address: &str) -> Result<Self, Error> {
        Ok(Self { link: Link::new(address, None, None)? })
    }

    /// The same client for another task hub.
    ///
    /// # Errors
    /// The name cannot be that of a hub.
    pub fn task_hub(mut self, name: &str) -> Result<Self, Error> {
        let invalid = |_| Error::Invalid(format!("hub name '{name}'"));
        self.link.hub = Some(AsciiMetadataValue::try_from(name).map_err(invalid)?);
        Ok(self)
    }

    /// The same client with another limit on how long a call may take; waiting has its own.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.link.deadline = deadline;
        self
    }

    /// Asks whether the server is there and takes work.
    ///
    /// # Errors
    /// It is not, or does not.
    pub async fn hello(&self) -> Result<(), Error> {
        let answer = self.link.stub().hello(self.link.unary(())).await;
        answer.map(|_| ()).map_err(|status| self.link.error(&status))
    }

    /// Prepares the start of an orchestration; [`Start::send`] performs it.
    pub fn start<T: Serialize + ?Sized>(&self, name: &str, input: &T) -> Start<'_> {
        Start::new(&self.link, name, value::write(input))
    }

    /// What the server knows of an instance; `None` if there is none with that id.
    ///
    /// # Errors
    /// The server did not answer.
    pub async fn get(&self, instance_id: &str) -> Result<Option<Instance>, Error> {
        let request =
            pb::GetInstanceRequest { instance_id: instance_id.to_owned(), get_inputs_and_outputs: true };
        let answer = self.link.stub().get_instance(self.link.unary(request)).await;
        let answer = answer.map_err(|status| self.link.error(&status))?.into_inner();
        Ok(answer.orchestration_state.filter(|_| answer.exists).map(Instance::from_wire))
    }

    /// Waits until the instance has ended in any way, and gives what has become of it.
    ///
    /// # Errors
    /// It had not ended in time, or the server did not answer.
    pub async fn wait(&self, instance_id: &str, timeout: Duration) -> Result<Instance, Error> {
        let request =
            pb::GetInstanceRequest { instance_id: instance_id.to_owned(), get_inputs_and_outputs: true };
        let mut stub = self.link.stub();
        let call = stub.wait_for_instance_completion(self.link.request_within(request, timeout));
        let answer = call.await.map_err(|status| Error::from_status(&status, timeout))?.into_inner();
        let state = answer.orchestration_state.filter(|_| answer.exists);
        state.map(Instance::from_wire).ok_or_else(|| Error::NotFound(format!("instance '{instance_id}'")))
    }

    /// Raises an external event for an instance.
    ///
    /// # Errors
    /// There is no such instance, the value cannot be written, or the server did not answer.
    pub async fn raise<T: Serialize + ?Sized>(
        &self,
        instance_id: &str,
        event: &str,
        data: &T,
    ) -> Result<(), Error> {
        let request = pb::RaiseEventRequest {
            instance_id: instance_id.to_owned(),
            name: event.to_owned(),
            input: Some(value::write(data)?),
        };
        let answer = self.link.stub().raise_event(self.link.unary(request)).await;
        answer.map(|_| ()).map_err(|status| self.link.error(&status))
    }

    /// Suspends an instance: what arrives is kept until it is resumed.
    ///
    /// # Errors
    /// There is no such instance, or the server did not answer.
    pub async fn suspend(&self, instance_id: &str, reason: &str) -> Result<(), Error> {
        let request =
            pb::SuspendRequest { instance_id: instance_id.to_owned(), reason: Some(reason.to_owned()) };
        let answer = self.link.stub().suspend_instance(self.link.unary(request)).await;
        answer.map(|_| ()).map_err(|status| self.link.error(&status))
    }

    /// Resumes a suspended instance.
    ///
    /// # Errors
    /// There is no such instance, or the server did not answer.
    pub async fn resume(&self, instance_id: &str, reason: &str) -> Result<(), Error> {
        let request =
            pb::ResumeRequest { instance_id: instance_id.to_owned(), reason: Some(reason.to_owned()) };
        let answer = self.link.stub().resume_instance(self.link.unary(request)).await;
        answer.map(|_| ()).map_err(|status| self.link.error(&status))
    }

    /// Ends an instance and all it has called, with an output given from outside.
    ///
    /// # Errors
    /// The value cannot be written, or the server did not answer.
    pub async fn terminate<T: Serialize + ?Sized>(&self, instance_id: &str, output: &T) -> Result<(), Error> {
        let request = pb::TerminateRequest {
            instance_id: instance_id.to_owned(),
            output: Some(value::write(output)?),
            recursive: true,
        };
        let answer = self.link.stub().terminate_instance(self.link.unary(request)).await;
        answer.map(|_| ()).map_err(|status| self.link.error(&status))
    }

    /// Deletes a finished instance with all it has called; says how many instances that were.
    ///
    /// # Errors
    /// The server did not answer.
    pub async fn purge(&self, instance_id: &str) -> Result<u32, Error> {
        let request = pb::PurgeInstancesRequest {
            request: Some(pb::purge_instances_request::Request::InstanceId(instance_id.to_owned())),
            recursive: true,
            is_orchestration: true,
        };
        let answer = self.link.stub().purge_instances(self.link.unary(request)).await;
        let answer = answer.map_err(|status| self.link.error(&status))?.into_inner();
        Ok(u32::try_from(answer.deleted_instance_count).unwrap_or(0))
    }

    /// What has happened to an instance in its current execution, oldest first.
    ///
    /// # Errors
    /// There is no such instance, or the server did not answer.
    pub async fn history(&self, instance_id: &str) -> Result<Vec<Step>, Error> {
        let events = history::read(&self.link, instance_id, None, self.link.deadline).await;
        let events = events.map_err(|status| self.link.error(&status))?;
        Ok(events.into_iter().filter_map(Step::from_wire).collect())
    }
}
