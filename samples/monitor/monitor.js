// Eternal monitor: look, wait, begin anew. Each look has an empty history, so it may go on for years.

const { NoOpLogger, TaskHubGrpcClient, TaskHubGrpcWorker } = require("@microsoft/durabletask-js");

const hostAddress = process.argv[2] ?? "localhost:4001";

function look(_, check) {
  return check * 25;
}

async function* monitor(ctx, seen) {
  const check = seen.length + 1;
  const percent = yield ctx.callActivity("look", check);
  if (percent >= 100) return [...seen, `check ${check}: done`];
  yield ctx.createTimer(0.1);
  ctx.continueAsNew([...seen, `check ${check}: ${percent} % done`], true);
}

async function main() {
  const options = { hostAddress, logger: new NoOpLogger() };
  const worker = new TaskHubGrpcWorker(options);
  worker.addNamedOrchestrator("monitor", monitor);
  worker.addNamedActivity("look", look);
  await worker.start();
  const client = new TaskHubGrpcClient(options);
  const instance = await client.scheduleNewOrchestration("monitor", []);
  const state = await client.waitForOrchestrationCompletion(instance, true, 60);
  console.log(JSON.parse(state.serializedOutput).join("\n"));
  await client.stop();
  await worker.stop();
}

main();
