import fc from "fast-check";
import { Presence as PhoenixPresence } from "phoenix";
import { describe, expect, it } from "vitest";
import { PresenceClient, type KeyPresence, type PresenceMeta } from "../../src/client/index.js";
import { toPresenceDiff, toPresences, toWireDiff } from "../../src/presence/wire.js";
import { ModelTopic, anyStep } from "../presence/model-topic.js";

/** What the official client needs of a channel. */
class StubChannel {
  readonly #callbacks = new Map<string, (payload: unknown) => void>();
  #joins = 1;

  on(event: string, callback: (payload: unknown) => void): void {
    this.#callbacks.set(event, callback);
  }

  joinRef(): string {
    return String(this.#joins);
  }

  rejoin(): void {
    this.#joins += 1;
  }

  deliver(event: string, text: string): void {
    this.#callbacks.get(event)?.(JSON.parse(text));
  }
}

const anyMessage = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("step" as const), step: anyStep }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("state" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reconnect" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose" as const), step: anyStep }) },
);

type Refs = Record<string, string[]>;
type Told = [event: string, key: string, currentRefs: string[] | undefined, changedRefs: string[]];

const refsOf = (presence: KeyPresence): string[] => presence.metas.map((meta) => meta.phx_ref).sort();

/** One message may tell of its keys in any order: compared are the callbacks of each message, sorted. */
const sorted = (told: Told[]): string[] => told.map((each) => JSON.stringify(each)).sort();

describe("beside the official client", () => {
  it("the same messages lead to the same metas and the same callbacks", () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 60 }), (messages) => {
        const topic = new ModelTopic();
        const channel = new StubChannel();
        const official = new PhoenixPresence(channel as never);
        const ours = new PresenceClient();
        let officialTold: Told[] = [];
        let oursTold: Told[] = [];
        official.onJoin((key, current, joined) => {
          officialTold.push(["join", key ?? "", current && refsOf(current), refsOf(joined)]);
        });
        official.onLeave((key, current, left) => {
          officialTold.push(["leave", key ?? "", refsOf(current), refsOf(left)]);
        });
        ours.onJoin((key, current, joined) => {
          oursTold.push(["join", key, current && refsOf(current), refsOf(joined)]);
        });
        ours.onLeave((key, current, left) => oursTold.push(["leave", key, refsOf(current), refsOf(left)]));

        const deliver = (event: string, payload: object): void => {
          const text = JSON.stringify(payload);
          channel.deliver(event, text);
          ours.receive(event, JSON.parse(text));
          expect(sorted(oursTold)).toEqual(sorted(officialTold));
          officialTold = [];
          oursTold = [];
          const officialRefs = Object.create(null) as Refs;
          official.list((key, presence: KeyPresence) => (officialRefs[key] = refsOf(presence)));
          const oursRefs = Object.create(null) as Refs;
          for (const [key, presence] of Object.entries(ours.list())) oursRefs[key] = refsOf(presence);
          expect(oursRefs).toEqual(officialRefs);
        };

        for (const message of messages) {
          if (message.kind === "state") {
            deliver("presence_state", toPresences(topic.list(), new Map()));
          } else if (message.kind === "reconnect") {
            // Diffs that still wait are where the two differ: the official client keeps those of the old connection.
            if (official.inPendingSyncState()) continue;
            channel.rejoin();
            ours.reset();
          } else {
            const diff = topic.take(message.step);
            if (diff === undefined || message.kind === "lose") continue;
            deliver("presence_diff", toWireDiff(toPresenceDiff(diff, new Map())));
          }
        }
        // Twice, because diffs that wait for the first may be of before it; the second has the last word.
        deliver("presence_state", toPresences(topic.list(), new Map()));
        deliver("presence_state", toPresences(topic.list(), new Map()));
        const refs = new Set(Object.values(ours.list()).flatMap(refsOf));
        expect(refs).toEqual(new Set(topic.list().map(({ ref }) => ref)));
      }),
      { numRuns: 300 },
    );
  }, 60_000);
});

/** The metas that listeners were handed during a message, by key. */
type Heard = Map<string, readonly PresenceMeta[]>;

describe("what a client tells", () => {
  it("of updates are the metas that left, each with the one that names it; and it lists the same when nobody listens", () => {
    let updatesTold = 0;
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 100, size: "max" }), (messages) => {
        const topic = new ModelTopic();
        const client = new PresenceClient();
        const alone = new PresenceClient();
        const joined: Heard = new Map();
        const left: Heard = new Map();
        const updated: string[] = [];
        client.onJoin((key, current, { metas }) => {
          expect(client.get(key)?.metas).toEqual(
            expect.arrayContaining([...(current?.metas ?? []), ...metas]),
          );
          joined.set(key, metas);
        });
        client.onLeave((key, current, { metas }) => {
          // What is left of a key is what the client holds of it.
          if (current.metas.length > 0) expect(current).toBe(client.get(key));
          else expect(client.get(key)).toBe(undefined);
          expect([Object.isFrozen(current), Object.isFrozen(current.metas)]).toEqual([true, true]);
          left.set(key, metas);
        });
        client.onUpdate((key, previous, current) =>
          updated.push(`${key} ${previous.phx_ref} ${current.phx_ref}`),
        );

        const deliver = (event: string, payload: object): void => {
          const text = JSON.stringify(payload);
          for (const each of [client, alone]) each.receive(event, JSON.parse(text));
          const expected: string[] = [];
          for (const [key, metas] of left) {
            for (const { phx_ref } of metas) {
              const next = joined.get(key)?.find(({ phx_ref_prev }) => phx_ref_prev === phx_ref);
              if (next !== undefined) expected.push(`${key} ${phx_ref} ${next.phx_ref}`);
            }
          }
          expect(updated).toEqual(expected);
          updatesTold += expected.length;
          expect(alone.list()).toEqual(client.list());
          expect(Object.keys(alone.list())).toEqual(Object.keys(client.list()));
          joined.clear();
          left.clear();
          updated.length = 0;
        };

        // No diff waits for a state: each message is applied at once, and alone.
        const state = (): void => deliver("presence_state", toPresences(topic.list(), new Map()));
        state();
        for (const message of messages) {
          if (message.kind === "reconnect") for (const each of [client, alone]) each.reset();
          if (message.kind === "reconnect" || message.kind === "state") state();
          else {
            const diff = topic.take(message.step);
            if (diff === undefined || message.kind === "lose") continue;
            deliver("presence_diff", toWireDiff(toPresenceDiff(diff, new Map())));
          }
        }
      }),
      { numRuns: 200 },
    );
    expect(updatesTold).toBeGreaterThan(100);
  }, 60_000);
});
