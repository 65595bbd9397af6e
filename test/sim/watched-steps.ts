/**
 * What oracles that look inside see of a replicator: each of its steps, with the event that goes in and the effects that
 * come out, what its trace tells, and what its rules are asked. It runs in the place of the replicator of the release,
 * and does the same.
 */
import type { Counters } from "../../src/replication/counters.js";
import type { ReplicatedEntry } from "../../src/replication/entry.js";
import type { Life } from "../../src/replication/life.js";
import type { DeltaMessage, Frame, SliceRequest } from "../../src/replication/message.js";
import type { ReplicatorOptions, Tracing } from "../../src/replication/options.js";
import type { Replica } from "../../src/replication/replica.js";
import { Replicator } from "../../src/replication/replicator.js";
import { PROTOCOL, type Protocol } from "../../src/replication/rules.js";
import type { Effect, ReplicationEvent, Step } from "../../src/replication/step.js";
import { decodeFrame } from "../../src/replication/wire/codec.js";
import type { SimulatedProtocol } from "../../src/tracker/options.js";

/** The versions of all nodes that tests run, made-up next ones among them: those of one write what this one reads. */
const ANY_VERSION: Protocol = { ...PROTOCOL, limits: { ...PROTOCOL.limits, newestVersion: 9 } };

/** A life as it was before a step. */
interface Before {
  readonly replica: Replica;
  readonly status: Replica["status"];
  readonly broadcastCounter: number;
  readonly directCounter: number;
  readonly heardAtMs: number;
}

/** What became of a frame by its sender. */
export type Hearing = "own" | "heard" | "late" | "over" | "superseded" | "crowded" | "implausible";

/** A step while it lasts, and when it is done. */
export interface WatchedStep {
  readonly replicator: Replicator;
  readonly life: Life;
  readonly event: ReplicationEvent;
  /** The frame that came, if one did. */
  readonly frame: Frame | undefined;
  /** What was known of its sender's name. */
  readonly before: readonly Before[];
  readonly counters: Readonly<Counters>;
  readonly flushed: readonly DeltaMessage[];
  /** What was asked of this node, and is answered. */
  readonly answered: readonly SliceRequest[];
  /** How many lives something was to be asked of. */
  readonly lines: number;
}

export interface DoneStep extends WatchedStep {
  readonly effects: readonly Effect[];
  /** The frames among the effects. */
  readonly sent: readonly Frame[];
  readonly hearing: Hearing | undefined;
}

/** Looks at steps. */
export interface StepWatcher {
  begins?(step: WatchedStep): void;
  /** In the middle of a step: what is held is begun anew, or something of it was merged and is not shown yet. */
  rebuilding?(step: WatchedStep, life: Life, shard: number): void;
  merged?(step: WatchedStep, life: Life, added: readonly ReplicatedEntry[]): void;
  done?(step: DoneStep): void;
}

export interface StepWatchers extends StepWatcher {
  /** May change what comes. */
  tamper(replicator: Replicator, frame: Frame): string | undefined;
}

type Noted = { -readonly [Field in keyof WatchedStep]: WatchedStep[Field] } & {
  readonly flushed: DeltaMessage[];
  readonly answered: SliceRequest[];
};

/** A protocol by which replicators run whose steps are watched. */
export function watchedBy(watcher: StepWatchers, protocol: SimulatedProtocol): SimulatedProtocol {
  const Base = protocol.replicator ?? Replicator;
  class Watched extends Base {
    readonly #life: Life;
    readonly #notes: { step: Noted | undefined };

    constructor(options: ReplicatorOptions, nowMs: number) {
      const notes: { step: Noted | undefined } = { step: undefined };
      super(
        {
          ...options,
          protocol: askedBy(options.protocol, notes),
          tracing: tracedBy(watcher, options.tracing, notes),
        },
        nowMs,
      );
      this.#life = options.life;
      this.#notes = notes;
    }

    override step(given: ReplicationEvent, nowMs: number): Step {
      const frame = given.type === "frame" ? frameOf(given.payload) : undefined;
      const step: Noted = {
        replicator: this,
        life: this.#life,
        event: given,
        frame,
        before: frame === undefined ? [] : livesOf(this, frame.from.name),
        counters: { ...this.counters },
        flushed: [],
        answered: [],
        lines: 0,
      };
      watcher.begins?.(step);
      const payload = frame && watcher.tamper(this, frame);
      const event = payload === undefined || given.type !== "frame" ? given : { ...given, payload };
      this.#notes.step = step;
      const done = super.step(event, nowMs);
      this.#notes.step = undefined;
      const sent = done.effects.flatMap((effect) =>
        effect.type === "broadcast" || effect.type === "send" ? (frameOf(effect.payload) ?? []) : [],
      );
      watcher.done?.({ ...step, effects: done.effects, sent, hearing: hearingOf(step) });
      return done;
    }
  }
  return { ...protocol, replicator: Watched };
}

