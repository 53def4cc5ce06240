// Hello chain: three activities, one after the other. What is done stays done, whatever dies in between.

const { NoOpLogger, TaskHubGrpcClient, TaskHubGrpcWorker } = require("@microsoft/durabletask-js");

const hostAddress = process.argv[2] ?? "localhost:4001";

function hello(_, city) {
  return `Hello ${city}!`;
}

async function* greet(ctx, cities) {
  const greetings = [];
  for (const city of cities) greetings.push(yield ctx.callActivity("hello", city));
  return greetings;
}

async function main() {
  const options = { hostAddress, logger: new NoOpLogger() };
  const worker = new TaskHubGrpcWorker(options);
  worker.addNamedOrchestrator("greet", greet);
  worker.addNamedActivity("hello", hello);
  await worker.start();
  const client = new TaskHubGrpcClient(options);
  const instance = await client.scheduleNewOrchestration("greet", ["Tokyo", "Seattle", "London"]);
  const state = await client.waitForOrchestrationCompletion(instance, true, 60);
  console.log(JSON.parse(state.serializedOutput).join("\n"));
  await client.stop();
  await worker.stop();
}

main();
