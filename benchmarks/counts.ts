/**
 * What it costs to know how many entries a topic has, where nobody holds them, and to hold some of them: `npm run bench:counts`. A
 * simulated cluster of unmodified trackers that follow nothing else, on virtual time and a metered wire that loses nothing; all entries
 * are real, each held by its own node. Users move between nodes all the time, so that the number of each node changes. The exit
 * code is 0 only if every count was right and settled in the end, and who follows with a limit held as many as it allows, by diffs
 * that add up.
 */
import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { DiffFold } from "../src/testing/diff-fold.js";
import { SeededRandom } from "../src/testing/random.js";
import { Session } from "../src/session.js";
import type { Entry } from "../src/words.js";
import type { FollowCount } from "../src/tracker/follow-count.js";
import type { Tracker } from "../src/tracker/tracker.js";
import { Lab } from "./harness/lab.js";
import { describeMachine } from "./harness/machine.js";
import { keyOf, metaOf, type Viewer } from "./workload.js";

const TOPIC = "lobby";
const STEP_MS = 50;
const SECONDS = 20;
/** Of those who leave, so many more come: the number of all changes, too. */
const GROWTH = 1.1;
const REST_MS = 20_000;
const ROUNDS = 20;
/** Of a follow that has one; and how many entries it may hold at the most. */
const LIMIT = 200;
const MOST_HELD = 4 * LIMIT;

const options = new Command("bench:counts")
  .description("What a count costs where nodes follow, and how soon it is right, simulated.")
  .option("--nodes <count>", "nodes", Number, 100)
  .option("--entries <count>", "entries, all nodes together", Number, 1_000_000)
  .option("--churn <share>", "of all entries that leave per second", Number, 0.01)
  .option("--json <file>", "also write what was measured to this file")
  .parse()
  .opts<{ nodes: number; entries: number; churn: number; json?: string }>();

const { nodes, entries, churn } = options;
const random = new SeededRandom("counts");
const lab = new Lab();
const trackers: Tracker<Viewer>[] = [];
/** Of each node the users that it has, the oldest first. */
const users: number[][] = [];
const session = new Session();
let lastUser = 0;
let present = 0;

for (let node = 0; node < nodes; node++) {
  trackers.push(await lab.start(nameOf(node), { holds: "followed" }));
  users.push([]);
  await lab.advance(7);
}
// It counts, and has nothing itself: what it is sent is all for the count.
const onlooker = await lab.start("onlooker", { holds: "followed" });
// It lists some of them, and has none itself.
const fold = new DiffFold<Viewer>();
const wrong = new Set<string>();
const viewer = await lab.start(
  "viewer",
  { holds: "followed" },
  {
    handleDiff: (diff) => {
      for (const each of fold.apply(diff)) wrong.add(each);
    },
  },
);
const held = { fewest: Infinity, most: 0 };
for (let i = 0; i < entries; i++) {
  join(i % nodes);
  if (i % 10_000 === 0) await lab.advance(STEP_MS);
}
await lab.advance(20_000);
const idle = await measure(async () => lab.advance(SECONDS * 1_000));
const beganMs = lab.time.nowMs;
const watchers: readonly FollowCount[] = [onlooker, trackers[0]!, trackers[nodes >> 1]!].map((each) =>
  each.followCount(TOPIC),
);
const firstMs = await rightAfterMs(beganMs);
const followedMs = lab.time.nowMs;
const stage = viewer.follow(TOPIC, { limit: LIMIT });
const before = { ...lab.wire.traffic("viewer") };
while (!stage.complete && lab.time.nowMs - followedMs < REST_MS) await lab.advance(1);
const stageMs = lab.time.nowMs - followedMs;
await lab.advance(2_000);
const stageBytes = lab.wire.traffic("viewer").receivedBytes - before.receivedBytes;
noteHeld();
const busy = await measure(() => move(SECONDS * 1_000));
// When it is right depends on where its windows are when the changes end.
const restsMs: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  await move(2_000 + 50 * round);
  restsMs.push(await rightAfterMs(lab.time.nowMs));
}
restsMs.sort((one, other) => one - other);
const [medianMs = Infinity, worstMs = Infinity] = [restsMs[ROUNDS >> 1], restsMs.at(-1)];
const isListed = stage.count() === fold.count(TOPIC) && stage.list().every(isFolded);
if (!isListed) wrong.add("the diffs do not add up to the list");
if (held.fewest < LIMIT || held.most > MOST_HELD) wrong.add(`it holds ${held.fewest} to ${held.most}`);
if (!stage.complete || !stage.partial) wrong.add("it is not complete, or not partial");
const limited = { limit: LIMIT, stageMs, stageBytes, ...held, total: stage.total, wrong: [...wrong] };
const measured = { nodes, entries: present, churn, firstMs, medianMs, worstMs, limited, idle, busy };
console.log(JSON.stringify({ machine: describeMachine(), ...measured }, undefined, 2));
console.log(
  `A watcher without entries received ${rateOf("onlooker").toFixed(2)} frames a second for it, one with ${rateOf("author").toFixed(2)}; ` +
    `right after ${firstMs} ms at first, and ${medianMs} ms after the last change, ${worstMs} ms at the most of ${ROUNDS} times`,
);
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(measured, undefined, 2));
console.log(
  `One that follows it with a limit of ${LIMIT} was complete after ${stageMs} ms and ${stageBytes} B; it held ${held.fewest} to ${held.most} entries ` +
    `and received ${(busy.viewer.bytes - idle.viewer.bytes).toFixed(0)} B in ${rateOf("viewer").toFixed(2)} frames a second for it; ${wrong.size === 0 ? "its diffs add up" : [...wrong].join("; ")}`,
);
process.exitCode = wrong.size === 0 && Number.isFinite(worstMs) && Number.isFinite(firstMs) ? 0 : 1;

