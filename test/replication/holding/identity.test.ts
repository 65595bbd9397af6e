/** Pairing: what went and what came of one session, topic and key are an update, at a cost that follows the change. */
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { AuthoredShard } from "../../../src/replication/authoring/authored-shard.js";
import { ReplicatedEntry } from "../../../src/replication/entry.js";
import type { DeltaMessage } from "../../../src/replication/message.js";
import { NO_CHANGE } from "../../../src/replication/holding/identity.js";
import { RemoteSlice } from "../../../src/replication/holding/remote-slice.js";
import { slicesOf } from "../lives/table.js";
import { tellAll } from "./tell-all.js";

const owner = { name: "a", departure: undefined, handedOff: new Set<ReplicatedEntry>() };

afterEach(() => vi.restoreAllMocks());

interface Identity {
  readonly session: number;
  readonly topic: number;
  readonly key: number;
}

/** Tracks all in the order given, updates them in another, and returns what the delta, or the page, changed. */
function updateAll(identities: readonly Identity[], order: readonly number[], by: "delta" | "page") {
  const author = new AuthoredShard(owner, "a@1", 0, "r.0.");
  const slice = new RemoteSlice(slicesOf(owner), 0);
  const entries = identities.map(({ session, topic, key }) =>
    author.add(`t${topic}`, `k${key}`, `s-${session}`, { v: 0 }),
  );
  let counter = 0;
  const receive = (delta: DeltaMessage | undefined) => slice.receiveDelta(delta!, ++counter, false);
  receive(author.flush());
  for (const i of order) author.update(entries[i]!, { v: 1 });
  const delta = author.flush();
  const looks = vi.spyOn(ReplicatedEntry, "isOf");
  if (by === "page") slice.startRebuild(1, false);
  const request = slice.nextRequest();
  const outcome =
    request?.type === "pageRequest"
      ? slice.receivePage(author.page(request, 2 * identities.length), ++counter)
      : receive(delta);
  if (outcome.type !== "taken") throw new Error(`the ${by} is ${outcome.type}`);
  const change = tellAll(slice, outcome.change);
  return { change, looks: looks.mock.calls.length };
}

const reversed = (length: number): number[] => Array.from({ length }, (_, i) => length - 1 - i);

describe("pairing by identity", () => {
  it.each([
    ["the entries of one session", (i: number) => ({ session: 1, topic: 1, key: i })],
    ["the topics of one session", (i: number) => ({ session: 1, topic: i, key: 1 })],
    ["the sessions of one key", (i: number) => ({ session: i, topic: 1, key: 1 })],
  ])("looks at %s once each, in whatever order they were updated", (_, identityOf) => {
    const size = 600;
    const identities = Array.from({ length: size }, (__, i) => identityOf(i));
    for (const by of ["delta", "page"] as const) {
      const { change, looks } = updateAll(identities, reversed(size), by);
      vi.restoreAllMocks();
      expect(change.updated).toHaveLength(size);
      expect([change.added, change.removed]).toEqual([[], []]);
      expect(looks, by).toBeLessThanOrEqual(3 * size);
    }
  });

  it("finds every update, and the ref that it replaced", () => {
    const identity = fc.record({ session: fc.nat(3), topic: fc.nat(3), key: fc.nat(3) });
    const some = fc.uniqueArray(identity, {
      selector: ({ session, topic, key }) => `${session} ${topic} ${key}`,
      minLength: 1,
    });
    const orders = some.chain((identities) =>
      fc.tuple(fc.constant(identities), fc.shuffledSubarray([...identities.keys()], { minLength: 1 })),
    );
    fc.assert(
      fc.property(orders, fc.constantFrom("delta", "page"), ([identities, order], by) => {
        const { change } = updateAll(identities, order, by);
        vi.restoreAllMocks();
        expect(change.updated).toHaveLength(order.length);
        for (const { entry, previous } of change.updated) {
          expect([entry.session, entry.key]).toEqual([previous.session, previous.key]);
          expect(ReplicatedEntry.topicOf(entry)).toBe(ReplicatedEntry.topicOf(previous));
          expect(entry.prevRef).toBe(previous.ref);
        }
      }),
    );
  });
});

describe("a birth that comes in a page and in a delta", () => {
  it.each(["the page first", "the delta first"])("is one entry, and no update: %s", (order) => {
    const author = new AuthoredShard(owner, "a@1", 0, "r.0.");
    const slice = new RemoteSlice(slicesOf(owner), 0);
    let counter = 0;
    const receive = (delta: DeltaMessage | undefined) => slice.receiveDelta(delta!, ++counter, false);
    const takePage = () => {
      const request = slice.nextRequest();
      if (request?.type !== "pageRequest") throw new Error(`it asks for ${request?.type}`);
      return slice.receivePage(author.page(request, 2), ++counter);
    };
    author.add("t", "k1", "s", {});
    receive(author.flush());
    author.add("t", "k2", "s", { n: 2 });
    const late = author.flush();
    author.add("t", "k3", "s", {});
    const later = author.flush();
    slice.startRebuild(1, true);
    if (order === "the page first") takePage();
    receive(late);
    receive(later);
    while (slice.nextRequest()?.type === "pageRequest") takePage();
    expect(slice.isReplacing).toBe(true);
    // What was held and doubted is the same: nothing has changed.
    expect(tellAll(slice, NO_CHANGE)).toEqual({ added: [], updated: [], removed: [] });
    expect([...slice.entries.values()].map(({ key }) => key)).toEqual(["k1", "k2", "k3"]);
  });
});
