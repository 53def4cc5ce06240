//! One call, from its path to its handler and back.
//!
//! This takes the place of a generated service, for two reasons: work items and history are written
//! as stored, and a call costs one allocation for its future and none for its bodies.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::Request as HttpRequest;
use hyper::body::Incoming;
use prost::Message;
use tokio_stream::Stream;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::server::{Grpc, ServerStreamingService, StreamingService};
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

use super::call::Call;
use super::codec::Spliced;
use super::rpc::Rpc;
use super::server::Shared;
use super::unary::{self, AnswerBody};
use super::workers::{FromWorker, answers, batch, batched, stream};
use super::{again, deadline, entities, history, hubs, instances, query, status};
use crate::ingress::auth::Principal;

/// All paths begin with this.
const PREFIX: &str = "/TaskHubSidecarService/";

type Answer = Pin<Box<dyn Future<Output = Result<http::Response<AnswerBody>, Infallible>> + Send>>;

/// The task hub service; everything else goes to `others` (health, reflection).
#[derive(Debug, Clone)]
pub(super) struct TaskHubService {
    pub(super) shared: Arc<Shared>,
    pub(super) others: Routes,
}

impl hyper::service::Service<HttpRequest<Incoming>> for TaskHubService {
    type Response = http::Response<AnswerBody>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: HttpRequest<Incoming>) -> Answer {
        let path = request.uri().path();
        if path == batched::PATH {
            // It is what `GetWorkItems` is, and takes the same permission.
            return Caller { shared: Arc::clone(&self.shared), rpc: Rpc::GetWorkItems, request }.both_ways();
        }
        match path.strip_prefix(PREFIX).map(Rpc::parse) {
            Some(Some(rpc)) => route(Caller { shared: Arc::clone(&self.shared), rpc, request }),
            Some(None) => Box::pin(ready(Ok(Status::unimplemented("there is no such call").into_http()))),
            None => {
                let answer = tonic::codegen::Service::call(&mut self.others.clone(), request.map(Body::new));
                Box::pin(async move { answer.await.map(|answer| answer.map(AnswerBody::Other)) })
            }
        }
    }
}

struct Caller {
    shared: Arc<Shared>,
    rpc: Rpc,
    request: HttpRequest<Incoming>,
}

fn route(caller: Caller) -> Answer {
    match caller.rpc {
        Rpc::Hello => caller.unary(hubs::hello),
        Rpc::StartInstance => caller.unary(instances::start),
        Rpc::GetInstance => caller.unary(instances::get),
        Rpc::WaitForInstanceStart => caller.unary(instances::wait_for_start),
        Rpc::WaitForInstanceCompletion => caller.unary(instances::wait_for_completion),
        Rpc::RaiseEvent => caller.unary(instances::raise_event),
        Rpc::TerminateInstance => caller.unary(instances::terminate),
        Rpc::SuspendInstance => caller.unary(instances::suspend),
        Rpc::ResumeInstance => caller.unary(instances::resume),
        Rpc::SkipGracefulOrchestrationTerminations => caller.unary(instances::skip_graceful_terminations),
        Rpc::PurgeInstances => caller.unary(query::purge),
        Rpc::QueryInstances => caller.unary(query::query),
        Rpc::ListInstanceIds => caller.unary(query::list_ids),
        Rpc::CompleteActivityTask => caller.unary(answers::complete_activity),
        Rpc::CompleteOrchestratorTask => caller.unary(answers::complete_turn),
        Rpc::AbandonTaskActivityWorkItem => caller.unary(answers::abandon_activity),
        Rpc::AbandonTaskOrchestratorWorkItem => caller.unary(answers::abandon_turn),
        Rpc::CreateTaskHub => caller.unary(hubs::create),
        Rpc::DeleteTaskHub => caller.unary(hubs::delete),
        Rpc::GetWorkItems => caller.streaming(stream::get_work_items),
        Rpc::StreamInstanceHistory => caller.streaming(history::stream),
        Rpc::RestartInstance => caller.unary(again::restart),
        Rpc::RewindInstance => caller.unary(again::rewind),
        Rpc::SignalEntity => caller.unary(entities::signal),
        Rpc::GetEntity => caller.unary(entities::get),
        Rpc::QueryEntities => caller.unary(entities::query),
        Rpc::CleanEntityStorage => caller.unary(entities::clean_storage),
        Rpc::CompleteEntityTask => caller.unary(batch::complete),
        Rpc::AbandonTaskEntityWorkItem => caller.unary(batch::abandon),
    }
}

