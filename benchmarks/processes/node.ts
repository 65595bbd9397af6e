/**
 * One node of a fleet: a process with a pubsub, trackers on demand, and commands from the driver over its IPC
 * channel. It measures what only it can see and reports in times of the machine's clock.
 */
import { monitorEventLoopDelay, type IntervalHistogram } from "node:perf_hooks";
import { BareTable } from "../floors.js";
import { machineMs } from "../harness/machine-clock.js";
import { serve } from "../harness/remote.js";
import { followedCommands } from "./followed.js";
import { Gate, type Passed } from "./gate.js";
import { Turns } from "./turns.js";
import { openTransport, type Transport, type TransportKind } from "./transport.js";
import { Session } from "../../src/session.js";
import { Tracker } from "../../src/tracker/tracker.js";
import type { TrackerBehaviour } from "../../src/tracker/behaviour.js";
import { keyOf, metaOf, topicOf, type Viewer } from "../workload.js";

/** A meta that says when it was tracked, by the machine's clock. */
interface Stamped extends Viewer {
  readonly sentMs?: number;
}

/** A replica that was declared down, and when. */
export interface Down {
  readonly name: string;
  readonly atMs: number;
}

/** What an observer has seen of the users while others restarted. */
export interface Watched {
  /** Entries that left, of whatever user. */
  readonly entriesLeft: number;
  /** Users of whom, at some moment, no entry was left. */
  readonly usersLeft: number;
}

/** A tracker with what is measured at it. */
class Held {
  readonly tracker: Tracker<Stamped>;
  count = 0;
  readonly latenciesMs: number[];
  readonly sessions = new Map<number, Session>();
  #wanted: { count: number; reached: (atMs: number) => void } | undefined;

  private constructor(tracker: Tracker<Stamped>, latenciesMs: number[]) {
    this.tracker = tracker;
    this.latenciesMs = latenciesMs;
  }

  static async start(name: string, gate: Gate, expect: readonly string[]): Promise<Held> {
    const latenciesMs: number[] = [];
    const behaviour: TrackerBehaviour<Stamped> = {
      handleDiff(diff) {
        const nowMs = machineMs();
        let change = 0;
        for (const { joins, leaves } of diff.values()) {
          change += joins.length - leaves.length;
          for (const { meta, node } of joins) {
            if (meta.sentMs !== undefined && node !== gate.pubsub.nodeName)
              latenciesMs.push(nowMs - meta.sentMs);
          }
        }
        held.changed(change, nowMs);
      },
    };
    const held: Held = new Held(
      await Tracker.start(behaviour, { name, pubsub: gate.pubsub, runtime: turns.runtime, expect }),
      latenciesMs,
    );
    return held;
  }

