/** Every item comes when it is due, once, and in the order of time: against a model that is a map. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { Agenda } from "../../../src/replication/following/agenda.js";

const anyDoing = fc.record({
  what: fc.constantFrom("at", "at", "at", "drop", "take", "take"),
  item: fc.nat({ max: 6 }),
  atMs: fc.oneof(fc.nat({ max: 30 }), fc.constantFrom(-Infinity, Infinity)),
});

it("takes what is due, the soonest first", () => {
  fc.assert(
    fc.property(fc.array(anyDoing, { maxLength: 100, size: "max" }), (doings) => {
      const agenda = new Agenda<number>();
      const model = new Map<number, number>();
      for (const { what, item, atMs } of doings) {
        if (what === "at") {
          agenda.at(item, atMs);
          if (atMs < (model.get(item) ?? Infinity)) model.set(item, atMs);
        } else if (what === "drop") {
          agenda.drop(item);
          model.delete(item);
        } else {
          const taken = agenda.take(atMs);
          const soonest = Math.min(Infinity, ...model.values());
          if (taken === undefined) expect(soonest > atMs || model.size === 0).toBe(true);
          else {
            expect(model.get(taken)).toBe(soonest);
            expect(soonest).toBeLessThanOrEqual(atMs);
            model.delete(taken);
          }
        }
        expect(agenda.nextMs).toBe(Math.min(Infinity, ...model.values()));
        expect(agenda.size).toBe(model.size);
      }
    }),
  );
});
