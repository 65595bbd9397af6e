/** What is counted, as data, as text and on instruments; and what happens inside, on channels. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { metrics as openTelemetry } from "@opentelemetry/api";
import { Counter, Gauge, Registry } from "prom-client";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryHub } from "../../src/adapters/memory.js";
import { Presence, Session, Tracker, type TrackerError } from "../../src/index.js";
import {
  DIAGNOSTICS_CHANNELS,
  diagnosticsChannels,
  metricsOf,
  observeMetrics,
  prometheusText,
} from "../../src/metrics/index.js";
import type { Metric } from "../../src/metrics/index.js";
import { simulate } from "../../src/testing/index.js";
import { virtualRuntime } from "../support/virtual-runtime.js";
import { parseText } from "./prometheus.js";

function valueOf(
  all: readonly Metric[],
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  for (const metric of all) {
    if (metric.name !== `rollcall_${name}` || metric.kind === "histogram") continue;
    const matches = metric.samples.filter((sample) =>
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
    expect(matches.length).toBeLessThanOrEqual(1);
    return matches[0]?.value;
  }
  return undefined;
}

describe("metrics", () => {
  it("tell what was sent, owned, followed and held, and who runs what", async () => {
    const cluster = await simulate({ seed: 1, nodes: ["a", "b"] });
    const a = cluster.node("a");
    const session = a.session();
    a.tracker.track(session, "room", "ann", {});
    a.tracker.track(session, "other", "ann", {});
    a.tracker.track(a.session(), "room", "bob", {});
    await cluster.settle();
    const own = metricsOf(a.tracker);
    expect(valueOf(own, "own_entries")).toBe(3);
    expect(valueOf(own, "own_sessions")).toBe(2);
    expect(valueOf(own, "replicas", { status: "up" })).toBe(1);
    expect(valueOf(own, "replicas", { status: "down" })).toBe(0);
    expect(valueOf(own, "versions", { version: a.tracker.health().version })).toBe(1);
    expect(valueOf(own, "frames_sent_total")).toBeGreaterThan(3);
    expect(valueOf(own, "sent_bytes_total")).toBeGreaterThan(3 * 60);
    expect(valueOf(metricsOf(cluster.node("b").tracker), "entries")).toBe(3);
    session.close();
    expect(valueOf(metricsOf(a.tracker), "own_entries")).toBe(1);
    expect(valueOf(metricsOf(a.tracker), "own_sessions")).toBe(1);
    a.tracker.untrack(session);
    expect(valueOf(metricsOf(a.tracker), "own_entries")).toBe(1);
  });

  it("count own entries as they are, whatever is tracked and taken back", () => {
    const step = fc.record({
      session: fc.nat(2),
      topic: fc.constantFrom("x", "y"),
      key: fc.constantFrom("k", "l"),
      what: fc.constantFrom("set", "untrack", "untrackTopic", "close"),
    });
    return fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { runtime } = virtualRuntime();
        const pubsub = new MemoryHub().node("a");
        await using tracker = await Tracker.start({}, { name: "t", pubsub, runtime });
        let sessions = Array.from({ length: 3 }, () => new Session());
        for (const [n, { session, topic, key, what }] of steps.entries()) {
          const each = sessions[session]!;
          if (what === "set") tracker.set(each, topic, key, { n });
          else if (what === "untrack") tracker.untrack(each, topic, key);
          else if (what === "untrackTopic") tracker.untrack(each, topic);
          else {
            each.close();
            sessions = sessions.map((other) => (other === each ? new Session() : other));
          }
          const held = ["x", "y"].flatMap((name) => tracker.list(name));
          expect(tracker.health().own).toEqual({
            entries: held.length,
            sessions: new Set(held.map((entry) => entry.session)).size,
          });
        }
      }),
      { numRuns: 100 },
    );
  });

  it("time changes until they are seen", async () => {
    const cluster = await simulate({ seed: 2, nodes: ["a", "b"], network: { delayMs: [20, 20] } });
    const a = cluster.node("a");
    await cluster.advance(5_000);
    for (let i = 0; i < 5; i += 1) {
      a.tracker.track(a.session(), "room", `user ${i}`, {});
      await cluster.advance(10_000);
    }
    const { count, totalMs, within } = a.tracker.health().changeToSeen;
    expect(count).toBe(5);
    expect(totalMs / count).toBeGreaterThan(19);
    expect(totalMs / count).toBeLessThan(30);
    expect(within.find(({ boundMs }) => boundMs === 10)?.count).toBe(0);
    expect(within.find(({ boundMs }) => boundMs === 50)?.count).toBe(5);
  });

  it("count what the pubsub refuses, and not what was not sent", async () => {
    const cluster = await simulate({ seed: 3, nodes: ["a"], network: { sendErrorRate: 0.3 } });
    const a = cluster.node("a");
    const atStart = a.tracker.health().counters.publishFailures;
    await cluster.advance(60_000);
    const before = a.tracker.health().counters;
    expect(before.publishFailures).toBeGreaterThan(5);
    cluster.outage({});
    await cluster.advance(1_000);
    const during = a.tracker.health().counters.framesSent;
    await cluster.advance(60_000);
    expect(a.tracker.health().counters.framesSent).toBe(during);
    // Errors are told of each, or of several by their number.
    await cluster.stop("a");
    let told = 0;
    for (const { details } of a.eventsOf("error") as TrackerError[])
      told += 1 + Number(details["unreported"] ?? 0);
    expect(a.tracker.health().counters.publishFailures - atStart).toBe(told);
  });

  it("of a presence tell its fetches and who follows", async () => {
    const { runtime, time } = virtualRuntime();
    let fetched = 0;
    const presence = await Presence.start({
      name: "p",
      pubsub: new MemoryHub().node("a"),
      runtime,
      fetch: () => {
        fetched += 1;
        if (fetched === 2) throw new Error("no database");
        return new Promise<Map<string, object>>((resolve) => runtime.schedule(30, () => resolve(new Map())));
      },
    });
    presence.on("error", () => undefined);
    presence.track(new Session(), "room", "ann", {});
    const end = presence.subscribe("room", { state: () => undefined, diff: () => undefined });
    presence.followCount("room", () => undefined);
    await time.advance(1_000);
    presence.track(new Session(), "room", "bob", {});
    await time.advance(1_000);
    const all = metricsOf(presence);
    expect(valueOf(all, "followers")).toBe(2);
    expect(valueOf(all, "fetch_failures_total")).toBe(1);
    const fetches = all.find(({ name }) => name === "rollcall_fetch_seconds");
    expect(fetches?.samples[0]).toMatchObject({ count: fetched, sum: 0.03 });
    end();
    expect(valueOf(metricsOf(presence), "followers")).toBe(1);
    for (const limit of [1, 1, 2]) presence.forward("room", () => undefined, { limit });
    await time.advance(1_000);
    expect(valueOf(metricsOf(presence), "followers")).toBe(4);
    await presence.stop();
  });

  it.each([[undefined], [null], [{}], [{ name: "a", nodeName: "b" }]])("refuse %j as a source", (source) => {
    const refused = expect.objectContaining({ code: "INVALID_ARGUMENT" }) as Error;
    expect(() => metricsOf(source as never)).toThrow(refused);
    expect(() => prometheusText(source as never)).toThrow(refused);
    expect(() => observeMetrics(openTelemetry.getMeter("test"), source as never)).toThrow(refused);
    expect(() => observeMetrics(source as never)).toThrow(refused);
  });
});

describe("the text for Prometheus", () => {
  it("says the same as the data, of several trackers at once", async () => {
    const cluster = await simulate({ seed: 4, nodes: ["a", "b"] });
    const trackers = cluster.running().map(({ tracker }) => tracker);
    const { types, series } = parseText(prometheusText(...trackers));
    for (const metric of metricsOf(...trackers)) {
      expect(types.get(metric.name)).toBe(metric.kind);
      for (const sample of metric.samples) {
        const name = metric.kind === "histogram" ? `${metric.name}_count` : metric.name;
        const value = "value" in sample ? sample.value : sample.count;
        expect(series).toContainEqual({ name, labels: sample.labels, value });
      }
    }
    const buckets = series.filter(({ name }) => name === "rollcall_change_seen_seconds_bucket");
    expect(buckets.filter(({ labels }) => labels["le"] === "+Inf")).toHaveLength(2);
  });

  it("writes names as prom-client does, whatever is in them", async () => {
    const { runtime } = virtualRuntime();
    const pubsub = new MemoryHub().node('a "quoted" back\\slash');
    const tracker = await Tracker.start({}, { name: "umlaut ä 🎈 {x}", pubsub, runtime });
    const registry = new Registry();
    for (const metric of metricsOf(tracker)) {
      if (metric.kind === "histogram") continue;
      const Kind = metric.kind === "gauge" ? Gauge : Counter;
      const labelNames = Object.keys(metric.samples[0]?.labels ?? {});
      const other = new Kind({ name: metric.name, help: metric.help, labelNames, registers: [registry] });
      for (const { labels, value } of metric.samples) other.inc(labels, value);
    }
    const theirs = (await registry.metrics()).split("\n").filter((line) => line !== "");
    expect(theirs.length).toBeGreaterThan(80);
    const ours = new Set(prometheusText(tracker).split("\n"));
    expect(theirs.filter((line) => !ours.has(line))).toEqual([]);
    await tracker.stop();
  });
});

describe("instruments of OpenTelemetry", () => {
  it("are observed with what the data says, until that ends", async () => {
    const cluster = await simulate({ seed: 5, nodes: ["a", "b"] });
    await cluster.settle();
    const { tracker } = cluster.node("a");
    const callbacks = new Set<
      Parameters<typeof observeMetrics<string>>[0]["addBatchObservableCallback"] extends (
        callback: infer Callback,
        ...rest: never[]
      ) => void
        ? Callback
        : never
    >();
    const units = new Map<string, string | undefined>();
    const create = (name: string, options?: { unit?: string }): string => {
      units.set(name, options?.unit);
      return name;
    };
    const end = observeMetrics(
      {
        createObservableGauge: create,
        createObservableCounter: create,
        addBatchObservableCallback: (callback) => void callbacks.add(callback),
        removeBatchObservableCallback: (callback) => void callbacks.delete(callback),
      },
      tracker,
    );
    const observed: [string, number, unknown][] = [];
    for (const callback of callbacks) {
      callback({ observe: (name, value, attributes) => void observed.push([name, value, attributes]) });
    }
    const labels = { tracker: "simulated", node: "a" };
    expect(observed).toContainEqual(["rollcall.connected", 1, labels]);
    expect(observed).toContainEqual(["rollcall.replicas", 1, { ...labels, status: "up" }]);
    const { framesSent } = tracker.health().counters;
    expect(observed).toContainEqual(["rollcall.frames_sent", framesSent, labels]);
    expect(units.get("rollcall.change_seen_seconds.sum")).toBe("s");
    expect(observed.map(([name]) => name).filter((name) => !units.has(name))).toEqual([]);
    end();
    expect(callbacks.size).toBe(0);
  });

  it("are those of the real API", async () => {
    const cluster = await simulate({ seed: 6, nodes: ["a"] });
    const end = observeMetrics(openTelemetry.getMeter("rollcall"), cluster.node("a").tracker);
    expect(end).not.toThrow();
  });
});

describe("what happens inside", () => {
  it("is published on channels where somebody has subscribed, and made nowhere else", async () => {
    const diagnostics = diagnosticsChannels();
    const asked = new Set<string>();
    const made: string[] = [];
    const cluster = await simulate({
      seed: 7,
      nodes: [],
      options: {
        diagnostics: {
          isWanted(event) {
            asked.add(event);
            return diagnostics.isWanted(event);
          },
          happened(event, what) {
            made.push(event);
            diagnostics.happened(event, what);
          },
        },
      },
    });
    const [a, b] = [await cluster.start("a"), await cluster.start("b")];
    await cluster.settle();
    a.tracker.track(a.session(), "room", "ann", {});
    await cluster.advance(2_000);
    expect([...asked]).toEqual(expect.arrayContaining(["flush", "merge"]));
    expect(made).toEqual([]);

    const published: [string, Record<string, unknown>][] = [];
    const listener = (what: unknown, channel: string | symbol): void =>
      void published.push([String(channel), what as Record<string, unknown>]);
    const channels = Object.values(DIAGNOSTICS_CHANNELS);
    for (const channel of channels) subscribe(channel, listener);
    try {
      a.tracker.track(a.session(), "room", "bob", {});
      await cluster.advance(2_000);
      const place = { tracker: "simulated", node: "a" };
      expect(published).toContainEqual([
        "rollcall:flush",
        expect.objectContaining({ ...place, births: 1, removals: 0 }),
      ]);
      expect(published).toContainEqual([
        "rollcall:merge",
        expect.objectContaining({ name: "a", joins: 1, updates: 0, leaves: 0, node: "b" }),
      ]);
      cluster.crash(b);
      await cluster.advance(20_000);
      expect(published).toContainEqual(["rollcall:down", expect.objectContaining({ ...place, name: "b" })]);
      cluster.outage({ announced: false });
      await cluster.advance(20_000);
      const unheard = ["broadcasts", "inbox"];
      expect(published).toContainEqual(["rollcall:deaf", { ...place, unheard }]);
    } finally {
      for (const channel of channels) unsubscribe(channel, listener);
    }
  });

  it("tells of payloads that are refused", async () => {
    const hub = new MemoryHub();
    const { runtime, time } = virtualRuntime();
    const events: unknown[] = [];
    const diagnostics = {
      isWanted: () => true,
      happened: (event: string, what: object) => void events.push([event, what]),
    };
    const tracker = await Tracker.start({}, { name: "t", pubsub: hub.node("a"), runtime, diagnostics });
    tracker.on("error", () => undefined);
    await hub.node("stranger").broadcast("rollcall:t", "junk");
    await time.advance(1_000);
    expect(events).toContainEqual(["refused", { reason: "not JSON", tracker: "t", node: "a" }]);
    await tracker.stop();
  });

  it("reports what throws, and goes on", async () => {
    const { runtime, time } = virtualRuntime();
    const diagnostics = {
      isWanted: () => true,
      happened: () => {
        throw new Error("tracing is down");
      },
    };
    const hub = new MemoryHub();
    const tracker = await Tracker.start({}, { name: "t", pubsub: hub.node("a"), runtime, diagnostics });
    const codes: string[] = [];
    tracker.on("error", ({ code }) => void codes.push(code));
    await hub.node("stranger").broadcast("rollcall:t", "junk");
    await time.advance(3_000);
    expect(codes).toEqual(["INVALID_FRAME", "HANDLER_FAILED"]);
    await tracker.stop();
  });

  it("is refused as an option where it is none", async () => {
    const pubsub = new MemoryHub().node("a");
    for (const diagnostics of [null, 7, {}, { isWanted: () => true }]) {
      await expect(
        Tracker.start({}, { name: "t", pubsub, diagnostics: diagnostics as never }),
      ).rejects.toMatchObject({
        code: "INVALID_OPTION",
      });
    }
  });
});
