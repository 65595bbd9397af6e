/** The client lists what the server's `list` has, in the order in which it has it, whatever came before. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PresenceClient } from "../../src/client/index.js";
import { DiffWindow, isEmpty } from "../../src/presence/diff-window.js";
import { TopicView } from "../../src/presence/topic-view.js";
import { toPresenceDiff, toPresences, toWireDiff } from "../../src/presence/wire.js";
import { ModelTopic, stepOf, type Page } from "../presence/model-topic.js";

const nothing = new Map<string, object>();

const anyMessage = fc.oneof(
  { weight: 20, arbitrary: fc.record({ kind: fc.constant("step" as const), step: stepOf(13) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("diff" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("state" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("reconnect" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("newcomer" as const) }) },
);

/** Refs by key, in their order. */
function refsOf(presences: Readonly<Record<string, { readonly metas: readonly { phx_ref: string }[] }>>) {
  const refs = new Map<string, string[]>();
  for (const [key, { metas }] of Object.entries(presences))
    refs.set(
      key,
      metas.map(({ phx_ref }) => phx_ref),
    );
  return refs;
}

describe("the order of a client's metas", () => {
  it("is that of the server's list, after any states and diffs", () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 150, size: "max" }), (messages) => {
        const topic = new ModelTopic();
        const view = new TopicView<Page>();
        const clients = [new PresenceClient<Page>()];
        let window = new DiffWindow<Page>();
        const state = (): unknown => JSON.parse(JSON.stringify(view.snapshot().presences(nothing)));
        clients[0]?.receive("presence_state", state());

        const closeWindow = (): void => {
          const diff = window.toDiff();
          window = new DiffWindow();
          if (isEmpty(diff)) return;
          const { places } = view.apply(diff);
          const payload = JSON.stringify(toWireDiff(toPresenceDiff(diff, nothing, places)));
          for (const client of clients) client.receive("presence_diff", JSON.parse(payload));
          const listed = refsOf(toPresences(topic.list(), nothing));
          for (const client of clients) expect(refsOf(client.list())).toEqual(listed);
        };
        for (const message of messages) {
          if (message.kind === "step") {
            const diff = topic.take(message.step);
            if (diff !== undefined) window.add(diff);
          } else if (message.kind === "diff") closeWindow();
          else {
            // A client that comes within a window gets the state of its beginning.
            if (message.kind === "newcomer") clients.push(new PresenceClient());
            const client = clients.at(-1);
            if (message.kind === "reconnect") client?.reset();
            client?.receive("presence_state", state());
          }
        }
        closeWindow();
      }),
      { numRuns: 500 },
    );
  }, 60_000);

  it("is right after any state, whatever the client held before", () => {
    const metas = (...refs: string[]): object => ({ metas: refs.map((phx_ref) => ({ phx_ref })) });
    const client = new PresenceClient();
    client.receive("presence_state", { ann: metas("1", "2", "3") });
    client.receive("presence_state", { ann: metas("4", "3", "1", "5") });
    expect(refsOf(client.list())).toEqual(new Map([["ann", ["4", "3", "1", "5"]]]));
  });

  it.each([[[9]], [[-1]], [["x"]], [[NaN]], [[1, 2, 3]], ["first"], [7], [{ length: 1 }], [null]])(
    "survives places that are none: %j",
    (places) => {
      const client = new PresenceClient();
      client.receive("presence_state", { ann: { metas: [{ phx_ref: "1" }] } });
      const joins = { ann: { metas: [{ phx_ref: "2" }] } };
      client.receive("presence_diff", { joins, leaves: {}, places: { ann: places } });
      client.receive("presence_diff", { joins: {}, leaves: {}, places });
      expect(refsOf(client.list()).get("ann")?.sort()).toEqual(["1", "2"]);
      expect(client.ignored).toBe(0);
    },
  );
});

describe("the work of a client", () => {
  it("grows with what a diff changes, also where all of it is one key", () => {
    const readsFor = (count: number): number => {
      let reads = 0;
      const metaOf = (ref: string, previous?: string): object => ({
        get phx_ref() {
          reads += 1;
          return ref;
        },
        get phx_ref_prev() {
          reads += 1;
          return previous;
        },
      });
      const numbers = Array.from({ length: count }, (_, i) => i);
      const client = new PresenceClient();
      let updates = 0;
      client.onUpdate(() => (updates += 1));
      client.receive("presence_state", { guest: { metas: numbers.map((i) => metaOf(`old-${i}`)) } });
      const joins = { guest: { metas: numbers.map((i) => metaOf(`new-${i}`, `old-${i}`)).reverse() } };
      const leaves = { guest: { metas: numbers.map((i) => metaOf(`old-${i}`)) } };
      reads = 0;
      client.receive("presence_diff", { joins, leaves, places: { guest: numbers } });
      expect(updates).toBe(count);
      expect(client.get("guest")?.metas).toHaveLength(count);
      return reads;
    };
    expect(readsFor(2_000)).toBeLessThan(30 * 2_000);
  });
});
