//! Clients and workers of a node that has no replica: everything goes through another.
//!
//! Node 1 has all replicas, node 2 none. Not here: several nodes that lead.

use engine::id::{NodeId, PartitionId};

use super::*;
use crate::observe::codes;
use crate::peers::gateway::Gateway;
use crate::testing::cable::Cable;

const LEADER: NodeId = NodeId(1);
const GATEWAY: NodeId = NodeId(2);

struct Two {
    leader: Bench,
    gateway: Bench,
    cable: Cable,
}

impl Two {
    async fn new() -> Self {
        let cable = Cable::new();
        let [first, second] = [LEADER, GATEWAY].map(|node| {
            let gateway = Gateway::new(node, cable.links(node));
            cable.plug_in(node, Arc::<Gateway>::clone(&gateway));
            gateway
        });
        let leader = Bench::among(first).await;
        leader.node.hub("default").await.expect("a hub");
        cable.connect(LEADER, GATEWAY);
        let gateway = Bench::among(second).await;
        Self { leader, gateway, cable }
    }

    fn mend(&self) {
        self.cable.connect(LEADER, GATEWAY);
    }

    fn cut(&self) {
        self.cable.cut(LEADER, GATEWAY);
    }

    async fn stop(self) {
        self.cable.unplug();
        self.gateway.stop().await;
        self.leader.stop().await;
    }
}

/// A later frame is heard after what has been said before.
async fn ends(bench: &Bench, id: &str) -> proto::OrchestrationState {
    tokio::time::timeout(Duration::from_secs(60), bench.wait(id)).await.expect("somebody is told")
}

fn outlast_code(status: &Status) -> Option<&str> {
    status.metadata().get("outlast-code")?.to_str().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_and_workers_of_a_node_without_replicas_are_served_through_another() {
    let two = Two::new().await;
    let hub = two.gateway.node.hub("default").await.expect("the hub");
    let mut worker = two.gateway.worker(everything()).await;
    for id in ["a", "b", "c", "d"] {
        two.gateway.start(id, "hello").await;
        let (turn, token) = worker.turn().await;
        assert_eq!((turn.instance_id.as_str(), turn.new_events.len()), (id, 2));
        worker.answer(&token, vec![task("greet")]).await.expect("accepted");
        let (_, token) = worker.activity().await;
        worker.answer_activity(&token, "\"hi\"").await.expect("accepted");
        let (turn, token) = worker.turn().await;
        assert_eq!((turn.past_events.len(), turn.new_events.len()), (3, 2));
        worker.answer(&token, vec![done("\"out\"")]).await.expect("accepted");
        let late = worker.answer_activity(&token, "1").await.expect_err("it is a turn's token");
        assert_eq!(late.code(), Code::InvalidArgument);
        let seen = ends(&two.gateway, id).await;
        assert_eq!((seen.output.as_deref(), seen.tags["team"].as_str()), (Some("\"out\""), "pay"));
        assert_eq!(two.leader.get(id).await.and_then(|state| state.output), seen.output);
    }
    for partition in 0..hub.partitions() {
        let route = hub.route(PartitionId(partition)).expect("a partition");
        assert_eq!(route.is_at(), Some(LEADER));
    }
    let text = format!("\"{}\"", "x".repeat(300_000));
    let large = proto::CreateInstanceRequest {
        instance_id: "large".into(),
        name: "hello".into(),
        input: Some(text.clone()),
        ..Default::default()
    };
    two.gateway.client.clone().start_instance(large).await.expect("it starts");
    let (_, token) = worker.turn().await;
    worker.answer(&token, vec![done(&text)]).await.expect("accepted");
    let state = ends(&two.gateway, "large").await;
    assert_eq!((state.input.as_ref(), state.output.as_ref()), (Some(&text), Some(&text)));
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_at_a_gateway_is_told_when_the_end_comes() {
    let two = Two::new().await;
    two.leader.start("a", "hello").await;
    let hub = two.leader.node.hub("default").await.expect("the hub");
    let client = two.gateway.client.clone();
    let waiting = tokio::spawn(async move {
        let request = proto::GetInstanceRequest { instance_id: "a".into(), get_inputs_and_outputs: true };
        client.clone().wait_for_instance_completion(request).await
    });
    while hub.watchers().count() == 0 {
        tokio::task::yield_now().await;
    }
    let mut worker = two.leader.worker(everything()).await;
    let (_, token) = worker.turn().await;
    worker.answer(&token, vec![done("1")]).await.expect("accepted");
    let told = tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it is told");
    let state = told.expect("no panic").expect("an answer").into_inner().orchestration_state;
    assert_eq!(state.and_then(|state| state.output).as_deref(), Some("1"));
    while hub.watchers().count() > 0 {
        tokio::task::yield_now().await;
    }
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_of_a_gateways_worker_are_handed_out_again_when_its_session_ends() {
    let two = Two::new().await;
    let mut worker = two.gateway.worker(everything()).await;
    two.gateway.start("a", "hello").await;
    let (_, token) = worker.turn().await;
    worker.answer(&token, vec![task("greet")]).await.expect("accepted");
    let (_, first) = worker.activity().await;
    two.cut();
    two.mend();
    let (_, second) = worker.activity().await;
    assert_ne!(first, second, "the same worker, whose stream has lived on, is handed it again");
    worker.answer_activity(&first, "\"first\"").await.expect("the first answer that comes counts");
    let late = worker.answer_activity(&second, "\"second\"").await;
    let (turn, token) = worker.turn().await;
    assert_eq!(turn.new_events.len(), 2, "one result: {late:?}");
    worker.answer(&token, vec![done("1")]).await.expect("accepted");
    assert_eq!(ends(&two.gateway, "a").await.output.as_deref(), Some("1"));
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_session_ends_is_unknown_where_it_may_not_be_repeated() {
    let two = Two::new().await;
    let mut worker = two.gateway.worker(everything()).await;
    two.gateway.start("a", "hello").await;
    let (_, token) = worker.turn().await;
    two.cable.swallow_outcomes(true);
    let start =
        proto::CreateInstanceRequest { instance_id: "b".into(), name: "hello".into(), ..Default::default() };
    let mut client = two.gateway.client.clone();
    let starting = tokio::spawn(async move { client.start_instance(start).await });
    two.cable.swallowed(1).await;
    let mut answering = worker.client.clone();
    let response = proto::OrchestratorResponse {
        actions: vec![proto::OrchestratorAction { id: 1, orchestrator_action_type: Some(done("1")) }],
        completion_token: token,
        ..Default::default()
    };
    let answering = tokio::spawn(async move { answering.complete_orchestrator_task(response).await });
    two.cable.swallowed(2).await;
    two.cut();
    let unknown = starting.await.expect("no panic").expect_err("nobody knows");
    assert_eq!(unknown.code(), Code::Unavailable);
    assert_eq!(outlast_code(&unknown), Some(codes::OUTCOME_UNKNOWN.id));
    two.cable.swallow_outcomes(false);
    two.mend();
    answering.await.expect("no panic").expect("its repeat is accepted");
    assert_eq!(ends(&two.gateway, "a").await.output.as_deref(), Some("1"));
    assert!(two.gateway.get("b").await.is_some(), "this time it had happened");
    two.stop().await;
}
