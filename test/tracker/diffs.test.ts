/** The diffs of a tracker as an iterator: folded they are the list, bounded, and they end when they should. */
import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { Session } from "../../src/session.js";
import { simulate } from "../../src/testing/cluster.js";
import type { SimulatedCluster } from "../../src/testing/cluster.js";
import { DiffFold } from "../../src/testing/diff-fold.js";
import { SeededRandom } from "../../src/testing/random.js";
import type { TrackerChange } from "../../src/tracker/diffs.js";
import type { Tracker } from "../../src/tracker/tracker.js";
import { codeOf, plainDiff, startAlone } from "./recorder.js";

/** What a reader makes of what it reads. */
class Reader {
  fold = new DiffFold();
  readonly wrong: string[] = [];
  states = 0;
  restarts = 0;
  #isReading = false;

  take({ event, ...change }: TrackerChange): void {
    if (event === "state") {
      this.states += 1;
      if ("restarted" in change && change.restarted) this.restarts += 1;
      this.fold = new DiffFold();
    }
    this.wrong.push(...this.fold.apply(change.payload));
  }

  /** Reads all that there is; one read is left waiting. */
  async readAll(diffs: AsyncIterator<TrackerChange, undefined>, cluster: SimulatedCluster): Promise<void> {
    do {
      if (!this.#isReading) {
        this.#isReading = true;
        void diffs.next().then(({ value }) => {
          this.#isReading = false;
          if (value !== undefined) this.take(value);
        });
      }
      await cluster.advance(0);
    } while (!this.#isReading);
  }

  /** What differs from the list of a tracker. */
  differsFrom(tracker: Tracker): string[] {
    const listed = tracker
      .topics()
      .flatMap((topic) => tracker.list(topic).map(({ ref }) => `${topic} ${ref}`));
    const folded = this.fold
      .topics()
      .flatMap((topic) => this.fold.list(topic).map(({ ref }) => `${topic} ${ref}`));
    const missing = listed.filter((each) => !folded.includes(each)).map((each) => `lacks ${each}`);
    return [
      ...missing,
      ...folded.filter((each) => !listed.includes(each)).map((each) => `still has ${each}`),
    ];
  }
}

/** Whether a promise has settled after all that is under way. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  const turn = new Promise((resolve) => setImmediate(resolve, pending));
  return (await Promise.race([promise, turn])) !== pending;
}

describe("diffs", () => {
  it("reads a state first, then every diff, in order", async () => {
    const tracker = await startAlone();
    const session = new Session();
    tracker.track(session, "room", "ann", { n: 1 });
    const diffs = tracker.diffs();
    tracker.track(session, "hall", "bob", {});
    const first = await diffs.next();
    expect(first.value).toMatchObject({ event: "state", restarted: false });
    expect(plainDiff(first.value!.payload)).toEqual({ room: ["join ann"], hall: ["join bob"] });
    tracker.update(session, "room", "ann", { n: 2 });
    session.close();
    const next = [await diffs.next(), await diffs.next()].map(({ value }) => [
      value?.event,
      plainDiff(value!.payload),
    ]);
    expect(next).toEqual([
      ["diff", { room: ["update ann"] }],
      ["diff", { room: ["leave ann closed"], hall: ["leave bob closed"] }],
    ]);
    expect(await settled(diffs.next())).toBe(false);
    await tracker.stop({ handoffMs: 0 });
  });

  it.each([1, 2, 3])(
    "folds to the list, however slow the reader, whatever handlers do, seed %d",
    async (seed) => {
      const random = new SeededRandom(`diffs ${seed}`);
      const nodes = ["a", "b", "c"];
      const extra = new Session();
      const cluster = await simulate({
        seed,
        nodes,
        network: { lossRate: 0.05, delayMs: [1, 100] },
        behaviour: (name) => ({
          // A handler that changes the list, so that diffs wait for their turn.
          handleDiff: (diff, tracker) => {
            if (name === "a" && diff.has("room"))
              tracker.set(extra, "echo", "a", { n: tracker.count("room") });
          },
        }),
      });
      const { tracker } = cluster.node("a");
      const readers = [2, 10, 1_000].map((maxBuffered) => ({
        reader: new Reader(),
        diffs: tracker.diffs({ maxBuffered }),
      }));
      const sessions: Session[] = [];
      for (let step = 0; step < 150; step++) {
        const node = cluster.node(random.pick(nodes));
        if (random.chance(0.05) && node.name !== "a") {
          if (node.running) cluster.crash(node);
          else await cluster.restart(node.name);
        } else if (node.running && random.chance(0.6)) {
          const session = node.session();
          node.tracker.track(session, random.pick(["room", "hall"]), random.pick(["ann", "bob"]), { step });
          sessions.push(session);
        } else sessions.splice(random.integer(0, sessions.length), 1)[0]?.close();
        await cluster.advance(random.integer(0, 2_000));
        for (const { reader, diffs } of readers) {
          if (!random.chance(0.1)) continue;
          await reader.readAll(diffs, cluster);
          expect(reader.wrong).toEqual([]);
          expect(reader.differsFrom(tracker), `step ${step}`).toEqual([]);
        }
      }
      expect(readers.map(({ reader }) => reader.restarts > 0)).toEqual([true, true, false]);
      for (const { reader, diffs } of readers) await reader.readAll(diffs, cluster);
      await cluster.stop("a", { handoffMs: 0 });
      for (const { diffs } of readers) expect(await diffs.next()).toEqual({ done: true, value: undefined });
    },
  );

  it("starts over with a state when more than maxBuffered wait, says so, and takes nothing meanwhile", async () => {
    const tracker = await startAlone();
    const diffs = tracker.diffs({ maxBuffered: 3 });
    expect((await diffs.next()).value).toMatchObject({ event: "state", restarted: false });
    const sessions = Array.from({ length: 10 }, () => new Session());
    for (const session of sessions.slice(0, 3)) tracker.track(session, "room", session.id, {});
    expect((await diffs.next()).value?.event).toBe("diff");
    for (const session of sessions.slice(3)) tracker.track(session, "room", session.id, {});
    const again = (await diffs.next()).value;
    expect(again).toMatchObject({ event: "state", restarted: true });
    expect(again?.payload.get("room")?.joins).toHaveLength(10);
    sessions[0]?.close();
    expect((await diffs.next()).value?.event).toBe("diff");
    await tracker.stop({ handoffMs: 0 });
  });

  it("ends when the tracker stops: a read that waits, and one after what is still to be read", async () => {
    const tracker = await startAlone();
    const [waiting, behind, unread] = [tracker.diffs(), tracker.diffs(), tracker.diffs()];
    await Promise.all([waiting.next(), behind.next()]);
    const read = waiting.next();
    tracker.track(new Session(), "room", "ann", {});
    expect((await read).value?.event).toBe("diff");
    const last = waiting.next();
    await tracker.stop({ handoffMs: 0 });
    expect((await last).done).toBe(true);
    expect((await behind.next()).value?.event).toBe("diff");
    expect((await behind.next()).done).toBe(true);
    expect((await unread.next()).done).toBe(true);
    expect((await tracker.diffs().next()).done).toBe(true);
  });

  it("ends with its signal or its session, without an error, and leaves nothing on either", async () => {
    const tracker = await startAlone();
    const controller = new AbortController();
    const session = new Session();
    const endings: [() => void, object][] = [
      [() => controller.abort(), { signal: controller.signal }],
      [() => session.close(), { session }],
    ];
    for (const [end, options] of endings) {
      const seen: string[] = [];
      const loop = (async () => {
        for await (const { event } of tracker.diffs(options)) seen.push(event);
      })();
      await new Promise((resolve) => setImmediate(resolve));
      tracker.track(new Session(), "room", "ann", {});
      await new Promise((resolve) => setImmediate(resolve));
      end();
      await loop;
      expect(seen).toEqual(["state", "diff"]);
      expect((await tracker.diffs(options).next()).done).toBe(true);
    }
    const signal = new AbortController().signal;
    for await (const change of tracker.diffs({ signal })) {
      expect(change.event).toBe("state");
      break;
    }
    expect(getEventListeners(signal, "abort")).toEqual([]);
    await tracker.stop({ handoffMs: 0 });
  });

  it("refuses what is no option of it", async () => {
    const tracker = await startAlone();
    const wrong: object[] = [
      { maxBuffered: 0 },
      { maxBuffered: "many" },
      { signal: {} },
      { session: {} },
      { maxbuffered: 5 },
    ];
    for (const options of wrong) expect(codeOf(() => tracker.diffs(options as never))).toBe("INVALID_OPTION");
    await tracker.stop({ handoffMs: 0 });
  });
});

describe("the signal of a session", () => {
  it("aborts after its entries have left, once, and has aborted if the session is closed", async () => {
    const tracker = await startAlone();
    const session = new Session();
    tracker.track(session, "room", "ann", {});
    const counts: number[] = [];
    expect(session.signal).toBe(session.signal);
    session.signal.addEventListener("abort", () => counts.push(tracker.count("room")));
    session.close();
    session.close();
    expect(counts).toEqual([0]);
    const closed = new Session();
    closed.close();
    expect(closed.signal.aborted).toBe(true);
    await tracker.stop({ handoffMs: 0 });
  });
});
