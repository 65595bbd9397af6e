/** A set of few members, against a Set: whatever comes and goes, it has the same members, each once. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { membersOf, sizeOf, withMember, withoutMember } from "../../../src/replication/following/few.js";
import type { Few } from "../../../src/replication/following/few.js";

const objects = Array.from({ length: 40 }, (_, n) => ({ n }));

describe("a set of few members", () => {
  it("has those that came and did not go, however many there are", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 39 }), { minLength: 1, maxLength: 150, size: "max" }), (changes) => {
        const model = new Set<object>();
        let few: Few<object>;
        for (const which of changes) {
          const member = objects[which]!;
          const before = few;
          const members = [...membersOf(before)];
          if (model.delete(member)) few = withoutMember(few, member);
          else {
            model.add(member);
            few = withMember(few, member);
          }
          const after = [...membersOf(few)];
          expect(after.every((each) => model.has(each))).toBe(true);
          expect([new Set(after).size, after.length, sizeOf(few)]).toEqual(Array(3).fill(model.size));
          // Who walks over a list sees what was there.
          if (!(before instanceof Set))
            expect([...membersOf(before)].every((each, i) => each === members[i])).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });

  it("is the member itself where there is one, and nothing where there is none", () => {
    const [one, other] = objects as [object, object];
    expect(withMember(undefined, one)).toBe(one);
    expect(withoutMember(withMember(withMember(undefined, one), other), one)).toBe(other);
    expect(withoutMember(withMember(undefined, one), one)).toBeUndefined();
    expect(withoutMember(withMember(undefined, one), other)).toBe(one);
  });
});
