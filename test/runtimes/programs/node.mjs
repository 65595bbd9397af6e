// One node of a cluster over a broker: node.mjs NAME HOW-MANY URL CLIENT. Says `agreed` with the list that it has when all have
// come and have changed what they track, and ends by itself after SIGTERM.
import process from "node:process";
import { Session, Tracker } from "rollcall";

const [nodeName, howMany, url, client] = process.argv.slice(2);
const openers = {
  async redis() {
    const { createClient } = await import("redis");
    const [publisher, subscriber] = [
      await createClient({ url }).connect(),
      await createClient({ url }).connect(),
    ];
    return overRedis(publisher, subscriber);
  },
  async ioredis() {
    const { Redis } = await import("ioredis");
    return overRedis(new Redis(url), new Redis(url));
  },
  async nats() {
    const { connect } = await import("@nats-io/transport-node");
    const { natsPubSub } = await import("rollcall/adapters/nats");
    const connection = await connect({ servers: new URL(url).host });
    return { pubsub: natsPubSub({ connection, nodeName }), end: () => connection.close() };
  },
  async postgres() {
    const { Client } = (await import("pg")).default;
    const { postgresPubSub } = await import("rollcall/adapters/postgres");
    const connect = async () => {
      const made = new Client({ connectionString: url });
      await made.connect();
      return made;
    };
    return { pubsub: postgresPubSub({ connect, nodeName }), end() {} };
  },
  async "socket-io"() {
    const { createAdapter } = await import("@socket.io/redis-adapter");
    const { createServer } = await import("node:http");
    const { createClient } = await import("redis");
    const { Server } = await import("socket.io");
    const { socketIoPubSub } = await import("rollcall/adapters/socket-io");
    const [publisher, subscriber] = [
      await createClient({ url }).connect(),
      await createClient({ url }).connect(),
    ];
    const io = new Server(createServer(), { adapter: createAdapter(publisher, subscriber) });
    const end = async () => {
      await io.close();
      await Promise.all([publisher.quit(), subscriber.quit()]);
    };
    return { pubsub: socketIoPubSub(io, { nodeName }), end };
  },
};
const { pubsub, end } = await openers[client]();

async function overRedis(publisher, subscriber) {
  const { redisPubSub } = await import("rollcall/adapters/redis");
  const end = () => Promise.all([publisher.quit(), subscriber.quit()]);
  return { pubsub: redisPubSub({ publisher, subscriber, nodeName }), end };
}

const session = new Session();
let agreed = false;
const behaviour = {
  handleDiff(diff, tracker) {
    if (tracker.count("runtimes") < Number(howMany)) return;
    const own = tracker.getByKey("runtimes", nodeName)[0];
    if (own?.meta.step === 1) tracker.update(session, "runtimes", nodeName, { step: 2 });
    const entries = tracker.list("runtimes");
    if (agreed || entries.some(({ meta }) => meta.step !== 2)) return;
    agreed = true;
    const list = entries.map(({ key, node, meta }) => `${key} on ${node}: ${meta.step}`).sort();
    console.log(`agreed ${list.join(", ")}`);
  },
};
const tracker = await Tracker.start(behaviour, { name: "runtimes", pubsub });
tracker.track(session, "runtimes", nodeName, { step: 1 });

process.once("SIGTERM", async () => {
  await tracker.stop();
  await pubsub.close();
  await end();
});
