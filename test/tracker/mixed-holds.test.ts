/**
 * Nodes that hold everything beside nodes that follow, in one tracker: what each lists of the other, and how a cluster
 * goes from one to the other, node by node. Real trackers in virtual time.
 */
import { describe, expect, it } from "vitest";
import { diagnose } from "../../src/inspect/diagnosis.js";
import { overviewOf } from "../../src/inspect/overview.js";
import { Session } from "../../src/session.js";
import type { Follow } from "../../src/tracker/follow.js";
import { Nodes, type Started } from "./virtual-nodes.js";

const everything = { holds: "everything" } as const;
const FOLLOW_CHANNELS = ["rollcall:rooms:follow", "rollcall:rooms:follow:inbox"];

function keysOf({ tracker }: Started, topic: string): string[] {
  return tracker
    .list(topic)
    .map(({ key }) => key)
    .sort();
}

describe("nodes of both kinds", { timeout: 20_000 }, () => {
  it("list each other: those that hold everything all, those that follow what they follow", async () => {
    const nodes = new Nodes();
    const a = await nodes.start("a");
    const b = await nodes.start("b", everything);
    const c = await nodes.start("c");
    const d = await nodes.start("d", everything);
    for (const each of [a, b, c, d])
      each.tracker.track(new Session(), "room:1", each.tracker.nodeName, { n: 1 });
    a.tracker.track(new Session(), "room:2", "a", { n: 2 });
    d.tracker.track(new Session(), "room:3", "d", { n: 3 });
    await nodes.time.advance(5_000);
    const room = c.tracker.follow("room:1");
    await nodes.time.advance(3_000);
    expect([room.complete, room.count(), keysOf(c, "room:1")]).toEqual([true, 4, ["a", "b", "c", "d"]]);
    for (const each of [b, d]) {
      expect([...each.tracker.topics()].sort()).toEqual(["room:1", "room:2", "room:3"]);
      expect(["room:1", "room:2", "room:3"].map((topic) => keysOf(each, topic).join(""))).toEqual([
        "abcd",
        "a",
        "d",
      ]);
      expect(each.tracker.health().complete).toBe(true);
    }
    const holds = ({ tracker }: Started): string[] =>
      tracker
        .health()
        .replicas.map((replica) => `${replica.name} ${replica.holds} ${replica.complete}`)
        .sort();
    expect(holds(a)).toEqual(["b everything true", "c followed true", "d everything true"]);
    expect(holds(b)).toEqual(["a followed true", "c followed true", "d everything true"]);
    for (const { tracker, errors, wrong } of [a, b, c, d])
      expect([errors, wrong, tracker.health().foreignNodes]).toEqual([[], [], []]);
  });

  it("are told of updates and leaves of each other, and why", async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.start("a"), await nodes.start("b", everything)];
    await nodes.time.advance(5_000);
    a.tracker.follow("room:1");
    const sessions = [new Session(), new Session()];
    for (const [i, each] of [a, b].entries()) {
      each.tracker.track(sessions[i]!, "room:1", `user ${i}`, { n: 1 });
      each.tracker.track(sessions[i]!, "room:1", `tab ${i}`, { n: 1 });
    }
    await nodes.time.advance(3_000);
    for (const [i, each] of [a, b].entries()) {
      each.tracker.update(sessions[i]!, "room:1", `user ${i}`, { n: 2 });
      each.tracker.untrack(sessions[i]!, "room:1", `tab ${i}`);
    }
    await nodes.time.advance(3_000);
    for (const session of sessions) session.close();
    await nodes.time.advance(3_000);
    for (const [i, each] of [b, a].entries()) {
      const changes = each.diffs.flatMap((diff) => [...(diff.get("room:1")?.leaves ?? [])]);
      const others = changes.filter(({ node }) => node === (i === 0 ? "a" : "b"));
      expect(others.map(({ key, reason }) => `${key} ${reason}`).sort()).toEqual([
        `tab ${i} untracked`,
        `user ${i} closed`,
      ]);
      const updates = each.diffs.flatMap((diff) => [...(diff.get("room:1")?.updates ?? [])]);
      expect(updates.filter(({ key }) => key === `user ${i}`)).toMatchObject([
        { meta: { n: 2 }, previous: { n: 1 } },
      ]);
      expect([each.tracker.count("room:1"), each.fold.count("room:1"), each.wrong]).toEqual([0, 0, []]);
    }
  });

  it("are complete only with those of the other kind", async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.start("a"), await nodes.start("b", everything)];
    a.tracker.track(new Session(), "room:1", "ann", {});
    b.tracker.track(new Session(), "room:1", "bob", {});
    await nodes.time.advance(10_000);
    const lost = ["a", "b"].flatMap((from) => ["c", "d"].map((to) => [from, to] as const));
    nodes.dropDirect(...lost);
    const [c, d] = [await nodes.start("c"), await nodes.start("d", everything)];
    const room = c.tracker.follow("room:1");
    await nodes.time.advance(7_000);
    expect([room.complete, d.tracker.health().complete]).toEqual([false, false]);
    nodes.mend();
    await nodes.time.advance(10_000);
    expect([room.complete, d.tracker.health().complete]).toEqual([true, true]);
    expect([keysOf(c, "room:1"), keysOf(d, "room:1")]).toEqual([
      ["ann", "bob"],
      ["ann", "bob"],
    ]);
  });

  it("are ready within a round of heartbeats, with all that nodes have that follow", async () => {
    const nodes = new Nodes();
    for (const name of ["a", "b", "c"]) {
      const { tracker } = await nodes.start(name);
      for (let i = 0; i < 50; i += 1) tracker.track(new Session(), `room:${i}`, name, {});
    }
    await nodes.time.advance(10_000);
    const d = await nodes.start("d", everything);
    const complete = d.tracker.whenComplete({ timeoutMs: 3_000 });
    await nodes.time.advance(3_000);
    await complete;
    let count = 0;
    for (const topic of d.tracker.topics()) count += d.tracker.count(topic);
    expect(count).toBe(150);
  });

  it("make entries of each other go", async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.start("a"), await nodes.start("b", everything)];
    await nodes.time.advance(5_000);
    a.tracker.follow("room:1");
    a.tracker.track(new Session(), "room:1", "ann", {});
    b.tracker.track(new Session(), "room:1", "bob", {});
    await nodes.time.advance(3_000);
    void a.tracker.evict("room:1", "bob");
    void b.tracker.evict("room:1", "ann");
    await nodes.time.advance(3_000);
    for (const each of [a, b]) {
      const leaves = each.diffs.flatMap((diff) => [...(diff.get("room:1")?.leaves ?? [])]);
      expect(leaves.map(({ key, reason }) => `${key} ${reason}`).sort()).toEqual([
        "ann evicted",
        "bob evicted",
      ]);
    }
  });

  it("count against one limit, whatever they hold", async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.start("a"), await nodes.start("b", everything)];
    for (let i = 0; i < 8; i += 1) a.tracker.track(new Session(), "room:1", `a ${i}`, {});
    for (let i = 0; i < 8; i += 1) b.tracker.track(new Session(), "room:1", `b ${i}`, {});
    await nodes.time.advance(5_000);
    const c = await nodes.start("c", { ...everything, maxEntries: 10 });
    await nodes.time.advance(10_000);
    expect(c.tracker.count("room:1")).toBe(8);
    expect(c.tracker.health().complete).toBe(false);
    expect(c.errors).toContain("CROWDED");
  });

  it("notice soon that one of the other kind was killed, where the pubsub can tell", async () => {
    const nodes = new Nodes();
    nodes.knowsListeners = true;
    const [a, b] = [await nodes.start("a"), await nodes.start("b", everything)];
    const [c, d] = [await nodes.start("c"), await nodes.start("d", everything)];
    c.tracker.track(new Session(), "room:1", "cat", {});
    d.tracker.track(new Session(), "room:1", "dan", {});
    await nodes.time.advance(12_000);
    a.tracker.follow("room:1");
    await nodes.time.advance(1_000);
    expect([keysOf(a, "room:1"), keysOf(b, "room:1")]).toEqual([
      ["cat", "dan"],
      ["cat", "dan"],
    ]);
    nodes.crash("c");
    nodes.crash("d");
    await nodes.time.advance(4_500);
    expect([keysOf(a, "room:1"), keysOf(b, "room:1")]).toEqual([[], []]);
  });

  it("R101: one name has one life: who starts again and holds otherwise takes the places of before", async () => {
    for (const holds of ["followed", "everything"] as const) {
      const nodes = new Nodes();
      const other = holds === "everything" ? ("followed" as const) : ("everything" as const);
      const seen = [await nodes.start("a"), await nodes.start("b", everything)] as const;
      const before = await nodes.start("x", { holds });
      before.tracker.track(new Session(), "room:1", "xi", { n: 1 });
      seen[0].tracker.follow("room:1");
      await nodes.time.advance(6_000);
      nodes.crash("x");
      const after = await nodes.start("x", { holds: other });
      after.tracker.track(new Session(), "room:1", "xi", { n: 2 });
      await nodes.time.advance(3_000);
      for (const { tracker, wrong, errors } of seen) {
        expect(tracker.list("room:1").map(({ meta }) => meta)).toEqual([{ n: 2 }]);
        expect([wrong, errors]).toEqual([[], []]);
      }
      await nodes.time.advance(10_000);
      for (const { tracker } of seen)
        expect(tracker.health().replicas.filter(({ name }) => name === "x")).toMatchObject([
          { status: "up", holds: other },
        ]);
    }
  });

  it("say nothing to nodes that follow, and do not listen to them, as long as there are none", async () => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.start("a", everything), await nodes.start("b", everything)];
    a.tracker.track(new Session(), "room:1", "ann", {});
    await nodes.time.advance(30_000);
    expect([...nodes.published.keys()]).toEqual(["rollcall:rooms"]);
    expect(nodes.channelsOf("a")).toEqual(["rollcall:rooms", "rollcall:rooms:inbox"]);
    const c = await nodes.start("c");
    c.tracker.track(new Session(), "room:1", "cat", {});
    await nodes.time.advance(5_000);
    expect(keysOf(a, "room:1")).toEqual(["ann", "cat"]);
    expect(nodes.channelsOf("a")).toEqual(
      ["rollcall:rooms", "rollcall:rooms:inbox", ...FOLLOW_CHANNELS].sort(),
    );
    await Promise.all([c.tracker.stop({ handoffMs: 0 }), nodes.time.advance(20_000)]);
    expect(nodes.channelsOf("a")).toEqual(["rollcall:rooms", "rollcall:rooms:inbox"]);
    nodes.published.clear();
    const session = new Session();
    a.tracker.track(session, "room:2", "ann", {});
    b.tracker.track(session, "room:1", "bob", {});
    await nodes.time.advance(10_000);
    expect([...nodes.published.keys()]).toEqual(["rollcall:rooms"]);
    // The next one that follows is told what has changed meanwhile.
    const d = await nodes.start("d");
    const rooms = ["room:1", "room:2"].map((topic) => d.tracker.follow(topic));
    await nodes.time.advance(6_000);
    expect(rooms.map((room) => [room.complete, room.count()])).toEqual([
      [true, 2],
      [true, 1],
    ]);
    for (const { errors, wrong } of [a, b, d]) expect([errors, wrong]).toEqual([[], []]);
  });

  it("are reported by one that only looks on, as it lists nothing of those that follow", async () => {
    const nodes = new Nodes();
    await nodes.start("a");
    const looker = await nodes.start("looker", { ...everything, observer: true });
    await nodes.time.advance(5_000);
    expect(looker.errors).toEqual(["HOLDS_DIFFER"]);
    expect(looker.tracker.health().foreignNodes).toMatchObject([{ name: "a", differs: "holds" }]);
    const found = diagnose(overviewOf(looker.tracker, 0), { nowMs: 0, lookedMs: 20_000, reported: [] });
    expect(found.filter(({ about }) => about === "a")).toMatchObject([{ severity: "look" }]);
  });
});

