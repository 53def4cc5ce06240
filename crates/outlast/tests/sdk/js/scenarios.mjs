// What a user of the published JavaScript SDK may expect of a server, one scenario at a time.
//
//   scenarios.mjs HOST:PORT NAME     runs one against a server that is there
//   scenarios.mjs --list             names them
//
// A scenario waits for states with deadlines and never for time to pass. It fails by an exception, and
// so by its exit code. The SDK is in the folder OUTLAST_NPM names.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { setTimeout as pause } from "node:timers/promises";

const require = createRequire(`${process.env.OUTLAST_NPM}/package.json`);
const { EntityInstanceId, OrchestrationStatus, RetryPolicy, NoOpLogger, TaskHubGrpcClient, TaskHubGrpcWorker, terminateOptions, whenAll, whenAny } =
  require("@microsoft/durabletask-js");

const DEADLINE_SECONDS = 30;
const scenarios = {};

/** A client of the server under test, and workers for it. */
class Server {
  constructor(hostAddress) {
    this.hostAddress = hostAddress;
    this.client = new TaskHubGrpcClient({ hostAddress, logger: new NoOpLogger() });
  }

  /** Runs a worker with these orchestrations and activities around `body`. */
  async working({ orchestrations = {}, activities = {}, entities = {} }, body) {
    const worker = new TaskHubGrpcWorker({ hostAddress: this.hostAddress, logger: new NoOpLogger() });
    for (const [name, run] of Object.entries(orchestrations)) worker.addNamedOrchestrator(name, run);
    for (const [name, run] of Object.entries(activities)) worker.addNamedActivity(name, run);
    for (const [name, run] of Object.entries(entities)) worker.addNamedEntity(name, () => ({ run }));
    await worker.start();
    try {
      await body();
    } finally {
      await worker.stop();
    }
  }

  start(name, input, options) {
    return this.client.scheduleNewOrchestration(name, input, options);
  }

  async finished(id) {
    const state = await this.client.waitForOrchestrationCompletion(id, true, DEADLINE_SECONDS);
    assert.ok(state, `${id} does not exist`);
    return state;
  }

  async output(id) {
    const state = await this.finished(id);
    assert.equal(state.runtimeStatus, OrchestrationStatus.COMPLETED, state.failureDetails?.message);
    return JSON.parse(state.serializedOutput ?? "null");
  }

  async status(id) {
    return (await this.client.getOrchestrationState(id))?.runtimeStatus;
  }
}

/** The gRPC code a call is refused with must be this one. */
async function refused(code, call) {
  await assert.rejects(call, (error) => assert.equal(error.code, code, error.message) ?? true);
}
const [INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS] = [3, 5, 6];

scenarios.sequence = async (server) => {
  const orchestrations = {
    async *chain(context, start) {
      const numbers = [start];
      for (let n = 0; n < 5; n++) numbers.push(yield context.callActivity("plusOne", numbers.at(-1)));
      return numbers;
    },
  };
  await server.working({ orchestrations, activities: { plusOne: (_, number) => number + 1 } }, async () => {
    const ids = await Promise.all([0, 10, 20].map((n) => server.start("chain", n)));
    for (const [at, id] of ids.entries()) assert.deepEqual(await server.output(id), [0, 1, 2, 3, 4, 5].map((n) => 10 * at + n));
  });
};

scenarios.a_start_without_a_time_means_now = async (server) => {
  const orchestrations = {
    async *now(context) {
      return context.currentUtcDateTime.toISOString();
    },
  };
  await server.working({ orchestrations }, async () => {
    const begun = new Date(await server.output(await server.start("now")));
    assert.ok(Math.abs(Date.now() - begun) < 60_000, begun);
  });
};

scenarios.fan_out_and_in = async (server) => {
  const orchestrations = {
    async *sum(context, count) {
      const squares = yield whenAll(Array.from({ length: count }, (_, n) => context.callActivity("square", n)));
      return squares.reduce((sum, square) => sum + square, 0);
    },
  };
  await server.working({ orchestrations, activities: { square: (_, number) => number * number } }, async () => {
    assert.equal(await server.output(await server.start("sum", 50)), 40_425);
  });
};

scenarios.an_event_or_a_timer_whichever_comes_first = async (server) => {
  const orchestrations = {
    async *approval(context, seconds) {
      const approved = context.waitForExternalEvent("approved");
      const winner = yield whenAny([approved, context.createTimer(seconds)]);
      return winner === approved ? approved.getResult() : "timeout";
    },
  };
  await server.working({ orchestrations }, async () => {
    const patient = await server.start("approval", 3600);
    const hasty = await server.start("approval", 0.1);
    await server.client.raiseOrchestrationEvent(patient, "approved", { by: "me" });
    assert.deepEqual(await server.output(patient), { by: "me" });
    assert.equal(await server.output(hasty), "timeout");
  });
};

