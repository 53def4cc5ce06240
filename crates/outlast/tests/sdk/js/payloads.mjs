// Values of 3 MiB wherever the published JavaScript SDK has values.
//
//   payloads.mjs HOST:PORT     moves them through everything once
//
// What arrives is compared by its digest. Not here: what is refused (scenarios.mjs).

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.OUTLAST_NPM}/package.json`);
const { EntityInstanceId, OrchestrationStatus, NoOpLogger, TaskHubGrpcClient, TaskHubGrpcWorker } =
  require("@microsoft/durabletask-js");

const BYTES = 3 << 20;
const DEADLINE_SECONDS = 60;

const digest = (text) => createHash("sha256").update(text).digest("hex");

/** A text of 3 MiB, another for each seed. */
function value(seed) {
  let text = "";
  for (let hash = digest(seed); text.length < BYTES; hash = digest(hash)) text += hash.repeat(64);
  return text.slice(0, BYTES);
}

const answer = (_, text) => value(`answer ${digest(text)}`);

const orchestrations = {
  async *child(context, text) {
    return yield context.callActivity("answer", text);
  },
  async *order(context, text) {
    const event = yield context.waitForExternalEvent("goods");
    const answered = yield context.callActivity("answer", text + event);
    const deeper = yield context.callSubOrchestrator("child", answered);
    const keeper = new EntityInstanceId("keeper", "large");
    yield context.entities.callEntity(keeper, "put", deeper);
    return yield context.entities.callEntity(keeper, "get");
  },
};

async function keeper(operation) {
  const before = operation.state.getState("");
  if (operation.name === "put") operation.state.setState(operation.getInput());
  return before;
}

const [hostAddress] = process.argv.slice(2);
const client = new TaskHubGrpcClient({ hostAddress, logger: new NoOpLogger() });
const worker = new TaskHubGrpcWorker({ hostAddress, logger: new NoOpLogger() });
for (const [name, run] of Object.entries(orchestrations)) worker.addNamedOrchestrator(name, run);
worker.addNamedActivity("answer", answer);
worker.addNamedEntity("keeper", () => ({ run: keeper }));
await worker.start();

const id = await client.scheduleNewOrchestration("order", value("a"));
await client.raiseOrchestrationEvent(id, "goods", value("goods"));
const state = await client.waitForOrchestrationCompletion(id, true, DEADLINE_SECONDS);
assert.equal(state.runtimeStatus, OrchestrationStatus.COMPLETED, state.failureDetails?.message);
assert.equal(digest(JSON.parse(state.serializedInput)), digest(value("a")), "the input is not what was sent");
const expected = answer(null, answer(null, value("a") + value("goods")));
assert.equal(digest(JSON.parse(state.serializedOutput)), digest(expected), "the output is not what was made");
const kept = await client.getEntity(new EntityInstanceId("keeper", "large"), true);
assert.equal(digest(kept.state), digest(expected), "the entity's state is not what was put");
assert.equal((await client.purgeOrchestration(id)).deletedInstanceCount, 1);
await worker.stop();
console.log("ok");
// Calls the SDK has walked away from keep the process alive.
process.exit(0);
