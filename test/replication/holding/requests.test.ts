/** What is missing, and when it is asked for. */
import { describe, expect, it } from "vitest";
import { Replica } from "../../../src/replication/replica.js";
import { PROTOCOL } from "../../../src/replication/rules.js";
import { Requests } from "../../../src/replication/holding/requests.js";
import type { RemoteSlice } from "../../../src/replication/holding/remote-slice.js";

/** A slice that lacks something, of a life that was heard. */
function makeMissing(): { replica: Replica; slice: RemoteSlice } {
  const replica = new Replica({ name: "a", incarnation: "00000000000001" }, "b@1");
  const slice = replica.held.slice(0);
  slice.compare({ clock: 5, count: 5, digest: 1 }, 1);
  return { replica, slice };
}

describe("requests", () => {
  it("wait for 20 to 60 ms, whatever earlier request is answered meanwhile", () => {
    const requests = new Requests(() => 0.5, 0, 2_000);
    const { replica, slice } = makeMissing();
    const asked: number[] = [];
    const advance = (nowMs: number): number | undefined => requests.advance(nowMs, () => asked.push(nowMs));
    expect(requests.want(replica, slice, 1_000)).toBe(1_040);
    requests.answered(slice, slice.nextRequest() === undefined, 1_001);
    expect(advance(1_001)).toBe(1_040);
    expect(asked).toEqual([]);
    advance(1_040);
    requests.answered(slice, slice.nextRequest() === undefined, 1_050); // not the last answer that is needed
    advance(1_050);
    expect(asked).toEqual([1_040, 1_050]);
  });

  it("R14: do not wait where the author has told this node alone, not even those that wait already", () => {
    const requests = new Requests(() => 0.5, 0, 2_000);
    const { replica, slice } = makeMissing();
    expect(requests.want(replica, slice, 1_000)).toBe(1_040);
    expect(requests.want(replica, slice, 1_010)).toBe(1_040);
    expect(requests.want(replica, slice, 1_010, true)).toBe(1_010);
    const other = makeMissing();
    expect(requests.want(other.replica, other.slice, 1_010, true)).toBe(1_010);
    const asked: number[] = [];
    requests.advance(1_010, () => asked.push(1_010));
    expect(asked).toEqual([1_010, 1_010]);
  });

  it("that were asked after failures wait no longer than an answer takes, once another was answered", () => {
    const requests = new Requests(() => 0, 0, 2_000);
    const { replica, slice } = makeMissing();
    const asked: [number, number][] = [];
    const advance = (nowMs: number): number =>
      requests.advance(nowMs, (_, { shard }) => asked.push([shard, nowMs])) ?? Infinity;
    // A round trip of 4 s was measured; then an answer is lost, so the next is waited for twice as long.
    requests.want(replica, slice, 0);
    advance(20);
    requests.answered(slice, slice.nextRequest() === undefined, 4_020);
    const untilMs = advance(advance(4_020));
    const askedMs = asked.at(-1)?.[1] ?? 0;
    // Another slice is asked for, and the answer comes at once.
    const other = replica.held.slice(1);
    other.compare({ clock: 5, count: 5, digest: 1 }, 1);
    requests.want(replica, other, askedMs);
    advance(askedMs + 20);
    requests.answered(other, other.nextRequest() === undefined, askedMs + 30);
    requests.drop(other);
    expect(advance(askedMs + 30) - askedMs).toBeLessThan((untilMs - askedMs) * 0.8);
    expect(asked.map(([shard]) => shard)).toEqual([0, 0, 0, 1]);
  });

  it("R15: to lives that have never answered are one each, beyond a thousand, until they answer", () => {
    const requests = new Requests<Replica>(() => 0, 0, 2_000);
    const { requestsPerLife, untriedRequests } = PROTOCOL.limits;
    const lives = 3 * (untriedRequests / requestsPerLife);
    const made = Array.from({ length: lives }, (_, i) => {
      const replica = new Replica({ name: `n${i}`, incarnation: "00000000000001" }, "b@1");
      for (let shard = 0; shard < 64; shard++) {
        const slice = replica.held.slice(shard);
        slice.compare({ clock: 5, count: 5, digest: 1 }, 1);
        requests.want(replica, slice, 0, true);
      }
      return replica;
    });
    const asked = new Map<Replica, number>();
    const advance = (nowMs: number): void =>
      void requests.advance(nowMs, (replica) => asked.set(replica, (asked.get(replica) ?? 0) + 1));
    advance(0);
    const counts = made.map((replica) => asked.get(replica));
    const first = untriedRequests / requestsPerLife;
    expect(counts).toEqual(made.map((_, i) => (i < first ? requestsPerLife : 1)));
    // The last one answers: it is asked for as much as anybody from now on.
    const last = made.at(-1)!;
    requests.answered(last.held.slice(0), true, 10);
    advance(10);
    expect(asked.get(last)).toBe(1 + requestsPerLife);
    expect(asked.get(made.at(-2)!)).toBe(1);
  });
});
