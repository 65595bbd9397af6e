/**
 * Every rule of the protocol is needed, and every oracle sees: each rule is switched off in turn, by a patch of
 * the production classes that lasts for the test, and some oracle must find it within a bounded number of seeds.
 */
import { afterEach, describe, expect, it } from "vitest";
import { AuthoredShard } from "../../src/replication/author.js";
import { Authorship } from "../../src/replication/authorship.js";
import { Membership } from "../../src/replication/membership.js";
import { Outbox } from "../../src/replication/outbox.js";
import { Replica } from "../../src/replication/replica.js";
import { Replicator } from "../../src/replication/replicator.js";
import { Requests } from "../../src/replication/requests.js";
import { RemoteSlice } from "../../src/replication/slice.js";
import { View } from "../../src/replication/view.js";
import { randomSchedule } from "../../src/testing/random-schedule.js";
import { failureOf } from "./run-seed.js";
import { wrap, wrapGetter, type Restore } from "./wrap.js";

const seedsTried = 300;
const timeout = 120_000;

interface BrokenRule {
  readonly rule: string;
  /** What the oracle that finds it says. */
  readonly found: RegExp;
  readonly break: () => readonly Restore[];
}

const rules: readonly BrokenRule[] = [
  {
    rule: "a late frame is a lost frame",
    found: /divergence|went back|goes back/,
    break: () => {
      // Makes every frame look newer than all before.
      let counter = 0;
      return [
        wrap(
          Membership.prototype,
          "hear",
          (original) =>
            function (this: Membership, life, _, direct) {
              counter += 1;
              return original.call(this, life, counter, direct);
            },
        ),
        wrap(
          RemoteSlice.prototype,
          "compare",
          (original) =>
            function (this: RemoteSlice, summary) {
              return original.call(this, summary, counter);
            },
        ),
        wrap(
          RemoteSlice.prototype,
          "receiveDelta",
          (original) =>
            function (this: RemoteSlice, message, _, direct) {
              return original.call(this, message, counter, direct);
            },
        ),
      ];
    },
  },
  {
    rule: "only what joins on is merged",
    found: /dots \[|never flushed/,
    break: () => [
      wrap(
        RemoteSlice.prototype,
        "receiveDelta",
        (original) =>
          function (this: RemoteSlice, message, ...rest) {
            const since = Math.min(message.since, this.clock);
            return original.call(this, { ...message, since }, ...rest);
          },
      ),
    ],
  },
  {
    rule: "a delta in parts is merged whole or not at all",
    found: /dots \[|never flushed/,
    break: () => [
      wrap(
        RemoteSlice.prototype,
        "receiveDelta",
        (original) =>
          function (this: RemoteSlice, message, ...rest) {
            return original.call(this, { ...message, part: 1, parts: 1 }, ...rest);
          },
      ),
    ],
  },
  {
    rule: "what is seen was flushed",
    found: /dots \[|never flushed/,
    break: () => [
      wrap(
        Authorship.prototype,
        "answerOne",
        (original) =>
          function (this: Authorship, nowMs) {
            // What waits is not flushed now, and spoken of all the same.
            const restore = wrapGetter(AuthoredShard.prototype, "pendingDots", () => 0);
            original.call(this, nowMs);
            restore();
          },
      ),
    ],
  },
  {
    rule: "what is missing is asked for",
    found: /lacks|ghost|instead of|not complete/,
    break: () => [
      wrap(
        Requests.prototype,
        "want",
        () =>
          function () {
            return Infinity;
          },
      ),
    ],
  },
  {
    rule: "a few requests at once, with patience",
    found: /requests within a second/,
    break: () => {
      // Patience always runs out at once.
      let aheadMs = 0;
      return [
        wrap(
          Requests.prototype,
          "advance",
          (original) =>
            function (this: Requests, nowMs, send) {
              aheadMs += 100_000;
              original.call(this, nowMs + aheadMs, send);
              return this.size === 0 ? undefined : nowMs + 5;
            },
        ),
      ];
    },
  },
  {
    rule: "a digest that disagrees is noticed",
    found: /lacks|ghost|instead of|dots/,
    break: () => [
      wrap(
        RemoteSlice.prototype,
        "compare",
        (original) =>
          function (this: RemoteSlice, ...input) {
            const verdict = original.apply(this, input);
            return verdict === "diverged" ? "equal" : verdict;
          },
      ),
    ],
  },
  {
    rule: "everybody says regularly that he is there",
    found: /falsely down|does not know|lacks|ghost|not complete/,
    break: () => [
      wrap(
        Outbox.prototype,
        "sendHeartbeat",
        () =>
          function () {
            return undefined;
          },
      ),
    ],
  },
  {
    rule: "an update is one, not a leave and a join",
    found: /in one diff twice|not removed/,
    break: () => [
      wrap(
        View.prototype,
        "update",
        () =>
          function (this: View, entry, previous) {
            this.leave(previous, "untracked");
            this.join(entry);
          },
      ),
    ],
  },
  {
    rule: "flush on the leading edge, then once in a period",
    found: /flushes in/,
    break: () => [
      wrap(
        Authorship.prototype,
        "flushDue",
        (original) =>
          function (this: Authorship, nowMs) {
            this.flushAll(nowMs);
            return original.call(this, nowMs);
          },
      ),
    ],
  },
  {
    rule: "silence is counted in healthy time",
    found: /falsely down/,
    break: () => {
      const lastPassMs = new WeakMap<Membership, number>();
      let nowMs = 0;
      return [
        wrap(
          Replicator.prototype,
          "advance",
          (original) =>
            function (this: Replicator, time) {
              nowMs = time;
              original.call(this, time);
            },
        ),
        wrap(
          Membership.prototype,
          "pass",
          (original) =>
            function (this: Membership, elapsedMs) {
              const realMs = nowMs - (lastPassMs.get(this) ?? nowMs - elapsedMs);
              lastPassMs.set(this, nowMs);
              original.call(this, realMs);
            },
        ),
      ];
    },
  },
  {
    rule: "while the pubsub is disconnected nobody is silent",
    found: /falsely down/,
    break: () => [
      wrap(
        Replicator.prototype,
        "setConnected",
        () =>
          function () {
            return undefined;
          },
      ),
    ],
  },
  {
    rule: "reconnecting forgives the silence before",
    found: /falsely down/,
    break: () => [
      wrap(
        Membership.prototype,
        "forgiveSilence",
        () =>
          function () {
            return undefined;
          },
      ),
    ],
  },
  {
    rule: "down hides, it does not delete",
    found: /was dropped|went back/,
    break: () => [
      wrap(
        Membership.prototype,
        "pass",
        (original) =>
          function (this: Membership, elapsedMs) {
            original.call(this, elapsedMs);
            for (const replica of this.replicas()) if (replica.status === "down") replica.slices.clear();
          },
      ),
    ],
  },
  {
    rule: "who was down is shown again when it has caught up",
    found: /before it has caught up/,
    break: () => [wrapGetter(Replica.prototype, "isComplete", () => true)],
  },
  {
    rule: "a restart leaves the earlier life what is left of its window",
    found: /cut at its replacement/,
    break: () => [
      wrap(
        Membership.prototype,
        "silenceOf",
        () =>
          function () {
            return Infinity;
          },
      ),
    ],
  },
  {
    rule: "a goodbye has a window",
    found: /after a goodbye of/,
    break: () => [
      wrap(
        Membership.prototype,
        "goodbye",
        (original) =>
          function (this: Membership, replica) {
            original.call(this, replica, 0);
          },
      ),
    ],
  },
  {
    rule: "what departs leaves when its key is elsewhere",
    found: /which departs, is still shown/,
    break: () => [
      wrap(
        View.prototype,
        "handOff",
        () =>
          function () {
            return undefined;
          },
      ),
    ],
  },
  {
    rule: "no frame is larger than the pubsub allows",
    found: /above the limit/,
    break: () => [
      wrap(
        Outbox.prototype,
        "sendDelta",
        () =>
          function (this: Outbox, delta, to) {
            this.send(delta, to);
          },
      ),
    ],
  },
  {
    rule: "what is down is forgotten only after permdownPeriodMs",
    found: /is gone/,
    break: () => [
      wrap(
        Membership.prototype,
        "pass",
        (original) =>
          function (this: Membership, elapsedMs) {
            original.call(this, elapsedMs);
            for (const replica of this.replicas()) if (replica.status === "down") replica.silentMs += 1e9;
          },
      ),
    ],
  },
  {
    rule: "who has nothing to say says nothing but that he is there",
    found: /frames in \d+ idle heartbeats/,
    break: () => [
      wrap(
        Authorship.prototype,
        "flushDue",
        (original) =>
          function (this: Authorship, nowMs) {
            this.sendHeartbeat();
            return original.call(this, nowMs);
          },
      ),
    ],
  },
  {
    rule: "counts count what is listed",
    found: /countKeys\(/,
    break: () => [
      wrap(
        View.prototype,
        "countKeys",
        () =>
          function (this: View, topic) {
            return this.count(topic);
          },
      ),
    ],
  },
];

describe("each rule, switched off", () => {
  const restores: Restore[] = [];

  afterEach(() => {
    for (const restore of restores.splice(0).reverse()) restore();
  });

  for (const { rule, found, break: breakRule } of rules) {
    it(`is missed: ${rule}`, { timeout }, async () => {
      restores.push(...breakRule());
      const others: string[] = [];
      for (let seed = 1; seed <= seedsTried; seed += 1) {
        const failure = await failureOf(randomSchedule(seed));
        if (failure === undefined) continue;
        if (found.test(failure)) return;
        others.push(`seed ${seed}: ${failure.split("\n").slice(0, 3).join(" ")}`);
      }
      expect.fail(
        `${seedsTried} seeds have not shown it; what they showed:\n${others.slice(0, 3).join("\n")}`,
      );
    });
  }
});

describe("with all rules", () => {
  it("the same seeds pass", { timeout }, async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      expect(await failureOf(randomSchedule(seed)), `seed ${seed}`).toBeUndefined();
    }
  });
});
