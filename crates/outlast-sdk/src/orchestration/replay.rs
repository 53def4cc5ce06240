//! Runs one turn: feeds past and new events to the code, one by one, and answers with what it wants done.
//!
//! The code starts afresh each turn and is polled after each event that can wake it, so that it sees the
//! same world in the same order every time. Everything here is synchronous and on one thread; a turn that
//! waits simply ends. Not here: the connection (`worker`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as Poller, Poll, Wake, Waker};

use outlast_proto::durable_task as pb;
use pb::history_event::EventType as Event;
use pb::orchestrator_action::OrchestratorActionType as Action;
use tracing::Dispatch;

use super::confirm::{confirm, ended_early};
use super::context::Context;
use super::patches::{self, Patches};
use super::turn::{Identity, Phase, Turn};
use super::{Function, Running, nowhere};
use crate::failure::{FOREIGN_AWAIT, Failure, PANIC};

/// Code may wake itself (combinators do, to be fair to each other), but not for ever.
const POLLS_MAX: u32 = 100_000;

/// Runs the turn that the server asks for.
pub(crate) fn run(
    functions: &BTreeMap<String, Function>,
    request: pb::OrchestratorRequest,
    completion_token: String,
) -> pb::OrchestratorResponse {
    let _nowhere = nowhere::enter();
    let mut replay = Replay::new(functions, &request);
    replay.feed(request.past_events, request.new_events);
    let trace = request.orchestration_trace_context;
    let (actions, custom_status) = replay.finish();
    pb::OrchestratorResponse {
        instance_id: request.instance_id,
        actions,
        custom_status,
        completion_token,
        orchestration_trace_context: trace,
        ..Default::default()
    }
}

/// The names of the events that the code waits for after a turn.
pub(crate) fn awaited_events(
    functions: &BTreeMap<String, Function>,
    request: pb::OrchestratorRequest,
) -> Vec<String> {
    let _nowhere = nowhere::enter();
    let mut replay = Replay::new(functions, &request);
    replay.feed(request.past_events, request.new_events);
    let events = replay.turn.borrow().awaited_events();
    replay.finish();
    events
}

/// Notes that the code wants to be polled.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// How an execution ends.
enum Outcome {
    Completed(String),
    Failed(Failure),
    Terminated(Option<String>),
    ContinuedAsNew(String),
}

struct Replay<'a> {
    functions: &'a BTreeMap<String, Function>,
    turn: Rc<RefCell<Turn>>,
    code: Option<Running>,
    woken: Arc<Woken>,
    waker: Waker,
    outcome: Option<Outcome>,
    is_suspended: bool,
    /// What arrived while suspended, on servers that show suspension to workers.
    held: Vec<pb::HistoryEvent>,
}

impl<'a> Replay<'a> {
    fn new(functions: &'a BTreeMap<String, Function>, request: &pb::OrchestratorRequest) -> Self {
        let identity = Identity {
            instance: request.instance_id.clone(),
            execution: request.execution_id.clone().unwrap_or_default(),
            ..Identity::default()
        };
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let mut turn = Turn::new(identity);
        turn.patches = Patches::of(&request.past_events);
        Self {
            functions,
            turn: Rc::new(RefCell::new(turn)),
            code: None,
            waker: Waker::from(Arc::clone(&woken)),
            woken,
            outcome: None,
            is_suspended: false,
            held: Vec::new(),
        }
    }

    fn feed(&mut self, past: Vec<pb::HistoryEvent>, new: Vec<pb::HistoryEvent>) {
        self.feed_past(past);
        if self.outcome.is_some() {
            return;
        }
        self.turn.borrow_mut().phase = Phase::Live;
        for event in new {
            if self.outcome.is_none() {
                self.on_event(event);
            } else {
                self.leave_to_the_next(event);
            }
        }
        self.check_awaits();
    }

    /// An external event that the ended code has not seen goes along when the instance continues as new.
    fn leave_to_the_next(&mut self, event: pb::HistoryEvent) {
        if let Some(Event::EventRaised(raised)) = &event.event_type
            && !patches::is_mark(&raised.name)
        {
            let name = raised.name.clone();
            // Nobody is there to be woken.
            drop(self.turn.borrow_mut().event_arrived(&name, event));
        }
    }

    /// Goes over what is committed. What the code logs on the way has been logged before.
    fn feed_past(&mut self, past: Vec<pb::HistoryEvent>) {
        let _silence = tracing::dispatcher::set_default(&Dispatch::none());
        for event in past {
            if self.outcome.is_some() {
                self.contradict(Some(&event));
                return;
            }
            self.on_event(event);
        }
        if self.outcome.is_some() {
            self.contradict(None);
        }
    }

    /// What is committed ended the code, yet history goes on.
    fn contradict(&mut self, next: Option<&pb::HistoryEvent>) {
        match &self.outcome {
            Some(Outcome::Completed(_) | Outcome::ContinuedAsNew(_)) => {
                self.outcome = Some(Outcome::Failed(ended_early(next)));
            }
            // A failure that history does not have is most useful as it is: it may be the very
            // difference, found by comparing or raised by code that is new.
            Some(Outcome::Failed(_) | Outcome::Terminated(_)) | None => {}
        }
    }

