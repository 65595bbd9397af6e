/** Follows with a limit, by handles, between real trackers in virtual time. */
import { describe, expect, it } from "vitest";
import { Session } from "../../src/session.js";
import type { FollowOptions } from "../../src/tracker/follow.js";
import { Nodes, type Started } from "./virtual-nodes.js";

const TOPIC = "stage";

function trackMany({ tracker }: Started, count: number): Session[] {
  return Array.from({ length: count }, (_, i) => {
    const session = new Session();
    tracker.track(session, TOPIC, `${tracker.nodeName}-${i}`, { i });
    return session;
  });
}

/** A node that has nothing, and others that have so many entries each. */
async function clusterOf(
  nodes: Nodes,
  others: readonly number[],
  options: Parameters<Nodes["start"]>[1] = {},
): Promise<{ readonly a: Started; readonly others: readonly Started[]; readonly sessions: Session[][] }> {
  const a = await nodes.start("a", { followLingerMs: 5_000, ...options });
  const started: Started[] = [];
  for (let i = 0; i < others.length; i++) started.push(await nodes.start(`b${i}`));
  const sessions = started.map((each, i) => trackMany(each, others[i] ?? 0));
  await nodes.time.advance(10_000);
  return { a, others: started, sessions };
}

/** What the diffs of a node add up to is what it lists. */
function expectSum({ tracker, fold, wrong, errors }: Started): void {
  const refs = (entries: readonly { readonly ref: string }[]): string[] =>
    entries.map(({ ref }) => ref).sort();
  expect(refs(fold.list(TOPIC))).toEqual(refs(tracker.list(TOPIC)));
  expect([wrong, errors]).toEqual([[], []]);
}

function nodesListedBy({ tracker }: Started): string[] {
  return [...new Set(tracker.list(TOPIC).map(({ node }) => node))].sort();
}