/** Rules that note what is answered, and whether anything is to be asked. */
function askedBy(protocol: Protocol, notes: { readonly step: Noted | undefined }): Protocol {
  const { rules } = protocol;
  return {
    ...protocol,
    rules: {
      ...rules,
      answersAloud(request) {
        notes.step?.answered.push(request);
        return rules.answersAloud(request);
      },
      requestPlaces(failures, isTrusted, limits) {
        if (notes.step !== undefined) notes.step.lines += 1;
        return rules.requestPlaces(failures, isTrusted, limits);
      },
    },
  };
}

function tracedBy(
  watcher: StepWatcher,
  tracing: Tracing | undefined,
  notes: { readonly step: Noted | undefined },
): Tracing {
  return {
    flushed(delta) {
      notes.step?.flushed.push(delta);
      tracing?.flushed(delta);
    },
    merged(life, change) {
      const { added } = change;
      if (notes.step !== undefined) watcher.merged?.(notes.step, life, added as readonly ReplicatedEntry[]);
      tracing?.merged(life, change);
    },
    rebuilding(life, shard) {
      if (notes.step !== undefined) watcher.rebuilding?.(notes.step, life, shard);
      tracing?.rebuilding(life, shard);
    },
  };
}

function livesOf({ membership }: Replicator, name: string): Before[] {
  const lives: Before[] = [];
  for (const replica of membership.replicas()) {
    if (replica.name !== name) continue;
    const { status, broadcastCounter, directCounter, heardAtMs } = replica;
    lives.push({ replica, status, broadcastCounter, directCounter, heardAtMs });
  }
  return lives;
}

/** The life of a node that a frame is of, if it is known. */
export function replicaOfFrame({ membership }: Replicator, { from }: Frame): Replica | undefined {
  for (const replica of membership.replicas()) {
    if (replica.name === from.name && replica.life.incarnation === from.incarnation) return replica;
  }
  return undefined;
}

/** What is for this life alone, and has come that way. */
export function isDirect({ event, frame }: WatchedStep): boolean {
  return event.type === "frame" && event.way === "inbox" && frame?.to !== undefined;
}

function hearingOf(step: WatchedStep): Hearing | undefined {
  const { frame, life, replicator, counters: before } = step;
  if (frame === undefined) return undefined;
  if (frame.from.name === life.name) return "own";
  const kind = isDirect(step) ? "directCounter" : "broadcastCounter";
  const known = step.before.find(({ replica }) => replica.life.incarnation === frame.from.incarnation);
  // One whose goodbye has no window is gone by now.
  const replica = replicaOfFrame(replicator, frame) ?? known?.replica;
  if (replica?.[kind] === frame.counter) {
    if (known?.[kind] !== frame.counter || known.heardAtMs !== replica.heardAtMs) return "heard";
  }
  const { counters } = replicator;
  if (counters.framesOver > before.framesOver) return "over";
  if (counters.framesSuperseded > before.framesSuperseded) return "superseded";
  if (counters.framesCrowded > before.framesCrowded) return "crowded";
  if (counters.framesImplausible > before.framesImplausible) return "implausible";
  // Nobody knew of it, and with its goodbye it has gone again.
  if (replica === undefined && counters.framesLate === before.framesLate) return "heard";
  // Refused or, of what names its clocks, taken nevertheless.
  return "late";
}

/** Whether what a frame says was looked at. */
export function wasTaken({ counters: before, replicator: { counters }, hearing }: DoneStep): boolean {
  if (counters.framesMisaddressed > before.framesMisaddressed) return false;
  if (counters.framesRefused > before.framesRefused) return false;
  return hearing === "heard" || (hearing === "late" && counters.framesLate === before.framesLate);
}

/** Broadcasts come to all: each payload is read once. */
const read = new Map<string, Frame | undefined>();
const mostRead = 256;

export function frameOf(payload: string): Frame | undefined {
  if (read.has(payload)) return read.get(payload);
  const { frame } = decodeFrame(payload, ANY_VERSION);
  read.set(payload, frame);
  if (read.size > mostRead) {
    for (const oldest of read.keys()) {
      read.delete(oldest);
      break;
    }
  }
  return frame;
}
