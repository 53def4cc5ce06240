//! The worker stream of lists, by its generated client: the same work, the same answers.

use outlast_proto::worker::worker_stream_client::WorkerStreamClient;
use outlast_proto::worker::{FromWorker, Refusal, ToWorker};
use tokio::sync::mpsc;
use tokio_stream::Stream;

use super::*;

/// A worker that answers by hand, in lists.
struct Lister {
    say: mpsc::Sender<FromWorker>,
    heard: Streaming<ToWorker>,
    items: Vec<proto::WorkItem>,
    refused: Vec<Refusal>,
    settled: u64,
    number: u64,
}

struct Saying(mpsc::Receiver<FromWorker>);

impl Stream for Saying {
    type Item = FromWorker;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<FromWorker>> {
        self.0.poll_recv(context)
    }
}

impl Lister {
    async fn connect(bench: &Bench) -> Self {
        let (say, said) = mpsc::channel(8);
        let opening = FromWorker { opening: Some(everything()), ..Default::default() };
        say.send(opening).await.expect("there is room");
        let heard = WorkerStreamClient::new(bench.channel.clone()).work(Saying(said)).await;
        let heard = heard.expect("a stream").into_inner();
        Self { say, heard, items: Vec::new(), refused: Vec::new(), settled: 0, number: 0 }
    }

    async fn hear(&mut self) -> Result<(), Status> {
        let message = self.heard.message().await?.expect("it has not ended");
        self.items.extend(message.items);
        self.refused.extend(message.refused);
        self.settled = self.settled.max(message.settled);
        Ok(())
    }

    async fn next(&mut self) -> (Work, String) {
        while self.items.is_empty() {
            self.hear().await.expect("the stream lives");
        }
        let item = self.items.remove(0);
        (item.request.expect("a known kind"), item.completion_token)
    }

    async fn say(&mut self, message: FromWorker) {
        self.number += 1;
        self.say.send(FromWorker { number: self.number, ..message }).await.expect("it is read");
    }

    async fn all_settled(&mut self) {
        while self.settled < self.number {
            self.hear().await.expect("the stream lives");
        }
    }
}

fn turn(token: &str, asked: Vec<Asked>) -> FromWorker {
    let action = |(id, asked)| proto::OrchestratorAction { id, orchestrator_action_type: Some(asked) };
    let response = proto::OrchestratorResponse {
        actions: (1..).zip(asked).map(action).collect(),
        completion_token: token.into(),
        ..Default::default()
    };
    FromWorker { turns: vec![response], ..Default::default() }
}

fn result(token: &str) -> proto::ActivityResponse {
    proto::ActivityResponse { result: Some("1".into()), completion_token: token.into(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_of_answers_run_an_orchestration_to_its_end() {
    let bench = Bench::new().await;
    let mut worker = Lister::connect(&bench).await;
    bench.start("a", "hello").await;
    let (_, first) = worker.next().await;
    worker.say(turn(&first, vec![task("x"), task("y")])).await;
    let (_, x) = worker.next().await;
    let (_, y) = worker.next().await;
    worker.say(FromWorker { activities: vec![result(&x), result(&y)], ..Default::default() }).await;
    let mut last = worker.next().await;
    worker.all_settled().await;
    if let Work::OrchestratorRequest(request) = &last.0
        && request.new_events.len() == 2
    {
        // The results came one by one: each has its turn.
        worker.say(turn(&last.1, Vec::new())).await;
        last = worker.next().await;
    }
    worker.say(turn(&last.1, vec![done("2")])).await;
    assert_eq!(bench.wait("a").await.orchestration_status, Shown::Completed as i32);
    worker.all_settled().await;
    assert_eq!(worker.refused, [], "all of them counted");
    drop(worker);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_does_not_count_is_named_and_the_others_of_its_list_count() {
    let bench = Bench::new().await;
    let mut worker = Lister::connect(&bench).await;
    bench.start("a", "hello").await;
    let (_, token) = worker.next().await;
    let mut list = turn(&token, vec![done("1")]);
    list.activities.push(result("nonsense"));
    worker.say(list).await;
    worker.all_settled().await;
    let refused: Vec<_> =
        worker.refused.iter().map(|refusal| (refusal.completion_token.as_str(), refusal.code)).collect();
    assert_eq!(refused, [("nonsense", Code::InvalidArgument as i32)]);
    assert_eq!(bench.wait("a").await.orchestration_status, Shown::Completed as i32);
    drop(worker);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_streams_turn_goes_to_the_next_and_a_broken_one_is_told_why() {
    let bench = Bench::new().await;
    let mut worker = Lister::connect(&bench).await;
    bench.start("a", "hello").await;
    let (_, late) = worker.next().await;
    drop(worker);
    let mut other = Lister::connect(&bench).await;
    let (_, token) = other.next().await;
    assert_ne!(late, token);
    other.say(FromWorker { returned: vec![token.clone()], ..Default::default() }).await;
    let (_, again) = other.next().await;
    assert_ne!(token, again, "it was given back and comes again");
    other.say(turn(&again, vec![done("1")])).await;
    other.all_settled().await;
    other.number = 0;
    other.say(turn(&again, vec![done("1")])).await;
    let told = loop {
        if let Err(told) = other.hear().await {
            break told;
        }
    };
    assert_eq!(told.code(), Code::InvalidArgument, "{told}");
    drop(other);
    bench.stop().await;
}
