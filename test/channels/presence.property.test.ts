/**
 * Whatever clients do, in the end every one of them lists what the presence of its node lists, and all nodes
 * list the same.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answer, CLIENTS } from "./harness.js";
import { canonical, startNodes, Visitor, type RoomNode } from "./presence-room.js";

const VISITORS = 4;
/** Far more than any honest run needs: so many round trips, and the lists are taken as they are. */
const MAX_ATTEMPTS = 100;

type Step =
  | { readonly kind: "track"; readonly visitor: number; readonly key: string; readonly n: number }
  | { readonly kind: "untrack"; readonly visitor: number; readonly key: string }
  | { readonly kind: "crash" | "drop" | "reconnect" | "leave" | "pause"; readonly visitor: number };

const visitor = fc.nat({ max: VISITORS - 1 });

function stepsWith(keys: readonly string[]): fc.Arbitrary<Step[]> {
  const key = fc.constantFrom(...keys);
  const kind = fc.constantFrom("crash", "drop", "reconnect", "leave", "pause");
  const step = fc.oneof<{ weight: number; arbitrary: fc.Arbitrary<Step> }[]>(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("track"), visitor, key, n: fc.nat({ max: 9 }) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("untrack"), visitor, key }) },
    { weight: 4, arbitrary: fc.record({ kind, visitor }) },
  );
  return fc.array(step, { minLength: 1, maxLength: 30 });
}

/** Does a step without waiting for what comes of it, but for `pause`: the next step often overtakes it. */
async function take(
  visitors: Visitor[],
  index: number,
  current: Step,
  replace: () => Visitor,
): Promise<void> {
  const acting = visitors[index];
  if (!acting) return;
  const { room, socket } = acting;
  switch (current.kind) {
    case "track":
      room.push("track", { key: current.key, n: current.n });
      return;
    case "untrack":
      room.push("untrack", { key: current.key });
      return;
    case "crash":
    case "drop":
      room.push(current.kind, {});
      return;
    case "reconnect":
      socket.disconnect(() => socket.connect());
      return;
    case "leave":
      room.leave();
      visitors[index] = replace();
      return void visitors[index]?.join();
    case "pause":
      return answered(room);
    default:
      return current satisfies never;
  }
}

/** Whether a visitor, its node and all nodes agree. */
function agree(visitor: Visitor, node: RoomNode, nodes: readonly RoomNode[], topic: string): boolean {
  const expected = canonical(node.presence.list(topic));
  const { official, own } = visitor.lists();
  return (
    visitor.own.synced &&
    own === expected &&
    official === expected &&
    nodes.every(({ presence }) => refs(presence.list(topic)) === refs(node.presence.list(topic)))
  );
}

/** Resolves when the server has answered on the channel, however often the connection goes meanwhile. */
async function answered(room: Visitor["room"]): Promise<void> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    if ((await answer(room.push("ping", {}, 50))).status === "ok") return;
  }
  throw new Error(`the channel is ${room.state} and does not answer`);
}

/** Which revisions are there: nodes may differ in whether they have seen the one before. */
function refs(
  presences: Readonly<Record<string, { readonly metas: readonly { readonly phx_ref: string }[] }>>,
): string {
  return Object.entries(presences)
    .flatMap(([name, { metas }]) => metas.map(({ phx_ref }) => `${name} ${phx_ref}`))
    .sort()
    .join("\n");
}

describe.each(CLIENTS)("lists of phoenix $line", ({ phoenix, oddKeys }) => {
  it(
    "equal the presence after any tracks, updates, leaves, disconnects and rejoins",
    { timeout: 60_000 },
    async () => {
      const nodes = await startNodes(2);
      const nodeOf = (index: number): RoomNode => nodes[index % nodes.length]!;
      let room = 0;
      await fc.assert(
        fc.asyncProperty(stepsWith(["ann", "bob", ...oddKeys.slice(0, 1)]), async (steps) => {
          const topic = `room:${++room}`;
          const make = (index: number): Visitor => new Visitor(phoenix, nodeOf(index).url, topic);
          const visitors = Array.from({ length: VISITORS }, (_, index) => make(index));
          const everybody = [...visitors];
          await Promise.all(visitors.map((each) => each.join()));
          for (const current of steps) {
            await take(visitors, current.visitor, current, () => {
              const fresh = make(current.visitor);
              everybody.push(fresh);
              return fresh;
            });
          }
          // Every visitor is joined again, and has been answered after its last step.
          for (const each of visitors) await answered(each.room);
          const agreed = (each: Visitor, index: number): boolean => agree(each, nodeOf(index), nodes, topic);
          for (let round = 0; round < MAX_ATTEMPTS && !visitors.every(agreed); round++) {
            await Promise.all(visitors.map((each) => answered(each.room)));
          }
          // And it stays so: nothing else was under way.
          await Promise.all(visitors.map((each) => answered(each.room)));
          for (const [index, each] of visitors.entries()) {
            const expected = canonical(nodeOf(index).presence.list(topic));
            expect(each.lists()).toEqual({ official: expected, own: expected });
          }
          for (const each of everybody) each.socket.disconnect();
        }),
        { numRuns: 25 },
      );
    },
  );
});
