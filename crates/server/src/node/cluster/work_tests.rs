//! Workers of a cluster: their items come from whoever leads, also when one of them is gone.
//!
//! Not here: one leader and a node without replicas, over gRPC (`ingress`).

use std::future::poll_fn;

use engine::event::{Action, ActionKind, CompleteOrchestration};
use engine::partition::command::CompleteOrchestrationTurn;
use outlast_proto::durable_task::{OrchestrationStatus, WorkItem};
use prost::Message as _;

use super::*;
use crate::dispatch::{Filter, Past, PerKind, Task, Worker};
use crate::partition::watch::Until;

/// Ends every orchestration that it is handed a turn of.
async fn work(hub: Arc<Hub>) {
    let slots = PerKind { turns: 2, activities: 1, batches: 1 };
    let mut items = hub.connect(Worker { filter: Filter::Everything, slots, past: Past::Inline });
    while let Some(item) = poll_fn(|context| items.poll_next(context)).await {
        let item = WorkItem::decode(item).expect("a work item");
        let token = hub.dispatch().token(&item.completion_token).expect("one of ours");
        let Task::Turn { turn, delivered, started_at } = token.task else { panic!("{token:?} is no turn's") };
        let end = CompleteOrchestration {
            orchestration_status: OrchestrationStatus::Completed as i32,
            ..CompleteOrchestration::default()
        };
        let command = Command::CompleteOrchestrationTurn(CompleteOrchestrationTurn {
            instance: token.instance.as_str().to_owned(),
            execution: token.execution.clone(),
            epoch: token.token_epoch(),
            turn,
            started_at: started_at.into(),
            delivered,
            actions: vec![Action { id: 1, kind: Some(ActionKind::CompleteOrchestration(end)) }],
            ..CompleteOrchestrationTurn::default()
        });
        // Refused where it was handed out again: then another answer counts.
        drop(hub.answer(&token, command).await);
    }
}

/// Tells dispatch the time, as a whole server does.
async fn tick(node: Arc<Node>) {
    let mut interval = tokio::time::interval(Duration::from_millis(20));
    loop {
        interval.tick().await;
        let now = node.platform().clock.monotonic();
        node.open_hub_list().iter().for_each(|hub| hub.dispatch().tick(now));
        node.gateway().catch_up();
    }
}

async fn ends(hub: &Hub, id: &str) {
    let id = instance(id);
    let watch = hub.watch(&id, Until::Ended);
    let ended = async {
        while !hub.instance(&id, false).await.ok().flatten().is_some_and(|view| view.status.is_terminal()) {
            watch.changed().await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.unwrap_or_else(|_| panic!("{id} does not end"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_of_one_node_has_the_work_of_all_also_when_one_of_them_is_gone() {
    let net = Net::new();
    let first = start(&net, 1, platform::fault::SimDisk::new(1)).await;
    first.has_voters(1).await;
    let second = first.with_another(&net, 2).await;
    let third = first.with_another(&net, 3).await;
    third.has_voters(3).await;
    let (asking, working) = (second.hub().await, third.hub().await);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(work(Arc::clone(&working)));
    for member in [&first, &second, &third] {
        tasks.spawn(tick(Arc::clone(&member.node)));
    }
    for number in 0..10 {
        begin(&asking, &format!("before-{number}")).await;
    }
    for number in 0..10 {
        ends(&asking, &format!("before-{number}")).await;
    }
    first.end(&net).await;
    for number in 0..10 {
        begin(&asking, &format!("after-{number}")).await;
    }
    for number in 0..10 {
        ends(&asking, &format!("after-{number}")).await;
        ends(&working, &format!("after-{number}")).await;
    }
    tasks.shutdown().await;
    drop((asking, working));
    for member in [second, third] {
        member.end(&net).await;
    }
    net.cable.unplug();
}
