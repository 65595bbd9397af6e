/**
 * What a node of a fleet does where nodes follow: one tracker that holds what it follows, with what is seen at it. It
 * measures what only it can see, and reports in times of the machine's clock. Knows no driver.
 */
import { machineMs } from "../harness/machine-clock.js";
import type { PubSub } from "../../src/pubsub/pubsub.js";
import { Session } from "../../src/session.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { keyOf, metaOf, type Viewer } from "../workload.js";

/** A meta that says when it was tracked, by the machine's clock. */
interface Stamped extends Viewer {
  readonly sentMs?: number;
}

/** So many users sit in each room; those of one server are spread over all rooms of a third of the users. */
export const usersPerRoom = 30;

export function roomOf(user: number, users: number): string {
  return `room:${user % Math.ceil(users / usersPerRoom)}`;
}

class Followed {
  readonly tracker: Tracker<Stamped>;
  readonly latenciesMs: number[];
  /** Users of whom, at some moment, no entry of their room was left. */
  readonly left: Set<string>;

  constructor(tracker: Tracker<Stamped>, latenciesMs: number[], left: Set<string>) {
    this.tracker = tracker;
    this.latenciesMs = latenciesMs;
    this.left = left;
  }
}

/** What a driver may ask. The pubsub is asked for when the tracker starts. */
export function followedCommands(pubsub: () => PubSub) {
  let followed: Followed | undefined;
  const opened = (): Followed => {
    if (followed === undefined) throw new Error("startFollowed comes first");
    return followed;
  };

  return {
    async startFollowed(): Promise<void> {
      const latenciesMs: number[] = [];
      const left = new Set<string>();
      const tracker: Tracker<Stamped> = await Tracker.start<Stamped>(
        {
          handleDiff(diff) {
            const nowMs = machineMs();
            for (const [topic, { joins, leaves, ended }] of diff) {
              for (const { meta, node } of joins)
                if (meta.sentMs !== undefined && node !== pubsub().nodeName)
                  latenciesMs.push(nowMs - meta.sentMs);
              if (ended === true) continue;
              for (const { key } of leaves) if (!tracker.has(topic, key)) left.add(key);
            }
          },
        },
        { name: "followed", pubsub: pubsub(), holds: "followed" },
      );
      followed = new Followed(tracker, latenciesMs, left);
      await tracker.whenComplete({ timeoutMs: 60_000 });
    },

    async stopFollowed(): Promise<void> {
      await opened().tracker.stop();
    },

    /** Follows topics, and returns how long each took until it was complete, one after the other. */
    async follow(topics: readonly string[], gapMs = 0): Promise<number[]> {
      const { tracker } = opened();
      const tookMs: number[] = [];
      for (const topic of topics) {
        if (gapMs > 0)
          await new Promise((resolve) => setTimeout(resolve, gapMs * (0.75 + Math.random() / 2)));
        const beganMs = machineMs();
        await tracker.follow(topic).whenComplete({ timeoutMs: 60_000 });
        tookMs.push(machineMs() - beganMs);
      }
      return tookMs;
    },

    /** Follows many topics at once, and waits until all are complete. */
    async followAll(topics: readonly string[]): Promise<void> {
      const { tracker } = opened();
      await Promise.all(topics.map((topic) => tracker.follow(topic).whenComplete({ timeoutMs: 60_000 })));
    },

    /** Tracks one user in each of these topics. */
    trackIn(topics: readonly string[]): void {
      for (const [i, topic] of topics.entries()) {
        const session = new Session();
        opened().tracker.track(session, topic, `${pubsub().nodeName}:${session.id}`, metaOf(i));
      }
    },

    /** Tracks one user in each of these topics, with the time at which that was, one after the other. */
    async announceIn(topics: readonly string[], gapMs: number): Promise<void> {
      for (const [i, topic] of topics.entries()) {
        await new Promise((resolve) => setTimeout(resolve, gapMs * (0.75 + Math.random() / 2)));
        const meta = { ...metaOf(i), sentMs: machineMs() };
        opened().tracker.track(new Session(), topic, `${pubsub().nodeName}:late:${i}`, meta);
      }
    },

    takeFollowedLatencies(): number[] {
      return opened().latenciesMs.splice(0);
    },

    /** A server that serves these users, and follows the rooms in which they sit. */
    serveUsers(first: number, last: number, users: number): void {
      const { tracker } = opened();
      const rooms = new Set<string>();
      for (let user = first; user <= last; user++) {
        const room = roomOf(user, users);
        if (!rooms.has(room)) tracker.follow(room);
        rooms.add(room);
        tracker.track(new Session(), room, keyOf(user), metaOf(user));
      }
    },

    /** How many users are listed in these topics. */
    listed(topics: readonly string[]): number {
      const { tracker } = opened();
      return topics.reduce(
        (users, topic) => users + new Set(tracker.list(topic).map(({ key }) => key)).size,
        0,
      );
    },

    /** Users who have left, since this was asked last. */
    takeLeft(): string[] {
      const { left } = opened();
      const keys = [...left];
      left.clear();
      return keys;
    },
  };
}