/** Users leave, the oldest of a node at random, and others come to another. */
async function move(durationMs: number): Promise<void> {
  let joins = 0;
  for (let step = 0; step < durationMs / STEP_MS; step++) {
    const leaves = Math.round((entries * churn * STEP_MS) / 1_000);
    for (let i = 0; i < leaves; i++) leave(random.integer(0, nodes - 1));
    for (joins += leaves * GROWTH; joins >= 1; joins--) join(random.integer(0, nodes - 1));
    await lab.advance(STEP_MS);
    noteHeld();
  }
}

function noteHeld(): void {
  held.fewest = Math.min(held.fewest, stage.count());
  held.most = Math.max(held.most, stage.count());
}

function isFolded({ key, session, ref }: Entry<Viewer>): boolean {
  return fold.find(TOPIC, key, session)?.ref === ref;
}

function join(node: number): void {
  lastUser += 1;
  trackers[node]!.track(session, TOPIC, keyOf(lastUser), metaOf(lastUser));
  users[node]!.push(lastUser);
  present += 1;
}

function leave(node: number): void {
  const user = users[node]!.shift();
  if (user === undefined) return;
  present -= trackers[node]!.untrack(session, TOPIC, keyOf(user));
}

/** How long it takes until all watchers are right and say so; Infinity if that is too long. */
async function rightAfterMs(sinceMs: number): Promise<number> {
  while (lab.time.nowMs - sinceMs < REST_MS) {
    if (watchers.every((watcher) => watcher.entries === present && watcher.settled))
      return lab.time.nowMs - sinceMs;
    await lab.advance(10);
  }
  return Infinity;
}

/** Per second, received: by the onlooker, the viewer, a watcher with entries, and by the node that received the most, which counts. */
async function measure(run: () => Promise<void>) {
  const names = ["onlooker", "viewer", ...trackers.map((_, node) => nameOf(node))];
  const before = names.map((name) => ({ ...lab.wire.traffic(name) }));
  await run();
  const rates = names.map((name, i) => {
    const { receivedFrames, receivedBytes, sentFrames } = lab.wire.traffic(name);
    const was = before[i]!;
    return {
      frames: (receivedFrames - was.receivedFrames) / SECONDS,
      bytes: (receivedBytes - was.receivedBytes) / SECONDS,
      sentFrames: (sentFrames - was.sentFrames) / SECONDS,
    };
  });
  const most = rates.reduce((one, other) => (other.frames > one.frames ? other : one));
  return { onlooker: rates[0]!, viewer: rates[1]!, author: rates[2]!, most };
}

function rateOf(watcher: "onlooker" | "viewer" | "author"): number {
  return busy[watcher].frames - idle[watcher].frames;
}

function nameOf(node: number): string {
  return `web-${String(node).padStart(4, "0")}`;
}
