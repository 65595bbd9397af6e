/** What a node hears of itself says something of the connection that there is only if it was sent lately. */
import { expect, it } from "vitest";
import type { Connection } from "../../../src/replication/lives/connection.js";
import { PROTOCOL } from "../../../src/replication/rules.js";
import { Replicator } from "../../../src/replication/replicator.js";
import type { ReplicationEvent, VoiceWay } from "../../../src/replication/step.js";

const heartbeatPeriodMs = 1_000;
const downPeriodMs = 3_500;
const tickPeriodMs = heartbeatPeriodMs / 4;

/** A node alone, whose frames come back to it or not, as the test says. */
class Alone {
  readonly replicator = new Replicator(
    {
      ...{ life: { name: "a", incarnation: "00000000000001" }, poolSize: 1, echoes: true, random: () => 0.5 },
      ...{ maxFrameBytes: 262_144, maxEntries: 1_000, broadcastPeriodMs: 100, permdownPeriodMs: 20_000 },
      ...{ heartbeatPeriodMs, downPeriodMs, tickPeriodMs, protocol: PROTOCOL },
    },
    0,
  );
  readonly broadcasts: string[] = [];
  readonly sends: string[] = [];
  nowMs = 0;
  isHeard = false;

  get connection(): Connection {
    return this.replicator.connection;
  }

  step(event: ReplicationEvent): void {
    // A step may lead to another one, so what came of this one is taken before.
    for (const effect of [...this.replicator.step(event, this.nowMs).effects]) {
      if (effect.type === "broadcast") {
        this.broadcasts.push(effect.payload);
        if (this.isHeard) this.hear("broadcasts", effect.payload);
      } else if (effect.type === "send") {
        this.sends.push(effect.payload);
        if (this.isHeard) this.hear("inbox", effect.payload);
      }
    }
  }

  hear(way: VoiceWay, payload = ""): void {
    this.step({ type: "frame", payload, way });
  }

  sound(): void {
    this.step({ type: "sound", ways: ["broadcasts", "inbox"] });
  }

  pass(untilMs: number): void {
    for (; this.nowMs < untilMs; this.nowMs += tickPeriodMs) this.step({ type: "turn" });
  }
}

it("a frame from before a start that took long is no word of its own four down periods later (R54)", () => {
  const node = new Alone();
  const { connection } = node;
  for (; node.nowMs < 4_000; node.nowMs += tickPeriodMs) node.sound();
  node.isHeard = true;
  node.sound();
  expect(connection.voice.unproven).toEqual([]);
  node.pass(12_000);
  expect(connection.status).toBe("connected");
  node.isHeard = false;
  node.pass(16_500);
  expect(connection.status).toBe("deaf");
  const hear = (payload?: string): void => {
    for (const way of ["broadcasts", "inbox"] as const) node.hear(way, payload);
  };
  // It is addressed to nobody, so it counts for broadcasts, however it comes: the inbox stays deaf.
  hear(node.broadcasts[0]);
  expect(connection.voice.doubted).toEqual(["broadcasts", "inbox"]);
  hear(node.broadcasts.at(-1));
  expect(connection.voice.doubted).toEqual(["inbox"]);
});

it("a thousand frames of its own that come at once make a node that was deaf speak once, and it hears itself (R54)", () => {
  const node = new Alone();
  node.isHeard = true;
  node.sound();
  node.pass(4_000);
  node.isHeard = false;
  // A broker that is slow keeps what is said from now on, in its order.
  const [broadcasts, sends] = [node.broadcasts.length, node.sends.length];
  for (let key = 0; key < 1_000; key++) {
    node.step({ ...{ type: "add", shard: 0, topic: "room", key: `${key}`, session: "s" }, meta: {} });
    node.nowMs += 1;
    if (key % 250 === 0) node.nowMs += 100;
    node.step({ type: "turn" });
  }
  node.pass(8_500);
  expect(node.connection.status).toBe("deaf");
  const said = node.sends.length;
  const [late, own] = [node.broadcasts.slice(broadcasts), node.sends.slice(sends)];
  for (let round = 0; round < 1_000; round++) node.hear("broadcasts", late[round % late.length]);
  expect(node.connection.voice.doubted).toEqual(["inbox"]);
  expect(node.sends.length - said).toBeLessThanOrEqual(1);
  node.hear("inbox", own[0]);
  expect(node.connection.status).toBe("connected");
});
