/**
 * The nodes of the cluster, as a presence list of its own: each says how many shoppers it serves. A node that
 * ends leaves the list like anybody else.
 */
import { Session, Tracker, type PubSub } from "rollcall";

export interface NodeMeta {
  shoppers: number;
  /** When the process began to serve, by its own clock. */
  started_at: number;
}

const topic = "nodes";
const reportPeriodMs = 1_000;

export class Roster {
  readonly #tracker: Tracker<NodeMeta>;
  readonly #session = new Session();
  readonly #timer: ReturnType<typeof setInterval>;

  private constructor(tracker: Tracker<NodeMeta>, countShoppers: () => number) {
    this.#tracker = tracker;
    const startedAtMs = Date.now();
    const report = (): void => {
      const shoppers = countShoppers();
      const [mine] = tracker.getByKey(topic, tracker.nodeName);
      if (mine?.meta.shoppers !== shoppers) {
        tracker.set(this.#session, topic, tracker.nodeName, { shoppers, started_at: startedAtMs });
      }
    };
    report();
    this.#timer = setInterval(report, reportPeriodMs);
    this.#timer.unref();
  }

  static async start(pubsub: PubSub, countShoppers: () => number): Promise<Roster> {
    const tracker = await Tracker.start<NodeMeta>({}, { name: "nodes", pubsub });
    return new Roster(tracker, countShoppers);
  }

  /** What each node says of itself, by its name. */
  nodes(): ReadonlyMap<string, NodeMeta> {
    return new Map(this.#tracker.list(topic).map(({ key, meta }) => [key, meta]));
  }

  stop(): Promise<void> {
    clearInterval(this.#timer);
    return this.#tracker.stop({ handoffMs: 0 });
  }
}