scenarios.events_wait_for_the_orchestration_and_keep_their_order = async (server) => {
  const orchestrations = {
    async *gather(context, count) {
      const got = [];
      while (got.length < count) got.push(yield context.waitForExternalEvent("item"));
      return got;
    },
  };
  const id = await server.start("gather", 20);
  const items = Array.from({ length: 20 }, (_, n) => n);
  for (const n of items) await server.client.raiseOrchestrationEvent(id, "item", n);
  await server.working({ orchestrations }, async () => assert.deepEqual(await server.output(id), items));
};

scenarios.sub_orchestrations_know_their_parent = async (server) => {
  const orchestrations = {
    async *child(context, number) {
      return [number, context.parent?.orchestrationInstanceId ?? context.parent?.instanceId, context.instanceId];
    },
    async *parent(context) {
      return yield whenAll([1, 2, 3].map((n) => context.callSubOrchestrator("child", n)));
    },
  };
  await server.working({ orchestrations }, async () => {
    const id = await server.start("parent");
    const children = await server.output(id);
    assert.deepEqual(children.map(([number, parent]) => [number, parent]), [1, 2, 3].map((n) => [n, id]));
    for (const [, , child] of children) assert.match(child, /^[0-9a-f]{32}:[0-9a-f]{4}$/);
  });
};

scenarios.failures_are_retried_and_then_told = async (server) => {
  const attempts = {};
  const retry = new RetryPolicy({ maxNumberOfAttempts: 3, firstRetryIntervalInMilliseconds: 50 });
  const orchestrations = {
    async *activity(context, succeedsAt) {
      return yield context.callActivity("flaky", succeedsAt, { retry });
    },
    async *child(context, { id, succeedsAt }) {
      attempts[id] = (attempts[id] ?? 0) + 1;
      if (attempts[id] < succeedsAt) throw new Error(`run ${attempts[id]}`);
      return attempts[id];
    },
    async *parent(context, succeedsAt) {
      return yield context.callSubOrchestrator("child", { id: context.instanceId, succeedsAt }, { retry });
    },
  };
  const activities = {
    flaky(context, succeedsAt) {
      const id = context.orchestrationId;
      attempts[id] = (attempts[id] ?? 0) + 1;
      if (attempts[id] < succeedsAt) throw new TypeError(`attempt ${attempts[id]}`);
      return attempts[id];
    },
  };
  await server.working({ orchestrations, activities }, async () => {
    assert.equal(await server.output(await server.start("activity", 3)), 3);
    assert.equal(await server.output(await server.start("parent", 3)), 3);
    const state = await server.finished(await server.start("activity", 4));
    assert.equal(state.runtimeStatus, OrchestrationStatus.FAILED);
    assert.match(state.failureDetails.message, /attempt 3/);
  });
};

scenarios.continue_as_new_keeps_events_in_flight = async (server) => {
  const orchestrations = {
    async *generations(context, soFar) {
      const got = [...(soFar ?? []), yield context.waitForExternalEvent("item")];
      if (got.length === 30) return got;
      context.continueAsNew(got, true);
    },
  };
  await server.working({ orchestrations }, async () => {
    const id = await server.start("generations");
    const items = Array.from({ length: 30 }, (_, n) => n);
    for (const n of items) await server.client.raiseOrchestrationEvent(id, "item", n);
    assert.deepEqual(await server.output(id), items);
  });
};

scenarios.custom_status_and_tags_are_kept = async (server) => {
  const orchestrations = {
    async *reporting(context) {
      context.setCustomStatus({ step: 1 });
      return yield context.waitForExternalEvent("go on");
    },
  };
  await server.working({ orchestrations }, async () => {
    const tags = { customer: "42", "a key": "ä value" };
    const id = await server.start("reporting", undefined, { tags });
    await server.client.waitForOrchestrationStart(id, false, DEADLINE_SECONDS);
    await server.client.raiseOrchestrationEvent(id, "go on", "end");
    const state = await server.finished(id);
    assert.deepEqual(JSON.parse(state.serializedCustomStatus), { step: 1 });
    assert.deepEqual({ ...state.tags }, tags);
  });
};

scenarios.suspended_until_resumed = async (server) => {
  const orchestrations = {
    async *listening(context) {
      return yield context.waitForExternalEvent("item");
    },
  };
  await server.working({ orchestrations }, async () => {
    const id = await server.start("listening");
    await server.client.waitForOrchestrationStart(id, false, DEADLINE_SECONDS);
    await server.client.suspendOrchestration(id);
    await server.client.raiseOrchestrationEvent(id, "item", 1);
    assert.equal(await server.status(id), OrchestrationStatus.SUSPENDED);
    await server.client.resumeOrchestration(id);
    assert.equal(await server.output(id), 1);
  });
};