describe("a follow with a limit", { timeout: 20_000 }, () => {
  it("lists some of a large topic, says that there are others, and how many", async () => {
    const nodes = new Nodes();
    const { a } = await clusterOf(nodes, [8, 8, 8, 8, 8, 8]);
    const stage = a.tracker.follow(TOPIC, { limit: 10 });
    await nodes.time.advance(2_000);
    expect([stage.limit, stage.complete, stage.partial]).toEqual([10, true, true]);
    expect(stage.count()).toBe(16);
    expect(nodesListedBy(a)).toHaveLength(2);
    expect(stage.total).toEqual({ entries: 48, settled: true });
    expectSum(a);
  });

  it("lists all of a small topic, and of one that becomes small", async () => {
    const nodes = new Nodes();
    const { a, sessions } = await clusterOf(nodes, [3, 3, 3]);
    a.tracker.track(new Session(), TOPIC, "ann", {});
    const stage = a.tracker.follow(TOPIC, { limit: 5 });
    await stageSettles(nodes);
    expect([stage.complete, stage.partial, stage.count()]).toEqual([true, true, 7]);
    for (const session of sessions.flat().slice(3)) session.close();
    await stageSettles(nodes);
    expect([stage.complete, stage.count(), stage.total.entries]).toEqual([true, 4, 4]);
    // Those who have left are waited for a while, as they may come back.
    await nodes.time.advance(70_000);
    expect(stage.partial).toBe(false);
    expectSum(a);
  });

  it("is partial no longer when all others have left, as soon as that is counted", async () => {
    const nodes = new Nodes();
    const { a, sessions } = await clusterOf(nodes, [6, 6]);
    const stage = a.tracker.follow(TOPIC, { limit: 4 });
    await stageSettles(nodes);
    expect([stage.count(), stage.partial]).toEqual([6, true]);
    const others = nodesListedBy(a)[0] === "b0" ? sessions[1] : sessions[0];
    for (const session of others ?? []) session.close();
    await stageSettles(nodes);
    expect([stage.count(), stage.total, stage.partial]).toEqual([6, { entries: 6, settled: true }, false]);
  });

  it("holds a sample of an author that has too many, and the same as long as metas alone change", async () => {
    const nodes = new Nodes();
    const { a, others } = await clusterOf(nodes, [1_000]);
    const stage = a.tracker.follow(TOPIC, { limit: 20 });
    await nodes.time.advance(2_000);
    const listed = stage.list();
    expect(listed.length).toBeGreaterThanOrEqual(20);
    expect(listed.length).toBeLessThan(80);
    expect([stage.complete, stage.partial, stage.total.entries]).toEqual([true, true, 1_000]);
    for (const { tracker } of others)
      for (const { session, key } of tracker.listOwn(TOPIC)) {
        const own = tracker.session(session);
        if (own !== undefined) tracker.update(own, TOPIC, key, { changed: true });
      }
    await nodes.time.advance(3_000);
    expect(
      stage
        .list()
        .map(({ key }) => key)
        .sort(),
    ).toEqual(listed.map(({ key }) => key).sort());
    expect(stage.list().every(({ meta }) => meta["changed"] === true)).toBe(true);
    expectSum(a);
  });

  it("goes by the largest limit of several handles, and all are held where one has none", async () => {
    const nodes = new Nodes();
    const { a } = await clusterOf(nodes, [6, 6, 6, 6]);
    const few = a.tracker.follow(TOPIC, { limit: 4 });
    await nodes.time.advance(2_000);
    expect(few.count()).toBe(6);
    const more = a.tracker.follow(TOPIC, { limit: 11 });
    await nodes.time.advance(2_000);
    expect([few.count(), more.count()]).toEqual([12, 12]);
    const all = a.tracker.follow(TOPIC);
    expect([all.complete, all.limit]).toEqual([false, undefined]);
    await nodes.time.advance(2_000);
    expect([all.count(), all.complete, few.partial, all.partial]).toEqual([24, true, false, false]);
    expect(all.total).toEqual({ entries: 24, settled: true });
    all.close();
    more.close();
    await nodes.time.advance(3_000);
    // It is held for a while, as a topic is.
    expect(few.count()).toBe(24);
    await nodes.time.advance(5_000);
    expect([few.count(), few.partial, few.complete]).toEqual([6, true, true]);
    const reasons = a.diffs.flatMap((diff) => diff.get(TOPIC)?.leaves.map(({ reason }) => reason) ?? []);
    expect(reasons).toEqual(Array.from({ length: 18 }, () => "limited"));
    expectSum(a);
  });

  it("holds what it held when a handle comes again before that is let go", async () => {
    const nodes = new Nodes();
    const { a } = await clusterOf(nodes, [6, 6, 6]);
    a.tracker.follow(TOPIC, { limit: 4 });
    a.tracker.follow(TOPIC).close();
    await nodes.time.advance(3_000);
    const again = a.tracker.follow(TOPIC);
    expect(again.count()).toBe(18);
    await nodes.time.advance(20_000);
    expect(again.count()).toBe(18);
    expectSum(a);
  });

  it("takes another author in the place of one that dies, and hears of one that comes while it is below its limit", async () => {
    const nodes = new Nodes();
    const { a, others } = await clusterOf(nodes, [8, 8]);
    const stage = a.tracker.follow(TOPIC, { limit: 8 });
    await nodes.time.advance(2_000);
    const [first = ""] = nodesListedBy(a);
    await others.find(({ tracker }) => tracker.nodeName === first)?.tracker.stop({ handoffMs: 0 });
    await nodes.time.advance(5_000);
    expect([stage.count(), nodesListedBy(a)]).toEqual([8, ["b0", "b1"].filter((name) => name !== first)]);
    const late = await nodes.start("c");
    const wider = a.tracker.follow(TOPIC, { limit: 12 });
    trackMany(late, 8);
    await nodes.time.advance(3_000);
    expect([wider.count(), wider.complete, wider.partial]).toEqual([16, true, false]);
    expectSum(a);
  });

  it.each([["b0"], ["b1"]])("does not count on an author that does not answer, such as %s", async (mute) => {
    const nodes = new Nodes();
    const { a } = await clusterOf(nodes, [8, 8]);
    nodes.dropDirect([mute, "a"]);
    const stage = a.tracker.follow(TOPIC, { limit: 8 });
    await nodes.time.advance(6_000);
    expect([stage.count(), nodesListedBy(a)]).toEqual([8, ["b0", "b1"].filter((name) => name !== mute)]);
    expectSum(a);
  });

  it("takes what nodes have that hold everything; these hold all themselves, whatever the limit", async () => {
    const nodes = new Nodes();
    const a = await nodes.start("a");
    const started = [
      await nodes.start("b", { holds: "everything" }),
      await nodes.start("c"),
      await nodes.start("d"),
    ];
    for (const each of started) trackMany(each, 50);
    await nodes.time.advance(10_000);
    const stage = a.tracker.follow(TOPIC, { limit: 40 });
    const all = started[0]?.tracker.follow(TOPIC, { limit: 40 });
    await nodes.time.advance(3_000);
    expect([stage.count(), stage.partial, stage.total.entries]).toEqual([50, true, 150]);
    expect([all?.count(), all?.partial, all?.complete, all?.total]).toEqual([
      150,
      false,
      true,
      { entries: 150, settled: true },
    ]);
    expectSum(a);
  });

  it("does not remember those who were let go as last seen", async () => {
    const nodes = new Nodes();
    const { a } = await clusterOf(nodes, [6, 6], { lastSeenKept: 100, followLingerMs: 0 });
    a.tracker.follow(TOPIC, { limit: 4 });
    a.tracker.follow(TOPIC).close();
    await nodes.time.advance(10_000);
    const left = a.diffs.flatMap((diff) => diff.get(TOPIC)?.leaves ?? []);
    expect(left).toHaveLength(6);
    for (const { key } of left) expect(a.tracker.lastSeen(TOPIC, key)).toBeUndefined();
  });

  it("has a limit from 1 to 1,000, and no other option", async () => {
    const { tracker } = await new Nodes().start("a");
    for (const limit of [0, -1, 1.5, NaN, Infinity, 1_001, "5", null])
      expect(() => tracker.follow(TOPIC, { limit } as FollowOptions), String(limit)).toThrow(
        expect.objectContaining({ code: "INVALID_OPTION" }) as Error,
      );
    expect(() => tracker.follow(TOPIC, { most: 1 } as FollowOptions)).toThrow(/no option `most`/);
    expect(tracker.health().following?.follows).toBe(0);
    expect(tracker.follow(TOPIC, { limit: 1_000 }).limit).toBe(1_000);
    const handle = tracker.follow(TOPIC, { limit: undefined });
    handle.close();
    expect([handle.partial, handle.complete]).toEqual([false, false]);
    expect(() => handle.total).toThrow(expect.objectContaining({ code: "NOT_FOLLOWED" }) as Error);
  });
});

/** Until counts are right, too. */
function stageSettles(nodes: Nodes): Promise<void> {
  return nodes.time.advance(5_000);
}
