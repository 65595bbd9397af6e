/**
 * A schedule that is being drawn: some nodes, a network, and steps that are added one after the other. What all profiles
 * build on. It only makes data.
 */
import { SeededRandom } from "./random.js";
import type { Schedule, Step } from "./steps.js";

const names = ["a", "b", "c", "d"];
export const topics = ["room:1", "room:2", "room:3", "lobby"];
export const keys = ["user:1", "user:2", "user:3", "__proto__", "ключ"];
export const fast = { heartbeatPeriodMs: 1_000, downPeriodMs: 3_500 };

export class Draft {
  readonly random: SeededRandom;
  readonly nodes: readonly string[];
  readonly steps: Step[] = [];
  network: Schedule["network"] = {};

  constructor(profile: string, seed: number, nodesMin: number, nodesMax: number) {
    this.random = new SeededRandom(`${profile} ${seed}`);
    this.nodes = names.slice(0, this.random.integer(nodesMin, nodesMax));
  }

  node(): string {
    return this.random.pick(this.nodes);
  }

  other(than: string): string {
    return this.random.pick(this.nodes.filter((name) => name !== than));
  }

  wait(fromMs: number, toMs: number): void {
    this.steps.push({ do: "advance", ms: this.random.integer(fromMs, toMs) });
  }

  /** A few calls of applications. */
  use(count: number, options: { readonly trackers?: number; readonly sessions?: number } = {}): void {
    const { random } = this;
    const { trackers = 1, sessions = 3 } = options;
    for (let number = random.integer(0, count); number > 0; number -= 1) {
      const where = {
        node: this.node(),
        session: random.integer(1, sessions),
        ...(trackers > 1 ? { tracker: random.integer(0, trackers - 1) } : {}),
      };
      const what = { ...where, topic: random.pick(topics), key: random.pick(keys) };
      const chosen = random.integer(1, 20);
      if (chosen <= 9) this.steps.push({ do: "set", ...what });
      else if (chosen <= 11) this.steps.push({ do: "track", ...what });
      else if (chosen <= 14) this.steps.push({ do: "update", ...what });
      else if (chosen <= 16) this.steps.push({ do: "untrack", ...what });
      else if (chosen <= 18) this.steps.push({ do: "close", ...where });
      else if (chosen === 19) this.steps.push({ do: "untrackAll", ...where });
      else this.steps.push({ do: "untrackTopic", ...where, topic: what.topic });
    }
  }

  crash(node: string, awayMs: number, clockOffsetMs = 0): void {
    this.steps.push({ do: "crash", node });
    this.wait(0, awayMs);
    this.steps.push({ do: "start", node, clockOffsetMs });
  }

  heal(): void {
    this.steps.push({ do: "heal" }, { do: "faults", faults: this.network });
  }

  /** The schedule, with the options that every profile has. */
  end(seed: number, setting: Partial<Schedule> = {}): Schedule {
    const { nodes, network, steps } = this;
    const { options, ...rest } = setting;
    return {
      seed,
      nodes,
      network,
      options: { maxMetaBytes: 128, poolSize: 2, ...options },
      announceCrashes: false,
      ...rest,
      steps,
    };
  }
}