scenarios.terminating_ends_the_children_too = async (server) => {
  const orchestrations = {
    async *child(context) {
      yield context.waitForExternalEvent("never");
    },
    async *parent(context) {
      yield context.callSubOrchestrator("child", null, { instanceId: `${context.instanceId}-child` });
    },
  };
  await server.working({ orchestrations }, async () => {
    const id = await server.start("parent");
    await server.client.waitForOrchestrationStart(`${id}-child`, false, DEADLINE_SECONDS);
    await server.client.terminateOrchestration(id, terminateOptions({ recursive: true, output: "enough" }));
    const state = await server.finished(id);
    assert.equal(state.runtimeStatus, OrchestrationStatus.TERMINATED);
    assert.equal(state.serializedOutput, '"enough"');
    assert.equal((await server.finished(`${id}-child`)).runtimeStatus, OrchestrationStatus.TERMINATED);
  });
};

scenarios.purged_and_queried = async (server) => {
  const orchestrations = {
    async *quick(context, input) {
      return input;
    },
  };
  const prefix = randomUUID();
  await server.working({ orchestrations }, async () => {
    const ids = Array.from({ length: 25 }, (_, n) => `${prefix}-${String(n).padStart(2, "0")}`);
    for (const instanceId of ids) await server.start("quick", 1, { instanceId });
    for (const id of ids) assert.equal(await server.output(id), 1);
    const found = [];
    for await (const state of server.client.getAllInstances({ instanceIdPrefix: prefix, pageSize: 10 })) found.push(state.instanceId);
    assert.deepEqual(found.sort(), ids);
    assert.equal((await server.client.purgeOrchestration(ids[0]))?.deletedInstanceCount, 1);
    assert.equal(await server.client.getOrchestrationState(ids[0]), undefined);
    const listed = [];
    let lastInstanceKey;
    do {
      const page = await server.client.listInstanceIds({ pageSize: 10, lastInstanceKey });
      listed.push(...page.values);
      lastInstanceKey = page.continuationToken;
    } while (lastInstanceKey);
    assert.deepEqual(listed.filter((id) => id.startsWith(prefix)).sort(), ids.slice(1));
  });
};

scenarios.what_cannot_be_is_refused = async (server) => {
  await refused(INVALID_ARGUMENT, () => server.start("quick", 1, { instanceId: "x".repeat(101) }));
  const id = await server.start("nobody runs this");
  await refused(ALREADY_EXISTS, () => server.start("nobody runs this", 1, { instanceId: id }));
  const nobody = randomUUID();
  assert.equal(await server.client.getOrchestrationState(nobody), undefined);
  await refused(NOT_FOUND, () => server.client.raiseOrchestrationEvent(nobody, "x"));
  assert.deepEqual(await server.client.getOrchestrationHistory(nobody), []);
};

scenarios.history_has_exactly_these_twelve_events = async (server) => {
  const orchestrations = {
    async *child() {
      return "child";
    },
    async *story(context) {
      yield context.callActivity("one");
      yield context.createTimer(0.1);
      yield context.callSubOrchestrator("child");
      return "end";
    },
  };
  await server.working({ orchestrations, activities: { one: () => 1 } }, async () => {
    const id = await server.start("story");
    await server.output(id);
    const history = await server.client.getOrchestrationHistory(id);
    assert.deepEqual(history.map((event) => event.type), [
      "OrchestratorStarted", "ExecutionStarted", "TaskScheduled",
      "OrchestratorStarted", "TaskCompleted", "TimerCreated",
      "OrchestratorStarted", "TimerFired", "SubOrchestrationInstanceCreated",
      "OrchestratorStarted", "SubOrchestrationInstanceCompleted", "ExecutionCompleted",
    ]);
    const ids = history.map((event) => event.eventId).filter((eventId) => eventId !== -1);
    assert.deepEqual(ids, ids.toSorted((a, b) => a - b));
    assert.ok(history.every((event) => event.timestamp instanceof Date));
  });
};

scenarios.restarted_and_rewound = async (server) => {
  let broken = true;
  const runs = { reserve: 0, pay: 0 };
  const orchestrations = {
    async *order(context) {
      return yield whenAll([context.callActivity("reserve"), context.callSubOrchestrator("payment", null, { instanceId: `${context.instanceId}-pay` })]);
    },
    async *payment(context) {
      return yield context.callActivity("pay");
    },
  };
  const activities = {
    reserve: () => ++runs.reserve,
    pay() {
      runs.pay++;
      if (broken) throw new Error("no money");
      return "paid";
    },
  };
  await server.working({ orchestrations, activities }, async () => {
    const id = await server.start("order");
    assert.equal((await server.finished(id)).runtimeStatus, OrchestrationStatus.FAILED);
    broken = false;
    await server.client.rewindInstance(id, "money has come");
    assert.equal((await server.output(id))[1], "paid");
    assert.equal(runs.pay, 2);
    await assert.rejects(() => server.client.rewindInstance(id, "again"), /not allow|precondition|running/i);
    assert.equal(await server.client.restartOrchestration(id), id);
    assert.equal((await server.output(id))[1], "paid");
    assert.notEqual(await server.client.restartOrchestration(id, true), id);
  });
};