const NODES = 12;
const USERS = 120;
const ROOMS = 8;
const names = Array.from({ length: NODES }, (_, i) => `node${i}`);
const roomOf = (user: number): string => `room:${user % ROOMS}`;

/** A node of a cluster that is rolled: what it follows, and since it has said so that it is complete. */
interface Rolled extends Started {
  readonly follows: ReadonlyMap<string, Follow>;
  readonly complete: Set<string>;
}

class Rolling {
  readonly nodes = new Nodes();
  readonly running = new Map<string, Rolled>();
  readonly wrong = new Set<string>();
  /** On which node each user is. */
  readonly #sessions = new Map<number, { node: string; session: Session }>();

  async start(index: number, holds: "everything" | "followed"): Promise<void> {
    const name = names[index]!;
    const started = await this.nodes.start(name, { holds });
    const rooms = holds === "everything" ? [] : [0, 1, 2].map((i) => `room:${(index + i) % ROOMS}`);
    const follows = new Map(rooms.map((room) => [room, started.tracker.follow(room)]));
    this.running.set(name, { ...started, follows, complete: new Set() });
  }

  /** The socket of a user is opened on a node. */
  place(user: number, node: string): void {
    const session = new Session();
    this.#sessions.set(user, { node, session });
    this.running.get(node)?.tracker.track(session, roomOf(user), `user:${user}`, { node });
  }

