/** Views: one number for the lives that are up, and places that mean the same lives wherever the number is the same. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MemberList } from "../../../src/replication/following/message.js";
import { FOLLOWING_RULES } from "../../../src/replication/following/rules.js";
import { Views } from "../../../src/replication/following/views.js";
import type { Life } from "../../../src/replication/life.js";

const stake = { roles: 1, generation: 0 };
// So few that names return, and that two nodes have drawn the same incarnation.
const life = fc.record({
  name: fc.constantFrom("a", "b", "c", "d", "e", "é", "__proto__", "10", "9"),
  incarnation: fc.constantFrom("0mb4k2xyz01abc", "0mb4k2xyz01xyz"),
});
const event = fc.oneof(
  life.map((came) => ({ came, went: undefined })),
  life.map(({ name }) => ({ came: undefined, went: name })),
);

function viewsOf(lives: Iterable<Life>): Views {
  const views = new Views();
  for (const each of lives) views.came(each);
  return views;
}

function listOf(lives: readonly Life[]): MemberList {
  return { topic: "t", isSettled: true, members: lives.map((each) => ({ life: each, stake })) };
}

function read(views: Views, lists: ReturnType<Views["byPlace"]>[], view: number | undefined) {
  return views.read({ stream: 1, number: 1, lists, view });
}

const lives = Array.from({ length: 12 }, (_, i) => ({ name: `n${i}`, incarnation: "0mb4k2xyz01abc" }));

describe("views", () => {
  it("R114: have the same number exactly where the same lives are up, and then a list means the same lives", () => {
    fc.assert(
      fc.property(fc.array(event), fc.array(event), fc.array(life), (some, others, listed) => {
        const [one, other] = [some, others].map((events) => {
          const up = new Map<string, Life>();
          const views = new Views();
          for (const { came, went } of events) {
            if (came === undefined) {
              up.delete(went);
              views.went(went);
            } else {
              up.set(came.name, came);
              views.came(came);
            }
          }
          const texts = [...up.values()].map((each) => `${each.name} ${each.incarnation}`);
          return { views, up, text: texts.sort().join() };
        }) as [
          { views: Views; up: Map<string, Life>; text: string },
          { views: Views; up: Map<string, Life>; text: string },
        ];
        const isSame = one.text === other.text;
        expect(one.views.digest === other.views.digest).toBe(isSame);
        const told = other.views.tell();
        const shared = FOLLOWING_RULES.sharedView(one.views.digest, told);
        expect(shared).toBe(isSame ? told : undefined);
        // As it were in the same order: a view that was made otherwise, of the same lives.
        const again = viewsOf([...one.up.values()].reverse());
        expect(again.tell()).toBe(one.views.digest);
        const list = one.views.byPlace(listOf(listed));
        for (const [i, { life: named }] of list.members.entries())
          expect(typeof named === "number").toBe(
            one.up.get(listed[i]!.name)?.incarnation === listed[i]!.incarnation,
          );
        expect(read(again, [list], one.views.digest)).toEqual([listOf(listed)]);
      }),
      { numRuns: 1_000 },
    );
  });

  it("R114: read what was told lately, by the lives of then, and nothing else", () => {
    const asker = viewsOf(lives.slice(0, 3));
    const registrar = viewsOf(lives.slice(0, 3));
    const view = asker.tell();
    const answer = registrar.byPlace(listOf(lives.slice(0, 3)));
    expect(answer.members.map(({ life: named }) => named)).toEqual([0, 1, 2]);
    // Whoever comes and goes while the answer is on its way.
    asker.went("n0");
    for (const each of lives.slice(3, 10)) {
      asker.came(each);
      asker.tell();
      asker.tell();
    }
    expect(read(asker, [answer], view)).toEqual([listOf(lives.slice(0, 3))]);
    asker.went("n5");
    asker.tell();
    expect(read(asker, [answer], view)).toBeUndefined();
    // What nobody told, and places that there are not.
    const present = asker.tell();
    expect(read(asker, [answer], undefined)).toBeUndefined();
    expect(read(asker, [answer], present + 1)).toBeUndefined();
    expect(read(asker, [{ ...answer, members: [{ life: 12, stake }] }], present)).toBeUndefined();
    // What names lives by themselves is read by any view, and by none.
    for (const each of [undefined, view, present])
      expect(read(asker, [listOf(lives)], each)).toEqual([listOf(lives)]);
  });

  it("keep the views that were told, however many there are between", () => {
    const views = viewsOf(lives);
    const view = views.tell();
    for (let i = 0; i < 100; i++) {
      views.went("n3");
      views.came(lives[3]!);
    }
    expect(views.digest).toBe(view);
    views.went("n3");
    for (let i = 0; i < 100; i++) views.came({ name: "n3", incarnation: i.toString().padStart(14, "0") });
    expect(read(views, [{ ...listOf([]), members: [{ life: 11, stake }] }], view)).toBeDefined();
  });
});
