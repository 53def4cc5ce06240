//! What the macros write: definitions, errors across the wire, entities.

use outlast_proto::durable_task as pb;
use serde::{Deserialize, Serialize};

use crate::entity::batch::{self, Batch};
use crate::resources::Resources;
use crate::{
    ActivityContext, ActivityDefinition, Context, EntityContext, Failure, Named, OrchestrationDefinition,
    Signature,
};

#[derive(Debug, PartialEq, thiserror::Error, crate::Failure)]
enum Bank {
    #[error("declined: {reason}, {cents} cents")]
    #[failure(non_retriable)]
    Declined { reason: String, cents: u64 },
    #[error("busy")]
    #[failure(kind = "BankBusy")]
    Busy,
    #[error("limits {0} and {1:?}")]
    Limits(f64, Option<i64>),
    #[error(transparent)]
    Other(Failure),
}

#[derive(Debug, PartialEq, thiserror::Error, crate::Failure)]
enum Order {
    #[error("not paid")]
    NotPaid(#[from] Bank),
    #[error(transparent)]
    Other(Failure),
}

fn over_the_wire(failure: impl Into<Failure>) -> Failure {
    Failure::from_wire(Some(failure.into().into_wire()))
}

#[test]
fn an_error_enum_comes_back_as_it_was() {
    for error in [
        || Bank::Declined { reason: "no funds".to_owned(), cents: u64::MAX },
        || Bank::Busy,
        || Bank::Limits(2.0, Some(-7)),
        || Bank::Limits(0.5, None),
    ] {
        assert_eq!(Bank::from(over_the_wire(error())), error());
    }
    let declined = over_the_wire(Bank::Declined { reason: "no funds".to_owned(), cents: 7 });
    assert_eq!((declined.kind.as_str(), declined.non_retriable), ("Bank::Declined", true));
    assert_eq!(declined.message, "declined: no funds, 7 cents");
    assert_eq!(over_the_wire(Bank::Busy).kind, "BankBusy");
}

#[test]
fn the_error_that_caused_another_comes_back_too() {
    let failure = over_the_wire(Order::from(Bank::Busy));
    assert_eq!(failure.cause.as_ref().unwrap().kind, "BankBusy");
    assert_eq!(Order::from(failure), Order::NotPaid(Bank::Busy));
}

#[test]
fn whatever_is_none_of_the_variants_is_the_other() {
    let panic = Failure::new("Panic", "boom");
    assert_eq!(Bank::from(panic.clone()), Bank::Other(panic));
    let without_fields = Failure::new("Bank::Declined", "of another version");
    assert_eq!(Bank::from(without_fields.clone()), Bank::Other(without_fields));
}

#[crate::activity(name = "charge-card")]
async fn charge(ctx: ActivityContext, cents: u64, currency: String) -> Result<String, Bank> {
    if cents == 0 { Err(Bank::Busy) } else { Ok(format!("{}: {cents} {currency}", ctx.task_id)) }
}

#[crate::orchestration]
async fn pay(ctx: Context, cents: u64) -> Result<String, Order> {
    Ok(ctx.call(charge, (cents, "EUR".to_owned())).await?)
}

#[crate::activity]
async fn ping(_: ActivityContext) -> Result<(), Failure> {
    Ok(())
}

#[tokio::test]
async fn a_definition_has_name_types_and_code() {
    // A name may be used again for what came of it.
    let pay_again = pay;
    let pay = pay_again.name();
    assert_eq!(pay, "pay");
    fn types<S: Signature<Input = (u64, String), Output = String, Error = Bank>>(_: S) {}
    types(charge);
    assert_eq!((charge.name(), ping.name()), ("charge-card", "ping"));
    let ctx = || ActivityContext::new(&pb::ActivityRequest { task_id: 4, ..Default::default() });
    assert_eq!(charge::run(ctx(), 5, "EUR".to_owned()).await.unwrap(), "4: 5 EUR");
    assert_eq!(<charge as ActivityDefinition>::run(ctx(), (0, String::new())).await.unwrap_err(), Bank::Busy);
    ping::run(ctx()).await.unwrap();
    let _: fn(Context, u64) -> _ = <pay as OrchestrationDefinition>::run;
}

const REFILL: Named<u32, ()> = Named::new("refill");

#[derive(Debug, Default, Serialize, Deserialize)]
struct Stock {
    left: u32,
}

#[crate::entity(name = "Shelf")]
impl Stock {
    fn add(&mut self, pieces: u32) -> u32 {
        self.left += pieces;
        self.left
    }

