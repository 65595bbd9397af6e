// A cluster of processes without a broker: two children, and a node in the primary. Says `both` when all list all, kills one
// child without a word, and says `one` when the rest list it no more; ends, with its other child, by itself after SIGTERM.
import { fork } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Session, Tracker } from "rollcall";
import { clusterPubSub, setupPrimary } from "rollcall/adapters/cluster";

async function start(pubsub, changed) {
  const behaviour = {
    handleDiff: (_, tracker) =>
      changed(
        tracker
          .list("forks")
          .map(({ key }) => key)
          .sort()
          .join(),
      ),
  };
  const tracker = await Tracker.start(behaviour, { name: "forks", pubsub });
  tracker.track(new Session(), "forks", pubsub.nodeName, {});
  return async () => {
    await tracker.stop({ handoffMs: 0 });
    await pubsub.close();
  };
}

if (process.argv[2] === undefined) {
  const relay = setupPrimary();
  const children = ["a", "b"].map((name) => fork(fileURLToPath(import.meta.url), [name]));
  const lists = {};
  let step = "start";
  const say = (next) => console.log((step = next));
  const changed = (name, list) => {
    lists[name] = list;
    const listedBy = (...names) => names.every((each) => lists[each] === [...names].sort().join());
    if (step === "start" && listedBy("a", "b", "primary")) {
      say("both");
      // It dies with something unread, of which Deno tells no end of the channel.
      process.kill(children[1].pid, "SIGSTOP");
      children[1].send({ unread: true }, () => process.kill(children[1].pid, "SIGKILL"));
    }
    if (step === "both" && listedBy("a", "primary")) say("one");
  };
  for (const child of children) {
    relay.attach(child);
    child.on("message", ({ name, list }) => name && changed(name, list));
  }
  const stop = await start(relay.pubSub({ nodeName: "primary" }), (list) => changed("primary", list));
  process.once("SIGTERM", async () => {
    // Deno's child.kill() closes the channel first, and the child is not told of the signal.
    process.kill(children[0].pid, "SIGTERM");
    children[0].once("exit", (code) => console.log(`child ${code}`));
    await stop();
  });
} else {
  const [, , nodeName] = process.argv;
  const stop = await start(clusterPubSub({ nodeName }), (list) => process.send({ name: nodeName, list }));
  process.once("SIGTERM", async () => {
    await stop();
    process.disconnect();
  });
}