impl Caller {
    fn unary<In, Out, Answering>(self, handler: fn(Call, In) -> Answering) -> Answer
    where
        In: Message + Default + 'static,
        Out: Message + 'static,
        Answering: Future<Output = Result<Out, Status>> + Send + 'static,
    {
        let Self { shared, rpc, request } = self;
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let call = Call {
                shared: Arc::clone(&shared),
                rpc,
                metadata: MetadataMap::from_headers(head.headers),
                principal: PRINCIPAL,
            };
            let deadline = deadline::of(&call.metadata);
            let answered = deadline::keep(deadline, async {
                let message = unary::read(body, call.shared.options.message_bytes_max).await?;
                handler(call, message).await
            });
            Ok(match answered.await {
                Ok(message) => {
                    shared.handled.of(rpc).inc();
                    unary::answer(&message)
                }
                Err(status) => {
                    count_refused(&shared, rpc, status.code());
                    status.into_http()
                }
            })
        })
    }

    fn streaming<In, Items, Answering>(self, handler: fn(Call, In) -> Answering) -> Answer
    where
        In: Message + Default + 'static,
        Items: Stream<Item = Result<Bytes, Status>> + Send + 'static,
        Answering: Future<Output = Result<Items, Status>> + Send + 'static,
    {
        let Self { shared, rpc, request } = self;
        let counting = Arc::clone(&shared);
        Box::pin(async move {
            let mut grpc = Grpc::new(Spliced::<In>::default())
                .max_decoding_message_size(shared.options.message_bytes_max);
            let answer = move |request| {
                let (call, message) = call_of(Arc::clone(&shared), rpc, request);
                async move { handler(call, message).await.map(Response::new) }
            };
            let answer = grpc.server_streaming(Handler(answer), request.map(Body::new)).await;
            Ok(counted(&counting, rpc, answer).map(AnswerBody::Other))
        })
    }

    fn both_ways(self) -> Answer {
        let Self { shared, rpc, request } = self;
        let counting = Arc::clone(&shared);
        Box::pin(async move {
            let mut grpc = Grpc::new(Spliced::<FromWorker>::default())
                .max_decoding_message_size(shared.options.message_bytes_max);
            let answer = move |request| {
                let (call, incoming) = call_of(Arc::clone(&shared), rpc, request);
                async move { batched::work(call, incoming).await.map(Response::new) }
            };
            let answer = grpc.streaming(Handler(answer), request.map(Body::new)).await;
            Ok(counted(&counting, rpc, answer).map(AnswerBody::Other))
        })
    }
}

/// Counts an answer by what it begins with: a stream that fails later counts as begun.
fn counted(shared: &Shared, rpc: Rpc, answer: http::Response<Body>) -> http::Response<Body> {
    match answer.headers().get("grpc-status").and_then(|code| code.to_str().ok()) {
        None | Some("0") => shared.handled.of(rpc).inc(),
        Some(code) => {
            count_refused(shared, rpc, tonic::Code::from_bytes(code.as_bytes()));
            0
        }
    };
    answer
}

fn count_refused(shared: &Shared, rpc: Rpc, code: tonic::Code) {
    shared.node.metrics().requests.grpc_handled(rpc.name(), status::code_name(code)).inc();
}

/// The node binds to loopback, or an operator has said that everybody who connects is trusted.
const PRINCIPAL: Principal = Principal::Local;

fn call_of<In>(shared: Arc<Shared>, rpc: Rpc, request: Request<In>) -> (Call, In) {
    let (metadata, _, message) = request.into_parts();
    (Call { shared, rpc, metadata, principal: PRINCIPAL }, message)
}

/// A function that answers a request with a stream.
struct Handler<F>(F);

impl<F, In, Items, Answering> ServerStreamingService<In> for Handler<F>
where
    F: FnMut(Request<In>) -> Answering,
    Items: Stream<Item = Result<Bytes, Status>>,
    Answering: Future<Output = Result<Response<Items>, Status>>,
{
    type Response = Bytes;
    type ResponseStream = Items;
    type Future = Answering;

    fn call(&mut self, request: Request<In>) -> Answering {
        (self.0)(request)
    }
}

impl<F, In, Items, Answering> StreamingService<In> for Handler<F>
where
    F: FnMut(Request<Streaming<In>>) -> Answering,
    Answering: Future<Output = Result<Response<Items>, Status>>,
    Items: Stream<Item = Result<Bytes, Status>>,
{
    type Response = Bytes;
    type ResponseStream = Items;
    type Future = Answering;

    fn call(&mut self, request: Request<Streaming<In>>) -> Answering {
        (self.0)(request)
    }
}
