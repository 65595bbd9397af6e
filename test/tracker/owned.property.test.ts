/** Sessions that several trackers own entries of, in any order of beginnings and ends: each tracker knows its own. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { ReplicatedEntry, type EntryOrigin } from "../../src/replication/entry.js";
import { Session } from "../../src/session.js";
import { OwnedEntries } from "../../src/tracker/owned.js";

const origin: EntryOrigin = { owner: { name: "a", departure: undefined }, shard: 0, refPrefix: "a:" };
const SESSIONS = 6;

const step = fc.record({
  tracker: fc.nat({ max: 1 }),
  session: fc.nat({ max: SESSIONS - 1 }),
  topic: fc.constantFrom("t1", "t1", "t1", "t2"),
  what: fc.constantFrom(
    ...Array<"put" | "delete">(9).fill("put"),
    ...Array<"delete">(9).fill("delete"),
    "takeAll",
    "end",
  ),
});

it("owned entries are those that were put and not taken out, and the sessions those that have any", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 40, maxLength: 80, size: "max" }), (steps) => {
      const sessions = Array.from({ length: SESSIONS }, () => new Session());
      const make = (): { owned: OwnedEntries; model: Map<Session, Map<string, ReplicatedEntry>> } => ({
        owned: new OwnedEntries(() => undefined),
        model: new Map(),
      });
      const trackers = [make(), make(), make()];
      let clock = 0;
      for (const { tracker, session: index, topic, what } of steps) {
        const { owned, model } = trackers[tracker]!;
        const session = sessions[index]!;
        const entries = model.get(session);
        if (what === "put") {
          const entry = new ReplicatedEntry(origin, ++clock, topic, "key", session.id, {});
          owned.put(session, entry);
          if (entries === undefined) model.set(session, new Map([[topic, entry]]));
          else entries.set(topic, entry);
        } else if (what === "end") {
          owned.end();
          trackers[tracker] = make();
        } else if (what === "takeAll") {
          if (owned.takeMany(session, undefined, 1) !== undefined) model.delete(session);
        } else {
          const entry = entries?.get(topic);
          if (entry === undefined) continue;
          owned.delete(session, entry);
          entries!.delete(topic);
          if (entries!.size === 0) model.delete(session);
        }
        for (const { owned, model } of trackers) {
          let size = 0;
          for (const entries of model.values()) size += entries.size;
          expect([owned.sessions, owned.size]).toEqual([model.size, size]);
          for (const each of sessions) {
            expect(owned.entries(each)).toEqual([...(model.get(each)?.values() ?? [])]);
          }
        }
      }
      // The index by id is made of the list.
      for (const { owned, model } of trackers) {
        for (const each of sessions) expect(owned.session(each.id)).toBe(model.has(each) ? each : undefined);
      }
    }),
    { numRuns: 100 },
  );
});