  /** A node is restarted: its users come to others a moment later. */
  async restart(index: number, holds: "everything" | "followed"): Promise<void> {
    const name = names[index]!;
    const stopping = this.running.get(name)!;
    this.running.delete(name);
    void stopping.tracker.stop();
    const leaving = [...this.#sessions].filter(([, { node }]) => node === name);
    for (const [, { session }] of leaving) session.close();
    await this.run(200);
    const others = [...this.running.keys()];
    for (const [i, [user]] of leaving.entries()) this.place(user, others[(index + i) % others.length]!);
    await this.run(300);
    await this.start(index, holds);
  }

  async run(durationMs: number): Promise<void> {
    for (let passedMs = 0; passedMs < durationMs; passedMs += 50) {
      await this.nodes.time.advance(50);
      this.#look();
    }
  }

  /** Whoever has said of a room that it is complete lists all its users, from then on. */
  #look(): void {
    for (const [name, node] of this.running) {
      const { tracker, follows, complete } = node;
      const isReady = follows.size === 0 && complete.size === 0 && tracker.health().ready;
      for (let room = 0; room < ROOMS; room += 1) {
        const topic = `room:${room}`;
        const follow = follows.get(topic);
        if (isReady || follow?.complete === true) complete.add(topic);
        if (!complete.has(topic)) continue;
        for (let user = room; user < USERS; user += ROOMS)
          if (!tracker.has(topic, `user:${user}`)) this.wrong.add(`${name} lacks user:${user} of ${topic}`);
      }
    }
  }

