// Fan-out: ten activities side by side, and a sum when the last one is done.

const { NoOpLogger, TaskHubGrpcClient, TaskHubGrpcWorker, whenAll } = require("@microsoft/durabletask-js");

const hostAddress = process.argv[2] ?? "localhost:4001";

function square(_, number) {
  return number * number;
}

async function* sumOfSquares(ctx, upTo) {
  const numbers = Array.from({ length: upTo }, (_, index) => index + 1);
  const squares = yield whenAll(numbers.map((number) => ctx.callActivity("square", number)));
  return squares.reduce((sum, square) => sum + square, 0);
}

async function main() {
  const options = { hostAddress, logger: new NoOpLogger() };
  const worker = new TaskHubGrpcWorker(options);
  worker.addNamedOrchestrator("sumOfSquares", sumOfSquares);
  worker.addNamedActivity("square", square);
  await worker.start();
  const client = new TaskHubGrpcClient(options);
  const instance = await client.scheduleNewOrchestration("sumOfSquares", 10);
  const state = await client.waitForOrchestrationCompletion(instance, true, 60);
  console.log(`the squares of 1 to 10 add up to ${state.serializedOutput}`);
  await client.stop();
  await worker.stop();
}

main();
