/** A sealed pubsub: the contract, and what the seal refuses. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryHub, type MemoryPubSub } from "../../src/adapters/memory.js";
import {
  sealed,
  type SealedHealth,
  type SealedOptions,
  type SealedPubSub,
} from "../../src/adapters/sealed.js";
import { TrackerError } from "../../src/errors.js";
import type { PubSub } from "../../src/pubsub/pubsub.js";
import { pubsubContract, type OpenNodes } from "../../src/testing/pubsub-contract.js";
import { VirtualTime } from "../../src/testing/virtual-time.js";
import { virtualRuntime } from "../support/virtual-runtime.js";

const [first, second, third] = ["first", "second", "third"].map((name) => name.padEnd(32, "."));
const keys = [first!];

const sealedMemory =
  (mode: "encrypt" | "sign"): OpenNodes =>
  (names) => {
    const hub = new MemoryHub();
    const inner = names.map((name) => hub.node(name));
    return {
      nodes: inner.map((node) => {
        const pubsub = sealed(node, { keys, mode });
        return Object.assign(pubsub, {
          close: async () => {
            await Object.getPrototypeOf(pubsub).close.call(pubsub);
            node.close();
          },
        });
      }),
      cut: async ({ nodeName }) => {
        hub.disconnect(nodeName);
        return () => hub.reconnect(nodeName);
      },
      end: () => {},
    };
  };

for (const mode of ["encrypt", "sign"] as const) {
  describe(`sealed memory, mode ${mode}`, () => {
    for (const { name, run } of pubsubContract(sealedMemory(mode), { patienceMs: 300 })) it(name, run);
  });
}

/** Two sealed nodes, and one that has no key but hears and says what it likes. */
class Eavesdropped {
  readonly hub = new MemoryHub();
  readonly time = new VirtualTime();
  readonly eve: MemoryPubSub = this.hub.node("eve");
  readonly recorded: { readonly channel: string; readonly payload: string }[] = [];
  readonly heard = new Map<string, string[]>();
  readonly errors: TrackerError[] = [];

  async node(
    name: string,
    options: Partial<SealedOptions> = {},
    inner: PubSub = this.hub.node(name),
  ): Promise<SealedPubSub> {
    const { runtime } = virtualRuntime({ time: this.time });
    const node = sealed(this.tapped(inner), { keys, runtime, ...options });
    node.onError?.((error) => this.errors.push(error as TrackerError));
    const heard: string[] = [];
    this.heard.set(name, heard);
    await node.subscribe("room", (payload) => heard.push(payload));
    return node;
  }

  /** Records what a node sends, direct or to all. */
  tapped(inner: PubSub): PubSub {
    const { recorded } = this;
    return {
      nodeName: inner.nodeName,
      prefix: inner.prefix,
      maxPayloadBytes: inner.maxPayloadBytes,
      broadcast(channel, payload) {
        recorded.push({ channel, payload });
        return inner.broadcast(channel, payload);
      },
      send(node, channel, payload) {
        recorded.push({ channel, payload });
        return inner.send(node, channel, payload);
      },
      subscribe: (channel, receive) => inner.subscribe(channel, receive),
    };
  }

  get lastPayload(): string {
    return this.recorded.filter(({ channel }) => channel === "room").at(-1)!.payload;
  }
}