  /** What is not exactly as it is to be, at rest. */
  unsettled(): string[] {
    const found: string[] = [];
    for (const [name, { tracker, follows, errors, wrong, fold }] of this.running) {
      found.push(...errors.map((each) => `${name}: ${each}`), ...wrong);
      for (let room = 0; room < ROOMS; room += 1) {
        const topic = `room:${room}`;
        if (follows.size > 0 && !follows.has(topic)) continue;
        const isComplete = follows.get(topic)?.complete ?? tracker.health().complete;
        const counts = [tracker.count(topic), tracker.countKeys(topic), fold.count(topic)];
        if (!isComplete || counts.some((count) => count !== USERS / ROOMS))
          found.push(`${name} has ${counts.join()} in ${topic}, complete: ${isComplete}`);
      }
    }
    return found;
  }
}

describe("a cluster that goes over to following, node by node, and back", () => {
  it("loses no user from any list that is complete", { timeout: 120_000 }, async () => {
    const rolling = new Rolling();
    for (const index of names.keys()) await rolling.start(index, "everything");
    await rolling.nodes.time.advance(4_000);
    for (let user = 0; user < USERS; user += 1) rolling.place(user, names[user % NODES]!);
    await rolling.nodes.time.advance(5_000);
    await rolling.run(100);
    expect([...rolling.running.values()].every(({ complete }) => complete.size === ROOMS)).toBe(true);
    for (const holds of ["followed", "everything"] as const) {
      for (const index of names.keys()) {
        await rolling.restart(index, holds);
        await rolling.run(3_000);
      }
      await rolling.run(12_000);
      expect([...rolling.wrong]).toEqual([]);
      expect(rolling.unsettled()).toEqual([]);
    }
    // And nobody speaks any more where those spoke that follow.
    await rolling.run(20_000);
    rolling.nodes.published.clear();
    await rolling.run(5_000);
    expect([...rolling.nodes.published.keys()]).toEqual(["rollcall:rooms"]);
  });
});
