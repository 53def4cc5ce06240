// Runs the orders of python/orders.py with the published JavaScript SDK, until its stdin ends.
//
//   orders_worker.mjs HOST:PORT EFFECTS
//
// Each run of an activity appends a line to the file EFFECTS and returns an id of that run. Not here: the
// client and its judgement, which are the Python program's.

import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.OUTLAST_NPM}/package.json`);
const { NoOpLogger, TaskHubGrpcWorker, whenAll } = require("@microsoft/durabletask-js");

const PARCELS = 3;
const [hostAddress, effects] = process.argv.slice(2);

async function* order(context, number) {
  const runs = [yield context.callActivity("effect", `${context.instanceId}/reserve`)];
  const parcels = Array.from({ length: PARCELS }, (_, n) => context.callActivity("effect", `${context.instanceId}/pack/${n}`));
  runs.push(...(yield whenAll(parcels)));
  const paid = yield context.waitForExternalEvent("paid");
  yield context.createTimer(0.1);
  runs.push(yield context.callSubOrchestrator("ship", context.instanceId));
  return { number, paid, runs };
}

async function* ship(context, orderId) {
  return yield context.callActivity("effect", `${orderId}/ship`);
}

function effect(_, key) {
  const run = randomUUID();
  appendFileSync(effects, `${key} ${run}\n`);
  console.log(`ran ${key}`);
  return run;
}

const worker = new TaskHubGrpcWorker({ hostAddress, logger: new NoOpLogger() });
worker.addNamedOrchestrator("order", order);
worker.addNamedOrchestrator("ship", ship);
worker.addNamedActivity("effect", effect);
await worker.start();
console.log("started");
process.stdin.on("end", () => process.exit(0)).resume();