/** An entity that counts. */
function counter(operation) {
  const count = operation.state.getState(0);
  switch (operation.name) {
    case "add":
      operation.state.setState(count + (operation.getInput() ?? 1));
      return count + (operation.getInput() ?? 1);
    case "get":
      return count;
    case "spoil":
      operation.state.setState(-1);
      throw new Error("spoiled");
    case "delete":
      return operation.state.setState(null);
    default:
      throw new Error(`no operation ${operation.name}`);
  }
}
const counterNamed = (key) => new EntityInstanceId("counter", key);

/** Reads until it gives what is wanted. */
async function eventually(read, wanted) {
  const deadline = Date.now() + DEADLINE_SECONDS * 1000;
  for (;;) {
    const found = await read();
    if (found === wanted) return;
    assert.ok(Date.now() < deadline, `${found} instead of ${wanted}`);
    await pause(20);
  }
}
const countOf = (server, key) => async () => {
  const found = await server.client.getEntity(counterNamed(key));
  return found?.includesState ? found.state : undefined;
};

scenarios.entities_are_signalled_and_called = async (server) => {
  const orchestrations = {
    async *asks(context) {
      context.entities.signalEntity(counterNamed("a"), "add", 2);
      const first = yield context.entities.callEntity(counterNamed("a"), "add", 5);
      let failure = "";
      try {
        yield context.entities.callEntity(counterNamed("a"), "spoil");
      } catch (error) {
        failure = error.message;
      }
      return [first, failure, yield context.entities.callEntity(counterNamed("a"), "get")];
    },
  };
  for (let n = 0; n < 40; n += 1) await server.client.signalEntity(counterNamed("b"), "add", 1);
  await server.working({ orchestrations, entities: { counter } }, async () => {
    const [first, failure, last] = await server.output(await server.start("asks"));
    assert.deepEqual([first, last], [7, 7]);
    assert.match(failure, /spoiled/);
    await eventually(countOf(server, "b"), 40);
  });
};

scenarios.an_entity_is_not_there_before_its_signal_and_after_its_state = async (server) => {
  const signalTime = new Date(Date.now() + 1500);
  await server.client.signalEntity(counterNamed("a"), "add", 1, { signalTime });
  await server.working({ entities: { counter } }, async () => {
    assert.equal(await server.client.getEntity(counterNamed("a")), undefined);
    await eventually(countOf(server, "a"), 1);
    assert.ok(Date.now() >= signalTime.getTime());
    await server.client.signalEntity(counterNamed("a"), "delete");
    await eventually(() => server.client.getEntity(counterNamed("a")), undefined);
  });
};

scenarios.a_critical_section_is_alone_and_ends_with_its_holder = async (server) => {
  const orchestrations = {
    async *holds(context) {
      yield context.entities.lockEntities(counterNamed("a"), counterNamed("b"));
      yield context.waitForExternalEvent("never");
    },
    async *moves(context, [from, to]) {
      const lock = yield context.entities.lockEntities(counterNamed(from), counterNamed(to));
      const before = yield context.entities.callEntity(counterNamed(from), "get");
      yield context.entities.callEntity(counterNamed(to), "add", 1);
      const after = yield context.entities.callEntity(counterNamed(from), "add", -1);
      lock.release();
      return [before, after];
    },
  };
  await server.working({ orchestrations, entities: { counter } }, async () => {
    const holder = await server.start("holds");
    await eventually(async () => (await server.client.getEntity(counterNamed("b")))?.lockedBy, holder);
    const moves = [];
    for (const pair of ["ab", "ba", "bc", "ca", "cb", "ac"]) moves.push(await server.start("moves", [...pair]));
    await server.client.terminateOrchestration(holder, null);
    for (const move of moves) {
      const [before, after] = await server.output(move);
      assert.equal(after, before - 1, "somebody else was in between");
    }
    for (const key of "abc") await eventually(countOf(server, key), 0);
  });
};

const [address, name] = process.argv.slice(2);
if (address === "--list") {
  console.log(Object.keys(scenarios).join("\n"));
} else {
  await scenarios[name](new Server(address));
  console.log(`ok ${name}`);
  // Calls the SDK has walked away from keep the process alive.
  process.exit(0);
}
