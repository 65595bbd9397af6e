/** The cluster of the playground: it can be broken, it heals, and a run can be replayed. */
import { expect, it } from "vitest";
import { isDeepStrictEqual } from "../../docs/.vitepress/playground/equal.js";
import { nodeNames, replayed, Stage, type Shown } from "../../docs/.vitepress/playground/stage.js";

const names = ({ nodes }: Shown): string[] =>
  nodes.map(({ entries }) => entries.map(({ key }) => key).join(" "));

it("begins with three nodes that list the same, know each other, and lack nothing", async () => {
  const shown = (await Stage.open(1)).shown();
  expect(names(shown)).toEqual(["ann bo cy", "ann bo cy", "ann bo cy"]);
  expect(shown.agrees).toBe(true);
  for (const { name, known } of shown.nodes) {
    expect(known.map(({ author, dots, upTo, missing }) => ({ author, dots, upTo, missing }))).toEqual(
      nodeNames.map((author) => ({ author, dots: [1], upTo: 1, missing: 0 })),
    );
    expect(known.find(({ author }) => author === name)?.status).toBe("itself");
  }
});

it("shows nodes that disagree while a link is cut, and agree when it is whole again", async () => {
  const stage = await Stage.open(2);
  await stage.do({ kind: "cut", link: 0 });
  await stage.do({ kind: "track", node: "paris" });
  await stage.advance(4_000);
  expect(names(stage.shown())).toEqual(["ann bo cy dora", "ann bo cy", "ann bo cy dora"]);
  expect(stage.shown().agrees).toBe(false);
  await stage.do({ kind: "mend", link: 0 });
  await stage.advance(4_000);
  expect(names(stage.shown())).toEqual(Array(3).fill("ann bo cy dora"));
  expect(stage.shown().nodes[1]?.known[0]).toMatchObject({ dots: [1, 2], upTo: 2, missing: 0 });
});

it("mends one link and leaves another cut", async () => {
  const stage = await Stage.open(3);
  await stage.do({ kind: "cut", link: 0 });
  await stage.do({ kind: "cut", link: 1 });
  await stage.do({ kind: "mend", link: 0 });
  await stage.do({ kind: "track", node: "tokyo" });
  await stage.advance(4_000);
  expect(names(stage.shown())).toEqual(["ann bo cy dora", "ann bo cy dora", "ann bo cy"]);
});

it("shows that a killed node's entries leave, and who it is when it has started again", async () => {
  const stage = await Stage.open(4);
  await stage.do({ kind: "kill", node: "lima" });
  await stage.advance(10_000);
  expect(names(stage.shown())).toEqual(["ann bo", "ann bo", ""]);
  expect(stage.shown().news.some((line) => line.endsWith("on paris cy left: down"))).toBe(true);
  await stage.do({ kind: "start", node: "lima" });
  await stage.do({ kind: "track", node: "lima" });
  await stage.advance(4_000);
  expect(names(stage.shown())).toEqual(Array(3).fill("ann bo dora"));
});

it("converges while a third of all messages is lost", async () => {
  const stage = await Stage.open(5);
  await stage.do({ kind: "lose", percent: 33 });
  for (const node of nodeNames) for (let i = 0; i < 3; i++) await stage.do({ kind: "track", node });
  await stage.do({ kind: "close", node: "paris" });
  await stage.advance(30_000);
  expect(stage.shown().agrees).toBe(true);
  expect(stage.shown().nodes[2]?.entries).toHaveLength(11);
});

it("leads to the same run again by the same seed and acts", async () => {
  const stage = await Stage.open(6);
  await stage.do({ kind: "lose", percent: 40 });
  for (const node of nodeNames) {
    await stage.do({ kind: "track", node });
    await stage.advance(700);
  }
  await stage.do({ kind: "kill", node: "tokyo" });
  const again = await replayed(6, stage.acts);
  expect(again.shown()).toEqual(stage.shown());
  await Promise.all([again.advance(5_000), stage.advance(5_000)]);
  expect(again.shown()).toEqual(stage.shown());
  const other = await replayed(7, stage.acts);
  await other.advance(5_000);
  expect(other.shown()).not.toEqual(stage.shown());
});

it.each([
  [{ a: [1, { b: null }] }, { a: [1, { b: null }] }, true],
  [{ a: 1 }, { b: 1 }, false],
  [{ a: undefined }, {}, false],
  [[], {}, false],
  [{ a: [1, 2] }, { a: [1] }, false],
  [NaN, NaN, true],
  [JSON.parse('{"__proto__":1}'), {}, false],
])("compares values as the simulator wants it: %j and %j", (a, b, same) => {
  expect(isDeepStrictEqual(a, b)).toBe(same);
});
