/** What the commands show of a cluster, at 80 columns and wide; and what the doctor finds in each state. */
import { describe, expect, it } from "vitest";
import { textWidth } from "../../src/cli/screen.js";
import { Traffic } from "../../src/cli/traffic.js";
import { changeLine, doctorLines, entryLines, explanationLines, topLines } from "../../src/cli/views.js";
import { MemoryHub } from "../../src/adapters/memory.js";
import { Tracker } from "../../src/index.js";
import { diagnose, type DiagnosisOptions } from "../../src/inspect/diagnosis.js";
import { overviewOf } from "../../src/inspect/overview.js";
import { simulate, type SimulatedCluster, type SimulatedNode } from "../../src/testing/index.js";
import { virtualRuntime } from "../support/virtual-runtime.js";

const narrow = { columns: 80, hasColors: false };
const wide = { columns: 160, hasColors: false };

interface Seen {
  readonly cluster: SimulatedCluster;
  readonly looker: SimulatedNode;
}

async function observed(
  options: Partial<Parameters<typeof simulate>[0]> = {},
  nodes = ["web-1", "web-2"],
): Promise<Seen> {
  const cluster = await simulate({
    seed: 1,
    nodes,
    ...options,
    nodeOptions: { ...options.nodeOptions, looker: { observer: true } },
  });
  const looker = await cluster.start("looker");
  await cluster.advance(5_000);
  return { cluster, looker };
}

function findings({ cluster, looker }: Seen, more: Partial<DiagnosisOptions> = {}): string[] {
  const reported = looker.eventsOf("error") as { code: never; message: string }[];
  const nowMs = looker.machine.runtime.wallClockMs();
  const overview = overviewOf(looker.tracker, 10);
  return diagnose(overview, { nowMs, lookedMs: cluster.nowMs - looker.startedMs, reported, ...more }).map(
    ({ severity, about, what }) => `${severity} ${about}: ${what}`,
  );
}

describe("top", () => {
  it("fits 80 columns, and shows more where there is room", async () => {
    const { cluster, looker } = await observed({}, [
      "web-1",
      "worker-with-a-rather-long-name-7f6d8b9c4-x2x9z",
    ]);
    const node = cluster.node("web-1");
    for (let i = 0; i < 12; i += 1) node.tracker.track(node.session(), `room ${i % 3}`, `user ${i}`, { i });
    await cluster.advance(2_000);
    const overview = overviewOf(looker.tracker, 2);
    expect(overview).toMatchObject({
      topicCount: 3,
      entryCount: 12,
      topics: [
        { topic: "room 0", entries: 4, keys: 4 },
        { topic: "room 1", entries: 4 },
      ],
    });
    const rates = new Map([["web-1", { frames: 1.5, bytes: 23_456 }]]);
    const nowMs = node.machine.runtime.wallClockMs();
    const lines = topLines(narrow, overview, rates, nowMs);
    for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(80);
    expect(lines[0]).toBe("simulated  complete");
    expect(lines[1]).toBe("2 of 2 nodes up, 12 entries in 3 topics, 1.5 frames/s, 23k bytes/s");
    expect(lines.find((line) => line.startsWith("web-1"))).toMatch(/up +whole +\d\.\ds +0 +12 +1\.5 +23k/);
    expect(lines.join("\n")).toContain("worker-with-a");
    expect(lines.join("\n")).not.toContain("VERSION");
    const more = topLines(wide, overview, rates, nowMs).join("\n");
    expect(more).toContain("worker-with-a-rather-long-name-7f6d8b9c4-x2x9z");
    expect(more).toMatch(/UP +PERIOD +VERSION +LIFE/);
  });
});

describe("traffic", () => {
  it("is counted by who sends it, and the pubsub is the same otherwise", async () => {
    const { runtime, time } = virtualRuntime();
    const hub = new MemoryHub();
    const traffic = new Traffic();
    const pubsub = traffic.count(hub.node("looker"));
    expect(pubsub.nodeName).toBe("looker");
    const looker = await Tracker.start({}, { name: "t", pubsub, runtime, observer: true });
    const other = await Tracker.start({}, { name: "t", pubsub: hub.node('a "b"'), runtime });
    await time.advance(20_000);
    expect(traffic.of('a "b"').frames).toBeGreaterThan(8);
    expect(traffic.of('a "b"').bytes).toBeGreaterThan(8 * 60);
    expect(traffic.of("looker").frames).toBe(0);
    expect(traffic.total()).toEqual(traffic.of('a "b"'));
    traffic.keep(new Set());
    expect(traffic.total()).toEqual({ frames: 0, bytes: 0 });
    await Promise.all([looker.stop(), other.stop()]);
  });
});

