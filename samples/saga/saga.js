// Saga: book step by step; when a step fails for good, undo what was done, last first.

const { NoOpLogger, TaskHubGrpcClient, TaskHubGrpcWorker } = require("@microsoft/durabletask-js");

const hostAddress = process.argv[2] ?? "localhost:4001";

function book(_, what) {
  if (what === "car") throw new Error("no car is left");
  return `booked ${what}`;
}

function cancel(_, what) {
  return `cancelled ${what}`;
}

async function* trip(ctx, parts) {
  const [story, booked] = [[], []];
  for (const part of parts) {
    try {
      story.push(yield ctx.callActivity("book", part));
      booked.push(part);
    } catch (failed) {
      story.push(failed.details.message);
      for (const done of booked.reverse()) story.push(yield ctx.callActivity("cancel", done));
      break;
    }
  }
  return story;
}

async function main() {
  const options = { hostAddress, logger: new NoOpLogger() };
  const worker = new TaskHubGrpcWorker(options);
  worker.addNamedOrchestrator("trip", trip);
  worker.addNamedActivity("book", book);
  worker.addNamedActivity("cancel", cancel);
  await worker.start();
  const client = new TaskHubGrpcClient(options);
  const instance = await client.scheduleNewOrchestration("trip", ["flight", "hotel", "car"]);
  const state = await client.waitForOrchestrationCompletion(instance, true, 60);
  console.log(JSON.parse(state.serializedOutput).join("\n"));
  await client.stop();
  await worker.stop();
}

main();