  changed(change: number, nowMs: number): void {
    this.count += change;
    if (this.#wanted?.count !== this.count) return;
    this.#wanted.reached(nowMs);
    this.#wanted = undefined;
  }

  /** When the tracker has come to list so many entries. */
  reach(count: number): Promise<number> {
    if (this.count === count) return Promise.resolve(machineMs());
    return new Promise((reached) => (this.#wanted = { count, reached }));
  }
}

let transport: Transport | undefined;
let gate: Gate | undefined;
const turns = new Turns();
const trackers = new Map<string, Held>();
const downs: Down[] = [];
let delay: IntervalHistogram | undefined;
let churnTimer: NodeJS.Timeout | undefined;
const bareLatenciesMs: number[] = [];
let bareTable = new BareTable<Viewer>();
let bareLastMs = 0;
const watched = { entriesLeft: 0, usersLeft: 0 };

function held(name: string): Held {
  const found = trackers.get(name);
  if (found === undefined) throw new Error(`no tracker ${name} in this process`);
  return found;
}

function opened<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("open comes first");
  return value;
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

/** Bytes and plain tuples in pieces of a thousand, as the floor sends them. */
function* barePieces(from: number, to: number): Generator<string> {
  for (let first = from; first <= to; first += 1_000) {
    const tuples: unknown[] = [];
    for (let i = first; i <= Math.min(to, first + 999); i++) {
      tuples.push([topicOf(i), keyOf(i), `abcdefgh-${i}`, metaOf(i)]);
    }
    yield JSON.stringify({ tuples });
  }
}

function receiveBare(text: string): void {
  const message = JSON.parse(text) as {
    sentMs?: number;
    from?: number;
    tuples?: [string, string, string, Viewer][];
  };
  if (message.sentMs !== undefined && message.from !== process.pid) {
    bareLatenciesMs.push(machineMs() - message.sentMs);
  }
  for (const [topic, key, , meta] of message.tuples ?? []) bareTable.add(topic, {}, key, meta);
  if (message.tuples !== undefined) bareLastMs = machineMs();
}

/** What a driver may ask of a node. */
export const commands = {
  ...followedCommands(() => opened(gate).pubsub),

  async open(kind: TransportKind, url: string, nodeName: string): Promise<void> {
    transport = await openTransport(kind, url, nodeName);
    gate = new Gate(transport.pubsub, (receive) => turns.time(receive));
    await transport.bare.subscribe(receiveBare);
  },

  /**
   * Starts a tracker that expects these nodes; returns when the call was made and, unless nobody waits for that, when it
   * was complete.
   */
  async start(
    name: string,
    expect: readonly string[] = [],
    waits = true,
  ): Promise<{ calledMs: number; completeMs: number }> {
    const calledMs = machineMs();
    const started = await Held.start(name, opened(gate), expect);
    trackers.set(name, started);
    started.tracker.on("replicaDown", (replica) => downs.push({ name: replica.name, atMs: machineMs() }));
    if (waits) await started.tracker.whenComplete({ timeoutMs: 60_000 });
    return { calledMs, completeMs: machineMs() };
  },

  async stop(name: string, handoffMs?: number): Promise<void> {
    const { tracker } = held(name);
    trackers.delete(name);
    await tracker.stop(handoffMs === undefined ? {} : { handoffMs });
  },

  /** Tracks a range of presences in one go. */
  track(name: string, from: number, to: number): { startedMs: number; loopMs: number } {
    const { tracker, sessions } = held(name);
    const startedMs = machineMs();
    for (let i = from; i <= to; i++) {
      const session = new Session();
      sessions.set(i, session);
      tracker.track(session, topicOf(i), keyOf(i), metaOf(i));
    }
    return { startedMs, loopMs: machineMs() - startedMs };
  },

  /** Updates every `step`th presence of a range that this node has tracked. */
  update(name: string, from: number, to: number, step: number, revision: number): void {
    const { tracker, sessions } = held(name);
    for (let i = from; i <= to; i += step) {
      const session = sessions.get(i);
      if (session !== undefined) tracker.update(session, topicOf(i), keyOf(i), metaOf(i, revision));
    }
  },

  reach(name: string, count: number): Promise<number> {
    return held(name).reach(count);
  },

  async complete(name: string): Promise<number> {
    await held(name).tracker.whenComplete({ timeoutMs: 60_000 });
    return machineMs();
  },

  /** The page of a presence as this node sees it. */
  pageOf(name: string, i: number): string | undefined {
    return held(name).tracker.getByKey(topicOf(i), keyOf(i))[0]?.meta.page;
  },

  /** Tracks single presences that carry their time, one after the other, in turn at the given trackers. */
  async announce(names: readonly string[], samples: number, gapMs: number): Promise<void> {
    for (let sample = 0; sample < samples; sample++) {
      await pause(gapMs * (0.75 + Math.random() / 2));
      const name = names[sample % names.length] ?? "";
      const i = 1_000_000_000 + process.pid * 1_000 + sample;
      held(name).tracker.track(new Session(), topicOf(i), keyOf(i), { ...metaOf(i), sentMs: machineMs() });
    }
  },

  takeLatencies(): number[] {
    const all: number[] = [];
    for (const { latenciesMs } of trackers.values()) all.push(...latenciesMs.splice(0));
    return all;
  },

  /** The floor of a latency: a text of the size of a frame, through the bare client. */
  async announceBare(samples: number, gapMs: number): Promise<void> {
    const filler = "x".repeat(100);
    for (let sample = 0; sample < samples; sample++) {
      await pause(gapMs * (0.75 + Math.random() / 2));
      opened(transport).bare.publish(JSON.stringify({ from: process.pid, sentMs: machineMs(), filler }));
    }
  },

  takeBareLatencies(): number[] {
    return bareLatenciesMs.splice(0);
  },

  /** The floor of many tracks: plain tuples in pieces through the bare client, into bare Maps. */
  sendBare(from: number, to: number): number {
    const startedMs = machineMs();
    for (const piece of barePieces(from, to)) opened(transport).bare.publish(piece);
    return startedMs;
  },

  /** When the bare table has come to hold so many entries; empties it. */
  async reachBare(count: number): Promise<number> {
    while (bareTable.byClock.size < count) await pause(1);
    bareTable = new BareTable<Viewer>();
    return bareLastMs;
  },

  /** Changes entries of its own at a steady rate, until called with 0. */
  churn(name: string, changesPerSecond: number): void {
    clearInterval(churnTimer);
    if (changesPerSecond === 0) return;
    const { tracker, sessions } = held(name);
    const numbers = [...sessions.keys()];
    let turn = 0;
    churnTimer = setInterval(() => {
      turn += 1;
      const i = numbers[turn % numbers.length] ?? 0;
      const session = sessions.get(i);
      if (session !== undefined) tracker.update(session, topicOf(i), keyOf(i), metaOf(i, turn));
    }, 1_000 / changesPerSecond);
  },

  setGate(isOpen: boolean): void {
    opened(gate).open = isOpen;
  },

  passed(): Passed {
    return { ...opened(gate).passed };
  },

  /** Begins to watch the event loop. */
  watchDelay(): void {
    delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    turns.take();
  },

  /**
   * Since {@link watchDelay}: the longest that the event loop was kept from a due timer, by whatever it was, and
   * the longest turn of a tracker, in processor time.
   */
  longestDelay(): { loopMs: number; turnMs: number } {
    const watching = opened(delay);
    watching.disable();
    return { loopMs: watching.max / 1e6, turnMs: turns.take() };
  },

  takeDowns(): Down[] {
    return downs.splice(0);
  },

  /** Watches a tracker's users from now on. */
  async watchUsers(name: string): Promise<void> {
    watched.entriesLeft = 0;
    watched.usersLeft = 0;
    const pubsub = opened(gate).pubsub;
    const tracker: Tracker<Stamped> = await Tracker.start<Stamped>(
      {
        handleDiff(diff) {
          for (const [topic, { leaves }] of diff) {
            watched.entriesLeft += leaves.length;
            for (const { key } of leaves) if (!tracker.has(topic, key)) watched.usersLeft += 1;
          }
        },
      },
      { name, pubsub },
    );
    await tracker.whenComplete({ timeoutMs: 60_000 });
  },

  watchedUsers(): Watched {
    return { ...watched };
  },

  collectGarbage(): void {
    globalThis.gc?.();
  },
};

export type Commands = typeof commands;

serve(commands);
