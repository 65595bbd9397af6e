import fc from "fast-check";
import { Presence as PhoenixPresence } from "phoenix";
import { describe, expect, it } from "vitest";
import { PresenceClient, type KeyPresence } from "../../src/client/index.js";
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
