/** What a node hears of itself says something of the connection that there is only if it was sent lately. */
import { expect, it } from "vitest";
import { PROTOCOL } from "../../../src/replication/rules.js";
import { Replicator } from "../../../src/replication/replicator.js";
import type { ReplicationEvent } from "../../../src/replication/step.js";

const heartbeatPeriodMs = 1_000;
const downPeriodMs = 3_500;
const tickPeriodMs = heartbeatPeriodMs / 4;

it("a frame from before a start that took long is no word of its own four down periods later (R54)", () => {
  const replicator = new Replicator(
    {
      ...{ life: { name: "a", incarnation: "00000000000001" }, poolSize: 1, echoes: true, random: () => 0.5 },
      ...{ maxFrameBytes: 262_144, maxEntries: 1_000, broadcastPeriodMs: 100, permdownPeriodMs: 20_000 },
      ...{ heartbeatPeriodMs, downPeriodMs, tickPeriodMs, protocol: PROTOCOL },
    },
    0,
  );
  const { connection } = replicator;
  let [nowMs, isHeard] = [0, false];
  const broadcasts: string[] = [];
  const step = (event: ReplicationEvent): void => {
    // A step may lead to another one, so what came of this one is taken before.
    for (const effect of [...replicator.step(event, nowMs).effects]) {
      if (effect.type === "broadcast") broadcasts.push(effect.payload);
      if (!isHeard) continue;
      if (effect.type === "broadcast") step({ type: "frame", payload: effect.payload, way: "broadcasts" });
      if (effect.type === "send") step({ type: "frame", payload: effect.payload, way: "inbox" });
    }
  };
  for (; nowMs < 4_000; nowMs += tickPeriodMs) step({ type: "sound", ways: ["broadcasts", "inbox"] });
  isHeard = true;
  step({ type: "sound", ways: ["broadcasts", "inbox"] });
  expect(connection.voice.unproven).toEqual([]);
  const pass = (untilMs: number): void => {
    for (; nowMs < untilMs; nowMs += tickPeriodMs) step({ type: "turn" });
  };
  pass(12_000);
  expect(connection.status).toBe("connected");
  isHeard = false;
  pass(16_500);
  expect(connection.status).toBe("deaf");
  const hear = (payload = ""): void => {
    for (const way of ["broadcasts", "inbox"] as const) step({ type: "frame", payload, way });
  };
  // It is addressed to nobody, so it counts for broadcasts, however it comes: the inbox stays deaf.
  hear(broadcasts[0]);
  expect(connection.voice.doubted).toEqual(["broadcasts", "inbox"]);
  hear(broadcasts.at(-1));
  expect(connection.voice.doubted).toEqual(["inbox"]);
});
