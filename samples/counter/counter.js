// Entity counter with lock: two counters, and moves between them that nobody sees half done.

const { EntityInstanceId, NoOpLogger, TaskEntity, TaskHubGrpcClient, TaskHubGrpcWorker } = require("@microsoft/durabletask-js");

const hostAddress = process.argv[2] ?? "localhost:4001";

class Counter extends TaskEntity {
  initializeState() {
    return 0;
  }

  add(amount) {
    this.state += amount;
    return this.state;
  }
}

async function* move(ctx, order) {
  const [source, target] = [order.from, order.to].map((key) => new EntityInstanceId("counter", key));
  const lock = yield ctx.entities.lockEntities(source, target);
  try {
    const there = yield ctx.entities.callEntity(source, "add", 0);
    if (there < order.amount) return `not moved ${order.amount}: only ${there}`;
    const left = yield ctx.entities.callEntity(source, "add", -order.amount);
    const arrived = yield ctx.entities.callEntity(target, "add", order.amount);
    return `moved ${order.amount}: ${left} and ${arrived}`;
  } finally {
    lock.release();
  }
}

async function main() {
  const options = { hostAddress, logger: new NoOpLogger() };
  const worker = new TaskHubGrpcWorker(options);
  worker.addNamedOrchestrator("move", move);
  worker.addNamedEntity("counter", () => new Counter());
  await worker.start();
  const client = new TaskHubGrpcClient(options);
  const [full, empty] = ["full", "empty"].map((name) => `${name}-${process.pid}`);
  await client.signalEntity(new EntityInstanceId("counter", full), "add", 100);
  for (const amount of [30, 90]) {
    const instance = await client.scheduleNewOrchestration("move", { from: full, to: empty, amount });
    const state = await client.waitForOrchestrationCompletion(instance, true, 60);
    console.log(JSON.parse(state.serializedOutput));
  }
  await client.stop();
  await worker.stop();
}

main();