describe("list, watch and explain", () => {
  it("show who is there, and let no name do anything to the terminal", async () => {
    const { cluster, looker } = await observed();
    const node = cluster.node("web-1");
    node.tracker.track(node.session(), "room", "ann\u001b[2J\n", { page: "a".repeat(200) });
    await cluster.advance(100);
    const entries = looker.tracker.list("room");
    const lines = entryLines(narrow, entries);
    for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(80);
    expect(lines[1]).toContain("ann\\u001b[2J\\u000a");
    const [entry] = entries;
    const line = changeLine(narrow, { what: "join", topic: "room", entry: entry! }, "12:00:00");
    expect(line).toMatch(/^12:00:00 \+ room {2}ann\\u001b/);
    expect(textWidth(line)).toBeLessThanOrEqual(80);
    cluster.crash("web-1");
    await cluster.advance(20_000);
    const explained = explanationLines(narrow, looker.tracker.explain("room", "ann\u001b[2J\n"));
    expect(explained[1]).toMatch(/^web-1 +hidden +down/);
  });
});

describe("the doctor", () => {
  it("finds nothing in a cluster that is well", async () => {
    const seen = await observed();
    expect(findings(seen, { listeners: ["web-1", "web-2", "looker"] })).toEqual([]);
    expect(doctorLines(narrow, [], [])).toContain("Nothing is wrong, as far as can be seen from here.");
  });

  it("finds who is silent, and who listens and says nothing", async () => {
    const seen = await observed();
    seen.cluster.crash("web-2");
    await seen.cluster.advance(12_000);
    expect(findings(seen, { listeners: ["web-1", "stalled"] })).toEqual([
      expect.stringMatching(/^wrong web-2: silent for 1\d s, and said no goodbye$/),
      "wrong stalled: it listens at the broker, and was not heard",
    ]);
  });

  it("finds who does not hear, before its link is known to be broken", async () => {
    const cluster = await simulate({
      seed: 2,
      nodes: ["web-1", "web-2"],
      nodeOptions: { looker: { observer: true } },
    });
    cluster.oneWay("looker", "web-2");
    const looker = await cluster.start("looker");
    await cluster.advance(5_000);
    expect(findings({ cluster, looker })).toEqual([
      "wrong web-2: it is heard, and has not answered a greeting: it may not hear others",
    ]);
  });

  it("finds broadcasts that get lost", async () => {
    const seen = await observed();
    seen.cluster.cutLane("web-2", "looker", "broadcast");
    await seen.cluster.advance(40_000);
    expect(findings(seen)).toContainEqual(
      "wrong web-2: what it broadcasts does not arrive here, only what it answers",
    );
  });

  it("finds periods, and clocks that are ahead", async () => {
    const { cluster, looker } = await observed({
      nodeOptions: { "web-2": { heartbeatPeriodMs: 1_000, downPeriodMs: 4_000 } },
    });
    await cluster.start("web-3", { clockOffsetMs: 90_000 });
    await cluster.advance(5_000);
    const found = findings({ cluster, looker });
    expect(found).toContainEqual("look heartbeats: periods differ: 1000 ms (web-2), 2000 ms (web-1, web-3)");
    expect(found).toContainEqual(
      expect.stringMatching(/^look web-3: its clock is 8\d s ahead of the one here$/),
    );
  });

  it("finds versions that differ", async () => {
    const seen = await observed();
    const overview = overviewOf(seen.looker.tracker, 0);
    const [first, ...rest] = overview.nodes;
    const older = { ...overview, nodes: [{ ...first!, version: "0.0.9" }, ...rest] };
    const nowMs = seen.looker.machine.runtime.wallClockMs();
    const found = diagnose(older, { nowMs, lookedMs: 5_000, reported: [] });
    expect(found).toMatchObject([
      { about: "versions", what: expect.stringMatching(/^versions differ: 0\.0\.9 \(web-1\), /) as string },
    ]);
  });

  it("finds a broker that is away, and an empty cluster", async () => {
    const seen = await observed({}, []);
    expect(findings(seen)).toEqual(["look simulated: no other node is heard under this name"]);
    seen.cluster.outage({});
    await seen.cluster.advance(1_000);
    expect(findings(seen)[0]).toBe("wrong looker: this node is disconnected");
  });

  it("tells what was reported meanwhile, once for each code", async () => {
    const seen = await observed();
    const reported = [
      { code: "INVALID_FRAME", message: "no frame" },
      { code: "INVALID_FRAME", message: "no frame" },
      { code: "HANDLER_FAILED", message: "not its business" },
    ] as const;
    expect(findings(seen, { reported })).toEqual(["wrong INVALID_FRAME: no frame (2 times)"]);
  });

  it("says what to do in lines that fit", async () => {
    const seen = await observed();
    seen.cluster.crash("web-2");
    await seen.cluster.advance(12_000);
    const overview = overviewOf(seen.looker.tracker, 0);
    const found = diagnose(overview, { nowMs: 0, lookedMs: 5_000, reported: [] });
    const lines = doctorLines(narrow, [{ what: "nodes", found: "1 up, 1 down" }], found);
    for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(80);
    expect(lines.join("\n")).toMatch(/wrong web-2: silent for[^→]+\n {6}→ it was killed/);
  });
});