    fn on_event(&mut self, event: pb::HistoryEvent) {
        if self.is_suspended && is_input(&event) {
            self.held.push(event);
            return;
        }
        let id = event.event_id;
        match event.event_type {
            Some(Event::OrchestratorStarted(_)) => {
                self.turn.borrow_mut().now = event.timestamp.unwrap_or_default();
            }
            Some(Event::ExecutionStarted(started)) => self.start(started),
            Some(Event::TaskCompleted(done)) => self.resolve(done.task_scheduled_id, Ok(done.result)),
            Some(Event::TaskFailed(failed)) => {
                self.resolve(failed.task_scheduled_id, Err(Failure::from_wire(failed.failure_details)));
            }
            Some(Event::SubOrchestrationInstanceCompleted(done)) => {
                self.resolve(done.task_scheduled_id, Ok(done.result));
            }
            Some(Event::SubOrchestrationInstanceFailed(failed)) => {
                self.resolve(failed.task_scheduled_id, Err(Failure::from_wire(failed.failure_details)));
            }
            Some(Event::TimerFired(fired)) => self.resolve(fired.timer_id, Ok(None)),
            Some(Event::EventRaised(ref raised)) if patches::is_mark(&raised.name) => {}
            Some(Event::EventRaised(ref raised)) => {
                let name = raised.name.clone();
                let wakers = self.turn.borrow_mut().event_arrived(&name, event);
                wakers.into_iter().for_each(Waker::wake);
                self.poll();
            }
            Some(Event::EntityOperationCompleted(done)) => self.answer(&done.request_id, Ok(done.output)),
            Some(Event::EntityOperationFailed(failed)) => {
                self.answer(&failed.request_id, Err(Failure::from_wire(failed.failure_details)));
            }
            Some(Event::EntityLockGranted(granted)) => self.grant(&granted.critical_section_id),
            Some(Event::ExecutionTerminated(terminated)) => {
                self.outcome = Some(Outcome::Terminated(terminated.input));
            }
            Some(Event::ExecutionSuspended(_)) => self.is_suspended = true,
            Some(Event::ExecutionResumed(_)) => self.resume(),
            Some(other) => {
                let confirmed = confirm(&mut self.turn.borrow_mut(), id, &other);
                if let Err(failure) = confirmed {
                    self.outcome = Some(Outcome::Failed(failure));
                }
            }
            // A kind of event younger than this SDK.
            None => {}
        }
    }

    fn resume(&mut self) {
        self.is_suspended = false;
        for event in std::mem::take(&mut self.held) {
            self.on_event(event);
        }
    }

    fn start(&mut self, started: pb::ExecutionStartedEvent) {
        let Some(function) = self.functions.get(&started.name) else {
            let message = format!("no orchestration '{}' is registered with this worker", started.name);
            self.outcome = Some(Outcome::Failed(Failure::new("OrchestratorTaskNotFound", message)));
            return;
        };
        let mut turn = self.turn.borrow_mut();
        let parent = started.parent_instance.and_then(|parent| parent.orchestration_instance);
        if let Some(execution) = started.orchestration_instance.and_then(|instance| instance.execution_id) {
            turn.identity.execution = execution;
        }
        turn.identity.name = started.name;
        turn.identity.version = started.version;
        turn.identity.parent = parent.map(|parent| parent.instance_id);
        turn.identity.tags = started.tags.into_iter().collect();
        drop(turn);
        let context = Context::new(Rc::clone(&self.turn));
        match catch_unwind(AssertUnwindSafe(|| function(context, started.input))) {
            // Combinators of tokio would stop to be fair to a runtime that is not there.
            Ok(code) => self.code = Some(Box::pin(tokio::task::unconstrained(code))),
            Err(panic) => self.outcome = Some(Outcome::Failed(self.panicked(panic.as_ref()))),
        }
        self.woken.0.store(true, Ordering::Release);
        self.poll();
    }

    fn resolve(&mut self, id: i32, result: Result<Option<String>, Failure>) {
        let waker = self.turn.borrow_mut().resolve(id, result);
        if let Some(waker) = waker {
            waker.wake();
            self.poll();
        }
    }

    fn answer(&mut self, request: &str, result: Result<Option<String>, Failure>) {
        let task = self.turn.borrow_mut().task_of(request);
        if let Some(task) = task {
            self.resolve(task, result);
        }
    }

    fn grant(&mut self, section: &str) {
        if self.turn.borrow_mut().granted(section) {
            self.answer(section, Ok(None));
        }
    }

    /// A panic is a failure; that of something of the outside says what to do instead.
    fn panicked(&self, panic: &(dyn std::any::Any + Send)) -> Failure {
        let failure = Failure::from_panic(panic);
        if failure.kind == PANIC && nowhere::is_refusal(&failure.message) {
            return self.foreign();
        }
        failure
    }

