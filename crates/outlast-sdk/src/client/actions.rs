//! What can be done to an instance from outside, besides raising events.
//!
//! Each call is made once: only the caller knows whether twice is harmless.

use outlast_proto::durable_task as pb;
use serde::Serialize;

use super::Client;
use crate::error::Error;
use crate::value;

impl Client {
    /// Suspends an instance: what arrives is kept until it is resumed.
    ///
    /// ```
    /// # use outlast_sdk::{Client, Error};
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// client.suspend("order-1", "the warehouse burns").await?;
    /// # Ok(())
    /// # }
    /// ```
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
    /// ```
    /// # use outlast_sdk::{Client, Error};
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// client.resume("order-1", "it is out").await?;
    /// # Ok(())
    /// # }
    /// ```
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
    /// ```
    /// # use outlast_sdk::{Client, Error};
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// client.terminate("order-1", "the customer has gone").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The value cannot be written, or the server did not answer.
    pub async fn terminate<T: Serialize>(&self, instance_id: &str, output: T) -> Result<(), Error> {
        let request = pb::TerminateRequest {
            instance_id: instance_id.to_owned(),
            output: Some(value::write(&output)?),
            recursive: true,
        };
        let answer = self.link.stub().terminate_instance(self.link.unary(request)).await;
        answer.map(|_| ()).map_err(|status| self.link.error(&status))
    }

    /// Deletes a finished instance with all it has called; says how many instances that were.
    ///
    /// ```
    /// # use outlast_sdk::{Client, Error};
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// let deleted = client.purge("order-1").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The server did not answer.
    pub async fn purge(&self, instance_id: &str) -> Result<u32, Error> {
        self.purge_request(pb::purge_instances_request::Request::InstanceId(instance_id.to_owned())).await
    }

    pub(super) async fn purge_request(
        &self,
        which: pb::purge_instances_request::Request,
    ) -> Result<u32, Error> {
        let request =
            pb::PurgeInstancesRequest { request: Some(which), recursive: true, is_orchestration: true };
        let answer = self.link.stub().purge_instances(self.link.unary(request)).await;
        let answer = answer.map_err(|status| self.link.error(&status))?.into_inner();
        Ok(u32::try_from(answer.deleted_instance_count).unwrap_or(0))
    }

    /// Lets a failed instance go on where it failed: the failed steps are forgotten and made again.
    ///
    /// ```
    /// # use outlast_sdk::{Client, Error};
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// client.rewind("order-1", "the bank is back").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// There is no such instance, it has not failed, or the server did not answer.
    pub async fn rewind(&self, instance_id: &str, reason: &str) -> Result<(), Error> {
        let request = pb::RewindInstanceRequest {
            instance_id: instance_id.to_owned(),
            reason: Some(reason.to_owned()),
        };
        let answer = self.link.stub().rewind_instance(self.link.unary(request)).await;
        answer.map(|_| ()).map_err(|status| self.link.error(&status))
    }

    /// Starts an instance that has ended again, with its old input, and gives the id.
    ///
    /// ```
    /// # use outlast_sdk::{Client, Error};
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// client.restart("order-1").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// There is no such instance, it has not ended, or the server did not answer.
    pub async fn restart(&self, instance_id: &str) -> Result<String, Error> {
        let request = pb::RestartInstanceRequest {
            instance_id: instance_id.to_owned(),
            restart_with_new_instance_id: false,
        };
        let answer = self.link.stub().restart_instance(self.link.unary(request)).await;
        Ok(answer.map_err(|status| self.link.error(&status))?.into_inner().instance_id)
    }
}
