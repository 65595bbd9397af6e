/**
 * An hour of users who come and go, of topics that are followed and left, and of nodes that are restarted, on virtual time:
 * what is kept at the end beside what was kept after ten minutes, at rest both times. Unmodified trackers.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Lab } from "../harness/lab.js";
import type { Figure } from "../harness/row.js";
import { Session } from "../../src/session.js";
import { SeededRandom } from "../../src/testing/random.js";
import type { Follow } from "../../src/tracker/follow.js";
import type { Tracker } from "../../src/tracker/tracker.js";
import { keyOf, metaOf, type Viewer } from "../workload.js";

const NODES = 10;
const ROOMS = 400;
const USERS = 1_000;
const CHANGES_PER_SECOND = 10;
const STEP_MS = 100;
const MINUTE_STEPS = 60_000 / STEP_MS;
/** All that lingers has ended, all summaries were confirmed, and every stake was enlisted again. */
const REST_MS = 20 * 60_000;

interface User {
  readonly session: Session;
  readonly handle: Follow<Viewer>;
  readonly room: number;
}

/** What is kept at rest. */
interface Kept {
  readonly heapBytes: number;
  readonly tables: number;
}

class Hour {
  readonly #lab = new Lab();
  readonly #random = new SeededRandom("hour");
  readonly #trackers: Tracker<Viewer>[] = [];
  /** By node, in the order in which they came. */
  readonly #users: User[][] = [];
  #lastUser = 0;

  async run(progress: (step: string) => void): Promise<Record<"first" | "last", Kept>> {
    for (let node = 0; node < NODES; node++) {
      this.#users.push([]);
      await this.#start(node);
    }
    for (let user = 0; user < USERS; user++) this.#join(user % NODES);
    await this.#churn(10, progress);
    const first = await this.#rest();
    await this.#churn(50, progress);
    const last = await this.#rest();
    for (const tracker of this.#trackers) void tracker.stop({ handoffMs: 0 });
    await this.#lab.advance(1_000);
    return { first, last };
  }

  async #start(node: number): Promise<void> {
    this.#trackers[node] = await this.#lab.start(
      `web-${node}`,
      { holds: "followed" },
      { handleDiff: () => {} },
    );
  }

  #join(node: number): void {
    const tracker = this.#trackers[node]!;
    const room = this.#random.integer(0, ROOMS - 1);
    const session = new Session();
    const user = (this.#lastUser += 1);
    tracker.track(session, `room:${room}`, keyOf(user), metaOf(user));
    this.#users[node]!.push({ session, room, handle: tracker.follow(`room:${room}`) });
  }

  async #churn(minutes: number, progress: (step: string) => void): Promise<void> {
    for (let step = 1; step <= minutes * MINUTE_STEPS; step++) {
      for (let change = 0; change < (CHANGES_PER_SECOND * STEP_MS) / 1_000; change++) {
        const node = this.#random.integer(0, NODES - 1);
        const oldest = this.#users[node]!.shift();
        oldest?.session.close();
        oldest?.handle.close();
        this.#join(node);
      }
      if (step % MINUTE_STEPS === 0) await this.#restart((step / MINUTE_STEPS) % NODES);
      await this.#lab.advance(STEP_MS);
      if (step % (10 * MINUTE_STEPS) === 0) progress(`${step / MINUTE_STEPS} of ${minutes} minutes`);
    }
  }

  /** Its users come back to the process that takes its place: one time in two it says no goodbye before. */
  async #restart(node: number): Promise<void> {
    const handoffMs = this.#random.chance(0.5) ? 0 : 8_000;
    const stopped = this.#trackers[node]!.stop({ handoffMs });
    await this.#lab.advance(500);
    await stopped;
    const users = this.#users[node]!.splice(0);
    await this.#start(node);
    for (const { session } of users) {
      session.close();
      this.#join(node);
    }
  }

  /** Lists are right, and what is kept is counted. @throws Error if a list is not what all have. */
  async #rest(): Promise<Kept> {
    await this.#lab.advance(REST_MS);
    const sizes = new Map<number, number>();
    for (const { room } of this.#users.flat()) sizes.set(room, (sizes.get(room) ?? 0) + 1);
    for (const { room, handle } of this.#users.flat()) {
      if (handle.count() !== sizes.get(room) || !handle.complete)
        throw new Error(`room ${room} has ${sizes.get(room)} users, and ${handle.count()} are listed`);
    }
    let tables = 0;
    for (const tracker of this.#trackers) {
      const { following } = tracker.health();
      for (const size of Object.values(following ?? {})) if (typeof size === "number") tables += size;
    }
    collectGarbage();
    return { heapBytes: process.memoryUsage().heapUsed, tables };
  }
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect();
}

/** Within what the same number of users in other rooms makes of it. */
const GROWTH = 1.05;

export async function hourOfChurn(progress: (step: string) => void): Promise<readonly Figure[]> {
  const { first, last } = await new Hour().run(progress);
  return (["heapBytes", "tables"] as const).map((what) => ({
    name: `following: ${what === "heapBytes" ? "heap" : "what is in the tables of all nodes"} after an hour of churn, follows and 60 restarts, at rest`,
    unit: what === "heapBytes" ? "B" : "",
    values: [last[what]],
    floor: { what: "after ten minutes of it", values: [first[what]] },
    target: { text: `within ${GROWTH}x of ten minutes`, met: (_, ratio) => ratio <= GROWTH },
  }));
}