    fn foreign(&self) -> Failure {
        let place = self.turn.borrow().last_place();
        let after = place.map_or_else(String::new, |place| format!(" after the step at {place}"));
        let message = format!(
            "the code waits{after} for something that is not of its context, such as tokio::time::sleep or a \
             network call: use ctx.timer() to wait, and do everything else in an activity"
        );
        Failure::new(FOREIGN_AWAIT, message)
    }

    /// Polls the code as long as it wants to be polled.
    fn poll(&mut self) {
        let Some(mut code) = self.code.take() else { return };
        let mut polls = 0;
        while self.woken.0.swap(false, Ordering::AcqRel) {
            polls += 1;
            let polled =
                catch_unwind(AssertUnwindSafe(|| code.as_mut().poll(&mut Poller::from_waker(&self.waker))));
            match polled {
                Ok(Poll::Ready(Ok(output))) => self.outcome = Some(Outcome::Completed(output)),
                Ok(Poll::Ready(Err(failure))) => self.outcome = Some(Outcome::Failed(failure)),
                Ok(Poll::Pending) => {
                    let next = self.turn.borrow_mut().continue_as_new.take();
                    self.outcome = next.map(Outcome::ContinuedAsNew);
                }
                Err(panic) => self.outcome = Some(Outcome::Failed(self.panicked(panic.as_ref()))),
            }
            if self.outcome.is_some() {
                self.drop_code(code);
                return;
            }
            if polls == POLLS_MAX {
                let message = format!("the code woke itself {POLLS_MAX} times without any event");
                self.outcome = Some(Outcome::Failed(Failure::new(FOREIGN_AWAIT, message)));
                self.drop_code(code);
                return;
            }
        }
        self.code = Some(code);
    }

    /// User code may panic when dropped, too.
    fn drop_code(&mut self, code: Running) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(code))) {
            self.outcome = Some(Outcome::Failed(Failure::from_panic(panic.as_ref())));
        }
    }

    /// Code that is pending while nothing of ours is awaited would never be woken again.
    fn check_awaits(&mut self) {
        if self.outcome.is_some() {
            return;
        }
        if self.code.is_none() {
            let message = "the server sent a history that does not begin with ExecutionStarted";
            self.outcome = Some(Outcome::Failed(Failure::new("InvalidHistory", message)));
        } else if !self.turn.borrow().is_awaited() {
            self.outcome = Some(Outcome::Failed(self.foreign()));
        }
    }

    fn finish(mut self) -> (Vec<pb::OrchestratorAction>, Option<String>) {
        self.turn.borrow_mut().phase = Phase::Over;
        if let Some(code) = self.code.take() {
            // Whatever it says now, the turn is over.
            let outcome = self.outcome.take();
            self.drop_code(code);
            self.outcome = outcome;
        }
        let mut turn = self.turn.borrow_mut();
        let end_id = turn.schedule(Action::CompleteOrchestration(pb::CompleteOrchestrationAction::default()));
        let mut pending = std::mem::take(&mut turn.pending);
        pending.remove(&end_id);
        if self.outcome.is_some() {
            // Nobody will be there when they fire.
            pending.retain(|_, action| !matches!(action, Action::CreateTimer(_)));
        }
        if let Some(end) = self.outcome.take().map(|outcome| end(outcome, &mut turn)) {
            pending.insert(end_id, Action::CompleteOrchestration(end));
        }
        let actions = pending
            .into_iter()
            .map(|(id, action)| pb::OrchestratorAction { id, orchestrator_action_type: Some(action) });
        (actions.collect(), turn.custom_status.take())
    }
}

/// Events that a suspended orchestration does not see until it is resumed.
///
/// Confirmations are no inputs: holding them would make the code's actions look new in every replay.
fn is_input(event: &pb::HistoryEvent) -> bool {
    matches!(
        event.event_type,
        Some(
            Event::TaskCompleted(_)
                | Event::TaskFailed(_)
                | Event::SubOrchestrationInstanceCompleted(_)
                | Event::SubOrchestrationInstanceFailed(_)
                | Event::TimerFired(_)
                | Event::EventRaised(_)
                | Event::EntityOperationCompleted(_)
                | Event::EntityOperationFailed(_)
                | Event::EntityLockGranted(_)
        )
    )
}

fn end(outcome: Outcome, turn: &mut Turn) -> pb::CompleteOrchestrationAction {
    use pb::OrchestrationStatus as Status;
    let action = |status: Status, result: Option<String>| pb::CompleteOrchestrationAction {
        orchestration_status: status.into(),
        result,
        ..Default::default()
    };
    match outcome {
        Outcome::Completed(output) => action(Status::Completed, Some(output)),
        Outcome::Terminated(output) => action(Status::Terminated, output),
        Outcome::Failed(failure) => pb::CompleteOrchestrationAction {
            failure_details: Some(failure.into_wire()),
            ..action(Status::Failed, None)
        },
        Outcome::ContinuedAsNew(input) => pb::CompleteOrchestrationAction {
            carryover_events: turn.take_events(),
            ..action(Status::ContinuedAsNew, Some(input))
        },
    }
}
