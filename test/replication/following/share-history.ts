/**
 * What an author had at each clock, and what was open to a follower at each version of each stream: the white box of
 * shares. It is told of every change, and knows no frame.
 */
import { ReplicatedEntry } from "../../../src/replication/entry.js";
import { OFFER_ONLY } from "../../../src/replication/following/message.js";
import type { Cut, ShareFrame } from "../../../src/replication/following/message.js";
import { samplesOf } from "../../../src/replication/following/samples.js";

interface Birth {
  readonly clock: number;
  readonly topic: string;
  readonly samples: number;
  readonly side: number;
  removedAt: number;
}

interface Share {
  readonly stream: number;
  readonly version: number;
}

/** With a version a topic was told down to a floor: what was born above it. */
interface Told {
  readonly version: number;
  readonly topic: string;
  readonly floor: number;
}

/** A topic was opened in a generation, or closed. */
export interface OpenEvent {
  readonly version: number;
  readonly topic: string;
  readonly generation: number | undefined;
  readonly cut?: Cut | undefined;
}

export class ShareHistory {
  readonly #births = new Map<number, Birth>();
  readonly #streams = new Map<number, { readonly side: number; readonly events: OpenEvent[] }>();
  readonly #told = new Map<number, Told[]>();
  /** How many sides it has begun before the present one, of a node that holds everything. */
  #side = 0;

  /** What it has from now on is told in other streams, at clocks above all those before; what it had stays so in its own. */
  sideBegun(): void {
    this.#side += 1;
  }

  born(entry: ReplicatedEntry): void {
    const clock = ReplicatedEntry.clockOf(entry);
    const topic = ReplicatedEntry.topicOf(entry);
    const samples = samplesOf(entry);
    this.#births.set(clock, { clock, topic, samples, side: this.#side, removedAt: Infinity });
  }

  removed(entry: ReplicatedEntry, clock: number): void {
    const birth = this.#births.get(ReplicatedEntry.clockOf(entry));
    if (birth !== undefined) birth.removedAt = clock;
  }

  /** A share begins; `events` may grow elsewhere. */
  begun({ stream }: Pick<Share, "stream">, events: OpenEvent[] = []): void {
    this.#streams.set(stream, { side: this.#side, events });
  }

  opened({ stream, version }: Share, topic: string, generation: number, cut?: Cut): void {
    this.#streams.get(stream)?.events.push({ version, topic, generation, cut });
  }

  closed({ stream, version }: Share, topic: string): void {
    this.#streams.get(stream)?.events.push({ version, topic, generation: undefined });
  }

  /** A frame is sent: its topics are told down to these floors, and those that it opens without one are told to their ends. */
  sent({ stream, to, opens, floors }: Pick<ShareFrame, "stream" | "to" | "opens" | "floors">): void {
    const told = this.#told.get(stream) ?? [];
    this.#told.set(stream, told);
    for (const [topic] of opens) told.push({ version: to, topic, floor: 0 });
    for (const { topic, floor } of floors) told.push({ version: to, topic, floor });
  }

  /** The clocks of what is to be held at a place, in order. */
  at(
    stream: number,
    clock: number,
    version: number,
    generationOf: (topic: string) => number | undefined,
  ): number[] {
    const open = new Map<string, OpenEvent>();
    const { side, events = [] } = this.#streams.get(stream) ?? {};
    for (const event of events) {
      if (event.version <= version) open.set(event.topic, event);
    }
    const floors = new Map<string, Told>();
    for (const each of this.#told.get(stream) ?? []) {
      // An answer may tell again what was told with an earlier version.
      const isLater = each.version >= (floors.get(each.topic)?.version ?? 0);
      if (each.version <= version && isLater) floors.set(each.topic, each);
    }
    const found: number[] = [];
    for (const birth of this.#births.values()) {
      const { generation, cut } = open.get(birth.topic) ?? {};
      if (cut !== undefined && (cut.limit === OFFER_ONLY || birth.samples < cut.sample)) continue;
      if (birth.side !== side || birth.clock > clock || birth.removedAt <= clock) continue;
      if (birth.clock <= (floors.get(birth.topic)?.floor ?? 0)) continue;
      if (generation !== undefined && generation === generationOf(birth.topic)) found.push(birth.clock);
    }
    return found.sort((one, other) => one - other);
  }
}
