// One node of a cluster over Redis: node.mjs NAME HOW-MANY URL CLIENT. Says `agreed` with the list that it has when all have
// come and have changed what they track, and ends by itself after SIGTERM.
import process from "node:process";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { Session, Tracker } from "rollcall";
import { redisPubSub } from "rollcall/adapters/redis";

const [name, howMany, url, client] = process.argv.slice(2);
const open = {
  redis: () => createClient({ url }).connect(),
  ioredis: () => new Redis(url),
}[client];
const [publisher, subscriber] = [await open(), await open()];
const pubsub = redisPubSub({ publisher, subscriber, nodeName: name });

const session = new Session();
let agreed = false;
const behaviour = {
  handleDiff(diff, tracker) {
    if (tracker.count("runtimes") < Number(howMany)) return;
    const own = tracker.getByKey("runtimes", name)[0];
    if (own?.meta.step === 1) tracker.update(session, "runtimes", name, { step: 2 });
    const entries = tracker.list("runtimes");
    if (agreed || entries.some(({ meta }) => meta.step !== 2)) return;
    agreed = true;
    const list = entries.map(({ key, node, meta }) => `${key} on ${node}: ${meta.step}`).sort();
    console.log(`agreed ${list.join(", ")}`);
  },
};
const tracker = await Tracker.start(behaviour, { name: "runtimes", pubsub });
tracker.track(session, "runtimes", name, { step: 1 });

process.once("SIGTERM", async () => {
  await tracker.stop();
  await pubsub.close();
  await Promise.all([publisher.quit(), subscriber.quit()]);
});
