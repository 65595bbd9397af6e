import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PresenceClient } from "../../src/client/index.js";
import type { Presence } from "../../src/presence/index.js";
import { Session } from "../../src/session.js";
import type { Page } from "./model-topic.js";
import { PresenceCluster } from "./presence-cluster.js";
import { StrictFold, describePresences } from "./strict-fold.js";

interface Named {
  name: string;
}

const nodeNames = ["a", "b", "c"];
const key = fc.constantFrom("alice", "bob", "__proto__");
const node = fc.nat({ max: nodeNames.length - 1 });
/** Each node has a few sessions. */
const session = fc.nat({ max: 2 });

const anyAction = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("set" as const), node, session, key }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("untrack" as const), node, session, key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("close" as const), node, session }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("subscribe" as const), node }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("disconnect" as const), node }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reconnect" as const), node }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), delayMs: fc.nat({ max: 4_000 }) }),
  },
);

interface Member {
  readonly presence: Presence<Page, Named>;
  readonly sessions: Session[];
  readonly followers: { fold: StrictFold<Named>; client: PresenceClient<Page, Named> }[];
}

async function startMember(cluster: PresenceCluster, name: string, diffPeriodMs: number): Promise<Member> {
  const { presence } = await cluster.start<Page, Named>(name, {
    diffPeriodMs,
    fetch: (_topic, keys) =>
      new Promise((resolve) => {
        const names = new Map(keys.map((each) => [each, { name: each }]));
        cluster.runtime.schedule(keys.length * 70, () => resolve(names));
      }),
    fetchTimeoutMs: 200,
  });
  return { presence, sessions: [new Session(), new Session(), new Session()], followers: [] };
}

function follow({ presence, followers }: Member): void {
  const fold = new StrictFold<Named>();
  const client = new PresenceClient<Page, Named>();
  const { state, diff, online, offline } = fold;
  presence.subscribe("room", { state, diff, online, offline });
  presence.forward("room", (event, payload) => client.receive(event, JSON.parse(JSON.stringify(payload))));
  followers.push({ fold, client });
}

/** The metas of each key in their order. What a node saw before may differ, so `phx_ref_prev` is left out. */
function ordered(presence: Presence<Page, Named>): Record<string, string[]> {
  const keys = Object.entries(presence.list("room")).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(keys.map(([each, { metas }]) => [each, metas.map(({ phx_ref }) => phx_ref)]));
}

describe("in a cluster whose nodes lose each other", () => {
  it("what a subscriber folded is its node's list, and in the end all nodes list the same, in one order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyAction, { maxLength: 60 }),
        fc.constantFrom(0, 0, 300),
        async (actions, diffPeriodMs) => {
          const cluster = new PresenceCluster();
          const members: Member[] = [];
          for (const name of nodeNames) members.push(await startMember(cluster, name, diffPeriodMs));
          let revision = 0;
          for (const action of actions) {
            if (action.kind === "wait") {
              await cluster.time.advance(action.delayMs);
              continue;
            }
            const name = nodeNames[action.node] ?? "";
            const member = members[action.node];
            if (member === undefined) continue;
            const { presence, sessions } = member;
            if (action.kind === "disconnect") cluster.hub.disconnect(name);
            else if (action.kind === "reconnect") cluster.hub.reconnect(name);
            else if (action.kind === "subscribe") follow(member);
            else {
              const current = sessions[action.session] ?? new Session();
              if (action.kind === "set")
                presence.set(current, "room", action.key, { page: `/${++revision}` });
              else if (action.kind === "untrack") presence.untrack(current, "room", action.key);
              else {
                current.close();
                sessions[action.session] = new Session();
              }
            }
          }
          for (const name of nodeNames) cluster.hub.reconnect(name);
          await cluster.time.advance(60_000);

          const [first] = members;
          for (const { presence, followers } of members) {
            expect(ordered(presence)).toEqual(first && ordered(first.presence));
            for (const { fold, client } of followers) {
              expect(fold.now()).toBe(describePresences(presence.list("room")));
              expect(describePresences(client.list())).toBe(fold.now());
              fold.checkKeys();
            }
          }
          const stops = members.map(({ presence }) => presence.stop({ handoffMs: 0 }));
          await cluster.time.advance(1_000);
          await Promise.all(stops);
        },
      ),
      { numRuns: 150 },
    );
  }, 60_000);
});
