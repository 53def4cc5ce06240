//! Every call of `TaskHubSidecarService`, and what a caller must be allowed for it.
//!
//! A call that is not in this table does not exist. A test compares it with the protobuf file.

use prometheus_client::metrics::counter::Counter;

use crate::ingress::auth::Action;
use crate::observe::metrics::RequestMetrics;

macro_rules! calls {
    ($($name:ident $action:ident,)*) => {
        /// One call of the service.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Rpc {
            $($name,)*
        }

        impl Rpc {
            pub(super) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The call of this name.
            pub(super) fn parse(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Its name.
            pub(super) fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// What its caller must be allowed.
            pub(super) fn action(self) -> Action {
                match self {
                    $(Self::$name => Action::$action,)*
                }
            }
        }
    };
}

calls! {
    Hello Connect,
    StartInstance Write,
    GetInstance Read,
    RewindInstance Write,
    RestartInstance Write,
    WaitForInstanceStart Read,
    WaitForInstanceCompletion Read,
    RaiseEvent Write,
    TerminateInstance Write,
    SuspendInstance Write,
    ResumeInstance Write,
    QueryInstances Read,
    ListInstanceIds Read,
    PurgeInstances Purge,
    GetWorkItems Work,
    CompleteActivityTask Work,
    CompleteOrchestratorTask Work,
    CompleteEntityTask Work,
    StreamInstanceHistory Read,
    CreateTaskHub Administer,
    DeleteTaskHub Administer,
    SignalEntity Write,
    GetEntity Read,
    QueryEntities Read,
    CleanEntityStorage Purge,
    AbandonTaskActivityWorkItem Work,
    AbandonTaskOrchestratorWorkItem Work,
    AbandonTaskEntityWorkItem Work,
    SkipGracefulOrchestrationTerminations Write,
}

/// A counter for each call that was answered well: these are frequent, so their counters are kept.
#[derive(Debug)]
pub(super) struct Handled(Vec<Counter>);

impl Handled {
    pub(super) fn new(requests: &RequestMetrics) -> Self {
        Self(Rpc::ALL.iter().map(|rpc| requests.grpc_handled(rpc.name(), "OK")).collect())
    }

    pub(super) fn of(&self, rpc: Rpc) -> &Counter {
        &self.0[rpc as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outlast_proto::durable_task::FILE_DESCRIPTOR_SET;
    use prost::Message;

    #[test]
    fn every_call_of_the_protobuf_file_is_here_with_what_it_needs() {
        let set = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("a descriptor set");
        let service = set.file.iter().flat_map(|file| &file.service).next().expect("a service");
        let named: Vec<&str> = service.method.iter().map(|method| method.name()).collect();
        let ours: Vec<&str> = Rpc::ALL.iter().map(|rpc| rpc.name()).collect();
        assert_eq!(ours, named);
        for rpc in Rpc::ALL {
            assert_eq!(Rpc::parse(rpc.name()), Some(*rpc));
        }
    }
}