    async fn take(&mut self, ctx: &mut EntityContext, pieces: u32) -> Result<u32, Failure> {
        ctx.signal::<Stock>("all").add(pieces);
        self.left = self.left.wrapping_sub(pieces);
        if self.left > u32::MAX / 2 {
            return Err(Failure::new("OutOfStock", "too few"));
        }
        ctx.start(REFILL, "refill-1", 9)?;
        Ok(self.left)
    }

    fn burn(&mut self, ctx: &mut EntityContext) {
        ctx.delete();
    }

    fn boom(&mut self) {
        self.left = 99;
        panic!("boom");
    }
}

fn batch(state: Option<&str>, operations: &[(&str, &str)]) -> Batch {
    let operations = operations.iter().map(|(name, input)| pb::OperationRequest {
        operation: (*name).to_owned(),
        input: Some((*input).to_owned()),
        ..Default::default()
    });
    Batch::from_v1(pb::EntityBatchRequest {
        instance_id: "@shelf@pens".to_owned(),
        entity_state: state.map(str::to_owned),
        operations: operations.collect(),
        ..Default::default()
    })
}

fn told(result: &pb::EntityBatchResult) -> Vec<String> {
    let told = |result: &pb::OperationResult| match result.result_type.clone().unwrap() {
        pb::operation_result::ResultType::Success(success) => success.result.unwrap(),
        pb::operation_result::ResultType::Failure(failure) => failure.failure_details.unwrap().error_type,
    };
    result.results.iter().map(told).collect()
}

#[tokio::test]
async fn operations_are_performed_in_order_and_failed_ones_leave_nothing() {
    let operations = [
        ("add", "5"),
        ("take", "2"),
        ("take", "9"),
        ("boom", "null"),
        ("add", "1"),
        ("fly", "1"),
        ("add", "\"x\""),
    ];
    let result = batch::run::<Stock>(batch(None, &operations), Resources::default()).await;
    let expected = ["5", "3", "OutOfStock", "Panic", "4", "NoSuchOperation", "Serialization"];
    assert_eq!(told(&result), expected);
    assert_eq!(result.entity_state.as_deref(), Some("{\"left\":4}"));
    assert_eq!(result.actions.len(), 2, "a signal and a start of the one that succeeded");
    assert_eq!(result.operation_infos.len(), 7);
}

#[tokio::test]
async fn a_deleted_entity_has_no_state_and_begins_again() {
    let result =
        batch::run::<Stock>(batch(Some("{\"left\":4}"), &[("burn", "null")]), Resources::default()).await;
    assert_eq!(result.entity_state, None);
    let both = batch(Some("{\"left\":4}"), &[("burn", "null"), ("add", "1")]);
    let result = batch::run::<Stock>(both, Resources::default()).await;
    assert_eq!(result.entity_state.as_deref(), Some("{\"left\":1}"));
}

#[tokio::test]
async fn a_state_that_cannot_be_read_is_left_as_it_is() {
    let result = batch::run::<Stock>(batch(Some("[]x"), &[("add", "1")]), Resources::default()).await;
    assert_eq!(result.failure_details.unwrap().error_type, crate::SERIALIZATION);
    assert_eq!((result.results.len(), result.entity_state), (0, None));
}

#[tokio::test]
async fn whoever_observes_a_worker_is_told_of_turns_activities_and_batches() {
    use std::sync::{Arc, Mutex};

    use crate::observe::{Observer, WorkerEvent};
    use crate::registry::Registry;

    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let listener = Arc::clone(&told);
    let observer = Observer::new(move |event| {
        let line = match event {
            WorkerEvent::TurnDone { instance_id, replayed, actions, .. } => {
                format!("turn {instance_id} {replayed} {actions}")
            }
            WorkerEvent::ActivityDone { name, failed, .. } => format!("activity {name} {failed}"),
            WorkerEvent::BatchDone { name, operations, .. } => format!("batch {name} {operations}"),
            WorkerEvent::Connected | WorkerEvent::Disconnected { .. } => "connection".to_owned(),
        };
        listener.lock().unwrap().push(line);
    });
    let mut registry = Registry { observer, ..Registry::default() };
    registry.add_entity::<Stock>();
    registry
        .turn(pb::OrchestratorRequest { instance_id: "i".to_owned(), ..Default::default() }, String::new());
    registry.batch(batch(None, &[("add", "5"), ("add", "6")])).await;
    let failing = std::future::ready(Err::<(), _>(Failure::new("Busy", "")));
    registry.observer.activity("charge", failing).await.unwrap_err();
    assert_eq!(*told.lock().unwrap(), ["turn i 0 1", "batch shelf 2", "activity charge true"]);
}