/** The microtasks of a memory hub: question, answer, delivery. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

const nothingRefused: SealedHealth["refused"] = {
  unsealed: 0,
  malformed: 0,
  unknownKey: 0,
  altered: 0,
  replayed: 0,
  unproven: 0,
};

describe("a seal", () => {
  it("lets pass what was sealed by any of the keys, in both modes, and shows nothing of it if it is encrypted", async () => {
    const room = new Eavesdropped();
    const a = await room.node("a", { keys: [second!, first!] });
    const b = await room.node("b", { keys: [first!, second!], mode: "sign" });
    await a.broadcast("room", "from a");
    await settled();
    expect(room.lastPayload).not.toContain("from a");
    await b.broadcast("room", "from b");
    await settled();
    expect(room.lastPayload).toContain("from b");
    await b.send("a", "room", "to a");
    await settled();
    expect(room.heard.get("a")).toEqual(["from a", "from b", "to a"]);
    expect(room.heard.get("b")).toEqual(["from a", "from b"]);
    expect(a.health().refused).toEqual(nothingRefused);
  });

  it("refuses what has no seal, a broken one, one of another key, and says so once in a minute", async () => {
    const room = new Eavesdropped();
    const a = await room.node("a");
    await room.node("b", { keys: [second!] }).then((b) => b.broadcast("room", "by another key"));
    for (const payload of ["[1]", "seal1.", "seal1.xx.y", "seal1.eb.abcdefgh.1", "[2]"])
      void room.eve.broadcast("room", payload);
    await settled();
    expect(room.heard.get("a")).toEqual([]);
    expect(a.health().refused).toEqual({ ...nothingRefused, unsealed: 2, malformed: 3, unknownKey: 1 });
    const told = room.errors
      .filter(({ code }) => code === "SEAL_REFUSED")
      .map(({ details }) => details["reason"]);
    for (const reason of ["unsealed", "malformed", "unknownKey"])
      expect(told.filter((each) => each === reason).length).toBeLessThanOrEqual(2);
    expect(new Set(told)).toEqual(new Set(["unsealed", "malformed", "unknownKey"]));
    await room.time.advance(61_000);
    room.errors.length = 0;
    void room.eve.broadcast("room", "[3]");
    await settled();
    expect(room.errors[0]?.details).toMatchObject({ reason: "unsealed", count: 2 });
  });

  it("refuses what was altered, in any place and mode", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("encrypt" as const, "sign" as const),
        fc.string({ unit: "grapheme", maxLength: 40 }),
        fc.nat(),
        fc.constantFrom("cut", "swapped", "doubled", "appended"),
        async (mode, text, at, how) => {
          const room = new Eavesdropped();
          const a = await room.node("a");
          const b = await room.node("b", { mode });
          await b.send("eve", "room", text);
          const payload = room.lastPayload;
          const place = at % payload.length;
          const other = payload[place] === "A" ? "B" : "A";
          const middles: Partial<Record<string, string>> = {
            cut: "",
            swapped: other,
            doubled: payload[place]!.repeat(2),
          };
          const middle = middles[how];
          const altered =
            middle === undefined
              ? payload + ["=", "!", " ", "\n", "A"][at % 5]!
              : payload.slice(0, place) + middle + payload.slice(place + 1);
          void room.eve.send("a", "room", altered);
          await settled();
          expect(room.heard.get("a")).toEqual([]);
          const { refused } = a.health();
          expect(refused.altered + refused.malformed + refused.unsealed + refused.unknownKey).toBe(1);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("is for one channel, one prefix and one addressee", async () => {
    const room = new Eavesdropped();
    const a = await room.node("a");
    const b = await room.node("b");
    await a.subscribe("other", (payload) => room.heard.get("a")!.push(payload));
    await b.broadcast("elsewhere", "for elsewhere");
    await b.send("c", "room", "for c");
    await settled();
    for (const { payload } of room.recorded.slice()) {
      for (const channel of ["room", "other"]) {
        void room.eve.broadcast(channel, payload);
        void room.eve.send("a", channel, payload);
      }
    }
    const elsewhere = await room.node("d", {}, Object.assign(room.hub.node("d"), { prefix: "another" }));
    await elsewhere.broadcast("room", "of another prefix");
    await settled();
    expect(room.heard.get("a")).toEqual([]);
    expect(a.health().refused.altered).toBeGreaterThan(4);
  });

  it("counts once, in whatever order it comes", async () => {
    const room = new Eavesdropped();
    const a = await room.node("a");
    const b = await room.node("b");
    await b.broadcast("room", "hello");
    await settled();
    for (let i = 0; i < 20; i++) await b.send("eve", "room", `to nobody ${i}`);
    for (let i = 0; i < 20; i++) await b.send("nobody", "room", `late ${i}`);
    const late: string[] = [];
    // What is sent to `a` is held back, and comes in the opposite order, twice.
    const inner = room.tapped(room.hub.node("c"));
    const c = await room.node("c", {}, { ...inner, send: (_, __, payload) => void late.push(payload) });
    await c.broadcast("room", "c is here");
    expect(a.health().refused).toEqual(nothingRefused);
    for (let i = 0; i < 5; i++) await c.send("a", "room", `late ${i}`);
    await settled();
    const rooms = late.splice(0).reverse();
    for (const payload of [...rooms, ...rooms]) {
      void room.eve.send("a", "room", payload);
      void room.eve.send("a", "rollcall:seal:runs", payload);
    }
    await settled();
    expect(room.heard.get("a")!.slice(0, 2)).toEqual(["hello", "c is here"]);
    expect(room.heard.get("a")!.slice(2).sort()).toEqual(["late 0", "late 1", "late 2", "late 3", "late 4"]);
    expect(a.health().refused.replayed).toBeGreaterThanOrEqual(5);
  });

  it("does not let those who have ended speak again, to those who knew them nor to those who come later", async () => {
    const room = new Eavesdropped();
    const a = await room.node("a");
    const innerB = room.hub.node("b");
    const b = await room.node("b", {}, innerB);
    await b.broadcast("room", "b is here");
    await settled();
    expect(room.heard.get("a")).toEqual(["b is here"]);
    await b.close();
    innerB.close();
    const d = await room.node("d");
    const again = await room.node("b");
    await again.broadcast("room", "b is back");
    await settled();
    for (let i = 0; i < 3; i++) {
      for (const { channel, payload } of room.recorded.slice()) void room.eve.broadcast(channel, payload);
      await settled();
      await room.time.advance(10_000);
    }
    expect(room.heard.get("a")).toEqual(["b is here", "b is back"]);
    expect(room.heard.get("d")).toEqual(["b is back"]);
    expect(a.health().refused.replayed).toBeGreaterThan(0);
    expect(d.health().refused.unproven).toBeGreaterThan(0);
  });

  it("is not repeated to a newcomer either, when its node lives but it is older than half a minute", async () => {
    const room = new Eavesdropped();
    const b = await room.node("b");
    for (let i = 0; i < 10; i++) {
      await b.broadcast("room", `at ${6 * i} s`);
      await room.time.advance(6_000);
    }
    await room.node("c");
    for (const { channel, payload } of room.recorded.slice()) void room.eve.broadcast(channel, payload);
    await settled();
    expect(room.heard.get("c")).toEqual(["at 30 s", "at 36 s", "at 42 s", "at 48 s", "at 54 s"]);
  });

  it("makes no room for more than waits, and counts what it loses", async () => {
    const room = new Eavesdropped();
    const a = await room.node("a");
    const inner = room.hub.node("b");
    const b = await room.node("b", {}, { ...room.tapped(inner), broadcast: () => undefined });
    for (let i = 0; i < 1_100; i++) await b.broadcast("room", `${i}`);
    await b.close();
    inner.close();
    for (const { payload } of room.recorded.slice()) void room.eve.broadcast("room", payload);
    await settled();
    expect(a.health().waiting).toBe(1_024);
    expect(a.health().refused.unproven).toBe(76);
    await room.time.advance(11_000);
    const c = await room.node("c");
    await c.broadcast("room", "c is here");
    await settled();
    expect(room.heard.get("a")).toEqual(["c is here"]);
    expect(a.health()).toMatchObject({ waiting: 0, refused: { unproven: 1_100 } });
  });
});

describe("what is withheld, and played when its time is over", () => {
  it("is not believed of a burst that was the last of its node for an hour", async () => {
    const room = new Eavesdropped();
    const a = await room.node("a");
    for (let i = 0; i < 50; i++) await a.broadcast("room", `${i}`);
    await room.time.advance(3_600_000);
    const b = await room.node("b");
    for (const { channel, payload } of room.recorded.slice()) void room.eve.broadcast(channel, payload);
    await settled();
    await room.time.advance(20_000);
    expect(room.heard.get("b")).toEqual([]);
    expect(b.health().refused.replayed).toBe(50);
  });

  it("is not believed of a run that was known, nor on a channel that is new, nor of its own", async () => {
    const room = new Eavesdropped();
    const inner = room.hub.node("a");
    let withheld = false;
    const tapped = room.tapped(inner);
    const a = await room.node(
      "a",
      {},
      {
        ...tapped,
        broadcast: (channel, payload) => (withheld ? undefined : tapped.broadcast(channel, payload)),
      },
    );
    const b = await room.node("b");
    await a.broadcast("room", "known");
    await settled();
    withheld = true;
    for (let i = 0; i < 20; i++) await a.broadcast("room", `withheld ${i}`);
    for (let i = 0; i < 20; i++) await a.broadcast("later", `later ${i}`);
    await a.close();
    inner.close();
    await room.time.advance(86_400_000);
    await b.subscribe("later", (payload) => room.heard.get("b")!.push(payload));
    for (const { channel, payload } of room.recorded.slice()) void room.eve.broadcast(channel, payload);
    await settled();
    await room.time.advance(20_000);
    expect(room.heard.get("b")).toEqual(["known"]);
    expect(b.health().refused).toMatchObject({ replayed: 4, unproven: 40 });
  });

  it("is not believed by an answer that comes when its run is over", async () => {
    const room = new Eavesdropped();
    const inner = room.hub.node("a");
    const tapped = room.tapped(inner);
    const answers: string[] = [];
    const a = await room.node("a", {}, { ...tapped, send: (_, __, payload) => void answers.push(payload) });
    const b = await room.node("b");
    await a.broadcast("room", "unanswered");
    await settled();
    await a.close();
    inner.close();
    await room.time.advance(3_600_000);
    expect(answers.length).toBeGreaterThan(0);
    for (const payload of answers) void room.eve.send("b", "rollcall:seal:runs", payload);
    await settled();
    expect(room.heard.get("b")).toEqual([]);
    expect(b.health()).toMatchObject({ waiting: 0, refused: { unproven: 1 } });
  });

  it("is asked about again when the question is lost", async () => {
    const room = new Eavesdropped();
    const a = await room.node("a");
    let lost = 2;
    const tapped = room.tapped(room.hub.node("b"));
    const b = await room.node(
      "b",
      {},
      {
        ...tapped,
        send: (node, channel, payload) => (lost-- > 0 ? undefined : tapped.send(node, channel, payload)),
      },
    );
    await a.broadcast("room", "once");
    await settled();
    expect(room.heard.get("b")).toEqual([]);
    await room.time.advance(2_000);
    expect(room.heard.get("b")).toEqual(["once"]);
    expect(b.health().refused).toEqual(nothingRefused);
  });

  it("is not answered again, if it is a question", async () => {
    const room = new Eavesdropped();
    const messages = () => room.recorded.filter(({ channel }) => channel === "rollcall:seal:runs");
    const a = await room.node("a");
    const b = await room.node("b");
    await b.broadcast("room", "hello");
    await settled();
    const asked = messages();
    for (let i = 0; i < 100; i++) {
      for (const { channel, payload } of asked) {
        void room.eve.send("a", channel, payload);
        void room.eve.send("b", channel, payload);
      }
    }
    await settled();
    expect(messages().length).toBe(asked.length);
    expect(a.health().refused.replayed + b.health().refused.replayed).toBeGreaterThanOrEqual(100);
  });

  it("is heard of a machine that has slept", async () => {
    const room = new Eavesdropped();
    const { runtime } = virtualRuntime({ time: room.time });
    let sleptMs = 0;
    const sleepy = { ...runtime, monotonicMs: () => runtime.monotonicMs() - sleptMs };
    const a = await room.node("a", { runtime: sleepy });
    const b = await room.node("b");
    await a.broadcast("room", "before");
    await settled();
    await room.time.advance(3_600_000);
    sleptMs = 3_600_000;
    await a.broadcast("room", "after");
    await settled();
    await room.time.advance(1_000);
    expect(room.heard.get("b")).toEqual(["before", "after"]);
    expect(b.health().refused).toEqual(nothingRefused);
  });

  it("does not disturb two wrappers of one node", async () => {
    const room = new Eavesdropped();
    const inner = room.hub.node("a");
    const [one, other] = [await room.node("one", {}, inner), await room.node("other", {}, inner)];
    const b = await room.node("b");
    await one.broadcast("room", "by one");
    await other.broadcast("room", "by the other");
    await b.broadcast("room", "by b");
    await settled();
    expect(room.heard.get("b")!.sort()).toEqual(["by b", "by one", "by the other"]);
    for (const each of [one, other, b]) expect(each.health().refused).toEqual(nothingRefused);
    expect(one.health().elsewhere).toBeGreaterThan(0);
  });
});

describe("exchanging the key", () => {
  it("loses nothing, node by node, and shuts the old one out at the end", async () => {
    const room = new Eavesdropped();
    const nodes = [await room.node("a"), await room.node("b"), await room.node("c")];
    const expected: string[] = [];
    const everybodySpeaks = async (step: string): Promise<void> => {
      for (const node of nodes) {
        expected.push(`${step} ${node.nodeName}`);
        await node.broadcast("room", expected.at(-1)!);
        await settled();
      }
    };
    await everybodySpeaks("before");
    for (const [step, next] of [
      ["known", [first!, third!]],
      ["used", [third!, first!]],
      ["alone", [third!]],
    ] as const) {
      for (const node of nodes) {
        node.rotate(next);
        await everybodySpeaks(`${step} at ${node.nodeName}`);
      }
    }
    for (const node of nodes) {
      expect(room.heard.get(node.nodeName)).toEqual(expected);
      expect(node.health().refused).toEqual(nothingRefused);
    }
    const old = await room.node("old");
    await old.broadcast("room", "by the old key");
    await settled();
    expect(nodes[0]!.health().refused.unknownKey).toBe(1);
  });

  it("is refused whole if one of the keys is none", async () => {
    const room = new Eavesdropped();
    const a = await room.node("a");
    expect(() => a.rotate([second!, "short"])).toThrow(/at least 32 bytes/);
    expect(() => a.rotate([])).toThrow(/at least one/);
    expect(() => a.rotate([second!, second!])).toThrow(/twice/);
    await a.broadcast("room", "still");
    await settled();
    expect(room.heard.get("a")).toEqual(["still"]);
  });
});

describe("a roll-out", () => {
  it("takes three steps, in which all hear all", async () => {
    const room = new Eavesdropped();
    const steps: readonly Partial<SealedOptions>[] = [
      { sealing: false, acceptUnsealed: true },
      { acceptUnsealed: true },
      {},
    ];
    for (const [i, from] of steps.entries()) {
      const to = steps[i + 1] ?? from;
      const [old, next] = [await room.node(`old ${i}`, from), await room.node(`new ${i}`, to)];
      await old.broadcast("room", `old ${i}`);
      await next.broadcast("room", `new ${i}`);
      await settled();
      for (const name of [`old ${i}`, `new ${i}`]) {
        expect(room.heard.get(name)!.slice(-2).sort()).toEqual([`new ${i}`, `old ${i}`]);
      }
    }
    void room.eve.broadcast("room", "unsealed");
    await settled();
    expect(room.heard.get("old 1")).toContain("unsealed");
    expect(room.heard.get("old 2")).not.toContain("unsealed");
  });
});

describe("what is no pubsub, no key or no option", () => {
  const hub = new MemoryHub();
  it.each<[string, () => unknown, RegExp]>([
    ["no pubsub", () => sealed(undefined as never, { keys }), /`pubsub` to be a PubSub/],
    ["no keys", () => sealed(hub.node(), {} as never), /at least one/],
    ["an empty list", () => sealed(hub.node(), { keys: [] }), /at least one/],
    ["a password", () => sealed(hub.node(), { keys: ["hunter2"] }), /32 bytes/],
    ["a number", () => sealed(hub.node(), { keys: [7 as never] }), /32 bytes/],
    ["another mode", () => sealed(hub.node(), { keys, mode: "hash" as never }), /"encrypt" or "sign"/],
    ["a slip of the pen", () => sealed(hub.node(), { keys, acceptUnseald: true } as never), /acceptUnsealed/],
    ["no boolean", () => sealed(hub.node(), { keys, sealing: "no" as never }), /true or false/],
    ["no runtime", () => sealed(hub.node(), { keys, runtime: {} as never }), /`runtime` to be a Runtime/],
    [
      "a name that is too long",
      () => sealed(Object.assign(hub.node(), { nodeName: "é".repeat(200) }), { keys }),
      /nodeName/,
    ],
    [
      "tiny payloads",
      () => sealed(Object.assign(hub.node(), { maxPayloadBytes: 60 }), { keys }),
      /too small/,
    ],
  ])("%s is INVALID_OPTION", (_, make, text) => {
    expect(make).toThrow(TrackerError);
    expect(make).toThrow(text);
  });
});
