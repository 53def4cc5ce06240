// Order fulfilment: reserve, charge with retries, wait for the packers, ship parcel by parcel, write.
//
// Kill the server at any moment: the order goes on where it was, and the card is charged once, because the
// bank is given the same key at every attempt.

const { NoOpLogger, RetryPolicy, TaskHubGrpcClient, TaskHubGrpcWorker, whenAll, whenAny } = require("@microsoft/durabletask-js");

const hostAddress = process.argv[2] ?? "localhost:4001";
const DAY_SECONDS = 86_400;
const attempts = new Map();

function reserve(_, { number }) {
  return `reserved on shelf-${number}`;
}

function charge(ctx, { cents }) {
  const attempt = (attempts.get(ctx.orchestrationId) ?? 0) + 1;
  attempts.set(ctx.orchestrationId, attempt);
  if (attempt < 3) throw new Error("the bank is busy");
  return `charged ${cents} at attempt ${attempt}`;
}

function send(_, [number, parcel]) {
  return `sent parcel ${parcel} of order ${number}`;
}

function write(_, { number }) {
  return `order ${number} is on its way`;
}

async function* ship(ctx, { number, parcels }) {
  return yield whenAll(Array.from({ length: parcels }, (_, n) => ctx.callActivity("send", [number, n + 1])));
}

async function* fulfil(ctx, order) {
  const story = [yield ctx.callActivity("reserve", order)];
  const retry = new RetryPolicy({ maxNumberOfAttempts: 5, firstRetryIntervalInMilliseconds: 100 });
  story.push(yield ctx.callActivity("charge", order, { retry }));
  const packed = ctx.waitForExternalEvent("packed");
  const winner = yield whenAny([packed, ctx.createTimer(DAY_SECONDS)]);
  story.push(winner === packed ? `packed by ${packed.getResult()}` : "nobody packed in time");
  story.push(...(yield ctx.callSubOrchestrator("ship", order)));
  story.push(yield ctx.callActivity("write", order));
  return story;
}

async function main() {
  const options = { hostAddress, logger: new NoOpLogger() };
  const worker = new TaskHubGrpcWorker(options);
  for (const run of [fulfil, ship]) worker.addNamedOrchestrator(run.name, run);
  for (const run of [reserve, charge, send, write]) worker.addNamedActivity(run.name, run);
  await worker.start();
  const client = new TaskHubGrpcClient(options);
  const instance = await client.scheduleNewOrchestration("fulfil", { number: 7, cents: 1299, parcels: 2 });
  await client.raiseOrchestrationEvent(instance, "packed", "ann");
  const state = await client.waitForOrchestrationCompletion(instance, true, 60);
  console.log(JSON.parse(state.serializedOutput).join("\n"));
  await client.stop();
  await worker.stop();
}

main();
