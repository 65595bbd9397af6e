/**
 * A rolling deploy: one node after the other says goodbye, those who were on it come back on others a moment later,
 * and it is started anew. Nobody of them may be missing on any node meanwhile, which each node watches itself, nor on
 * a new one that says that it is complete. Knows no fault and no record but by what members offer.
 */
import type { SeededRandom } from "../../src/testing/random.js";
import type { Member } from "./member.js";
import type { Holds, Step } from "./messages.js";

/** One place of the cluster: at most one process at a time. */
export interface Place {
  readonly index: number;
  /** Absent while it is dead. */
  member: Member | undefined;
  /** A fault is at work here. */
  isDisturbed: boolean;
  nodeName: string;
}

/** What a deploy needs of the driver. */
export interface Deploying {
  readonly places: readonly Place[];
  readonly holds: Holds;
  readonly random: SeededRandom;
  /** Resolves when the steps are answered as the record wants it. */
  perform(member: Member, steps: readonly Step[]): Promise<void>;
  /** Says goodbye; resolves when the process has ended. */
  leave(place: Place, handoffMs: number): Promise<void>;
  start(place: Place): Promise<void>;
  /** Resolves when all lists equal the record, and stay so. */
  settle(): Promise<void>;
  pause(durationMs: number): Promise<void>;
  nextRevision(): number;
  /** One who travels from node to node has moved. */
  moved(count: number): void;
  fail(text: string): void;
}

const topic = "travellers";
const travellersEach = 25;
/** Longer than a process takes to start on a machine that is busy. */
const handoffMs = 15_000;
/** From a goodbye until those who were on the node are on others. */
const movePauseMs = { low: 50, high: 700 };
const pollMs = 50;
const patienceMs = 30_000;

export async function rollingDeploy(driver: Deploying): Promise<void> {
  const { places, random } = driver;
  const whoIsWhere = new Map<number, string[]>(places.map(({ index }) => [index, []]));
  for (const { index, member } of places) {
    if (member === undefined) continue;
    const keys = Array.from({ length: travellersEach }, (_, i) => `traveller ${index}-${i}`);
    await arrive(driver, index, member, keys, whoIsWhere);
    await followIfDue(driver, index, member);
  }
  await driver.settle();
  for (const { member } of places) await member?.guard(topic);

  for (const place of places) {
    const leaving = whoIsWhere.get(place.index) ?? [];
    whoIsWhere.set(place.index, []);
    const left = driver.leave(place, handoffMs);
    // It is waited for below; a run that is given up meanwhile waits for nothing.
    left.catch(() => undefined);
    await driver.pause(random.between(movePauseMs.low, movePauseMs.high));
    const others = places.filter((other) => other !== place);
    const homes = new Map<Place, string[]>();
    for (const key of leaving) {
      const home = random.pick(others);
      homes.set(home, [...(homes.get(home) ?? []), key]);
    }
    for (const [{ index, member }, keys] of homes) {
      if (member !== undefined) await arrive(driver, index, member, keys, whoIsWhere);
    }
    driver.moved(leaving.length);
    await left;
    await driver.start(place);
    if (place.member === undefined) continue;
    await followIfDue(driver, place.index, place.member);
    await seesEverybody(driver, place.member, [...whoIsWhere.values()].flat());
    await place.member.guard(topic);
  }
  await driver.settle();

  for (const { member } of places) await member?.guard();
  for (const { member } of places) {
    if (member === undefined) continue;
    await driver.perform(member, member.record.depart(topic));
    if (member.record.follows.includes(topic)) {
      await driver.perform(member, member.record.followed("unfollow", topic));
    }
  }
}

async function arrive(
  driver: Deploying,
  index: number,
  member: Member,
  keys: readonly string[],
  whoIsWhere: Map<number, string[]>,
): Promise<void> {
  whoIsWhere.get(index)?.push(...keys);
  await driver.perform(member, member.record.arrive(topic, keys, driver.nextRevision()));
}

/** Every third node does not follow those that it has itself. */
async function followIfDue(driver: Deploying, index: number, member: Member): Promise<void> {
  if (driver.holds === "followed" && index % 3 !== 2) {
    await driver.perform(member, member.record.followed("follow", topic));
  }
}

/** A node that has just started lists all travellers as soon as it says that it is complete. */
async function seesEverybody(driver: Deploying, member: Member, keys: readonly string[]): Promise<void> {
  const isToFollow = member.record.follows.includes(topic);
  if (driver.holds === "followed" && !isToFollow) return;
  for (let waitedMs = 0; ; waitedMs += pollMs) {
    const { complete, follows, lines } = await member.report();
    if (complete && follows.every((follow) => follow.complete)) {
      const listed = new Set(
        lines.map((line) => JSON.parse(line) as string[]).flatMap(([of, key]) => (of === topic ? key : [])),
      );
      const missing = keys.filter((key) => !listed.has(key));
      if (missing.length > 0) {
        driver.fail(`${member.nodeName} says that it is complete, and lacks ${missing.join(", ")}`);
      }
      return;
    }
    if (waitedMs > patienceMs) return driver.fail(`${member.nodeName} has started and is not complete`);
    await driver.pause(pollMs);
  }
}
