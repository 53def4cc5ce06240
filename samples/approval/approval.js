// Approval: a person answers, or time runs out. Neither costs anything while it is waited for.

const { NoOpLogger, TaskHubGrpcClient, TaskHubGrpcWorker, whenAny } = require("@microsoft/durabletask-js");

const hostAddress = process.argv[2] ?? "localhost:4001";

async function* request(ctx, { amount, patience }) {
  const approved = ctx.waitForExternalEvent("approved");
  const winner = yield whenAny([approved, ctx.createTimer(patience)]);
  const answer = winner === approved ? `approved by ${approved.getResult()}` : "nobody answered in time";
  return `request for ${amount}: ${answer}`;
}

async function main() {
  const options = { hostAddress, logger: new NoOpLogger() };
  const worker = new TaskHubGrpcWorker(options);
  worker.addNamedOrchestrator("request", request);
  await worker.start();
  const client = new TaskHubGrpcClient(options);
  const small = await client.scheduleNewOrchestration("request", { amount: 900, patience: 86_400 });
  const large = await client.scheduleNewOrchestration("request", { amount: 1900, patience: 1 });
  await client.raiseOrchestrationEvent(small, "approved", "ann");
  for (const instance of [small, large]) {
    const state = await client.waitForOrchestrationCompletion(instance, true, 60);
    console.log(JSON.parse(state.serializedOutput));
  }
  await client.stop();
  await worker.stop();
}

main();
