/**
 * The awareness protocol of Yjs beside the tracker: both replicate who is here without a store. Awareness
 * sends every client's whole state again and again, so what it costs follows what is held.
 */
import {
  applyAwarenessUpdate,
  Awareness,
  encodeAwarenessUpdate,
  outdatedTimeout,
} from "y-protocols/awareness";
import { Doc } from "yjs";
import type { Benchmark } from "../harness/command.js";
import { Lab, quietOptions } from "../harness/lab.js";
import { collectGarbage, timeAsyncMs, timeMs, timePerCallNs } from "../harness/stopwatch.js";
import { Session } from "../../src/session.js";
import { heartbeatBytesPerSecond } from "./redis-hash.js";
import type { HeldFrame } from "../harness/wire.js";
import { onlineUser, room } from "./online-user.js";

/** A client refreshes its state when half of the timeout has passed. */
const refreshMs = outdatedTimeout / 2;

/** A server's awareness that holds the states of so many clients. */
function filledAwareness(clients: number): Awareness {
  const awareness = new Awareness(new Doc());
  awareness.setLocalState(null);
  for (let i = 1; i <= clients; i++) {
    awareness.states.set(i, { user: onlineUser(i) });
    awareness.meta.set(i, { clock: 1, lastUpdated: Date.now() });
  }
  return awareness;
}

/** Changes per run; each is timed with the others, being too short alone. */
const changes = 100;

export const awareness: Benchmark = {
  name: "awareness",
  async run({ runs, sizes, report, progress }) {
    for (const count of sizes) {
      progress(`${count}`);
      const many = count.toLocaleString("en-US");
      const clients = Array.from({ length: count }, (_, index) => index + 1);
      const theirs = filledAwareness(count);
      const whole = encodeAwarenessUpdate(theirs, clients);
      const lab = new Lab();
      const author = await lab.start("author", quietOptions);
      const changing = new Session();
      for (let i = 1; i <= count; i++) {
        const { user_id } = onlineUser(i);
        author.track(i === 1 ? changing : new Session(), room, user_id, onlineUser(i));
      }
      await lab.advance(500);
      const sync = { ours: [] as number[], theirs: [] as number[] };
      const change = { ours: [] as number[], theirs: [] as number[] };
      const listing = { ours: [] as number[], theirs: [] as number[] };
      let transferred = 0;
      for (let run = -2; run < runs; run++) {
        const name = `newcomer-${run}`;
        const newcomer = await lab.start(name, quietOptions, { handleDiff: () => {} });
        collectGarbage();
        const syncOurs = await timeAsyncMs(() => lab.until(() => newcomer.count(room) === count));
        const { receivedBytes, sentBytes } = lab.wire.traffic(name);
        transferred = receivedBytes + sentBytes;
        const empty = new Awareness(new Doc());
        collectGarbage();
        const syncTheirs = timeMs(() =>
          applyAwarenessUpdate(empty, encodeAwarenessUpdate(theirs, clients), "bench"),
        );
        if (empty.getStates().size < count) throw new Error("the states did not arrive");

        const frames: HeldFrame[] = [];
        const updates: Uint8Array[] = [];
        for (let turn = 1; turn <= changes; turn++) {
          const user = { ...onlineUser(1), online_at: turn + changes * run };
          author.update(changing, room, user.user_id, user);
          for (const frame of await lab.held(5)) frames.push(frame);
          const clock = 2 + (run + 2) * changes + turn;
          theirs.states.set(1, { user });
          theirs.meta.set(1, { clock, lastUpdated: Date.now() });
          updates.push(encodeAwarenessUpdate(theirs, [1]));
        }
        const changeOurs = timeMs(() => lab.deliver(frames));
        const changeTheirs = timeMs(() => {
          for (const update of updates) applyAwarenessUpdate(empty, update, "bench");
        });
        const shown = newcomer.getByKey(room, "user:1")[0]?.meta["online_at"];
        if (shown !== changes + changes * run) throw new Error("the changes did not arrive");
        const listOurs = timePerCallNs(10, () => newcomer.list(room));
        const listTheirs = timePerCallNs(10, () => [...empty.getStates().values()]);
        empty.destroy();
        await newcomer.stop({ handoffMs: 0 });
        await lab.advance(50);
        if (run < 0) continue;
        sync.ours.push(syncOurs);
        sync.theirs.push(syncTheirs);
        change.ours.push((changeOurs * 1_000) / changes);
        change.theirs.push((changeTheirs * 1_000) / changes);
        listing.ours.push(listOurs / 1_000);
        listing.theirs.push(listTheirs / 1_000);
      }
      theirs.destroy();
      await author.stop({ handoffMs: 0 });
      const beside = (values: readonly number[]) => [{ what: "Yjs awareness", values }];
      report({
        name: `all ${many} to a new node, work of both sides`,
        unit: "ms",
        values: sync.ours,
        beside: beside(sync.theirs),
      });
      report({
        name: `all ${many} to a new node`,
        unit: "B",
        values: [transferred],
        beside: beside([whole.length]),
      });
      report({
        name: `one change received, ${many} held`,
        unit: "µs",
        values: change.ours,
        beside: beside(change.theirs),
      });
      report({ name: `list of ${many}`, unit: "µs", values: listing.ours, beside: beside(listing.theirs) });
      report({
        name: `idle, ${many} held`,
        unit: "B/s",
        values: [await heartbeatBytesPerSecond()],
        beside: beside([(whole.length * 1_000) / refreshMs]),
        note: `awareness sends every client's state again every ${refreshMs / 1_000} s`,
      });
    }
  },
};
