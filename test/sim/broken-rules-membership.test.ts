/** Rules of who is alive: each is needed, for an oracle sees when it is off. */
import { Insistence } from "../../src/replication/insistence.js";
import { Membership } from "../../src/replication/membership.js";
import { OverLives } from "../../src/replication/over-lives.js";
import { Replica } from "../../src/replication/replica.js";
import { Replicator } from "../../src/replication/replicator.js";
import { Engine } from "../../src/tracker/engine.js";
import { OwnedEntries } from "../../src/tracker/owned.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { View } from "../../src/replication/view.js";
import { ReplicatedEntry } from "../../src/replication/entry.js";
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import {
  closingAfterStopSaysNothing,
  departingTakesOverFromNobody,
  forgedNamesAreBounded,
  goodbyesAreSaidOnce,
  livesThatAreOverAreBounded,
  twinsAreReported,
} from "./runs-of-lives.js";
import { hinting, lateFirstFrames, losingTheBroker, turningBack } from "./schedules.js";
import { instead, wrapGetter } from "./wrap.js";

const silence: readonly BrokenRule[] = [
  {
    rule: "silence is counted in healthy time",
    found: /falsely down/,
    break: () => {
      const lastPassMs = new WeakMap<Membership, number>();
      let nowMs = 0;
      return [
        instead(Replicator.prototype, "advance", (original, time) => {
          nowMs = time;
          original(time);
        }),
        instead(Membership.prototype, "pass", function (original, elapsedMs) {
          const realMs = nowMs - (lastPassMs.get(this) ?? nowMs - elapsedMs);
          lastPassMs.set(this, nowMs);
          original(realMs);
        }),
      ];
    },
  },
  {
    rule: "while the pubsub is disconnected nobody is silent",
    found: /falsely down/,
    schedule: losingTheBroker,
    break: () => {
      const lastPassMs = new WeakMap<Membership, number>();
      let nowMs = 0;
      return [
        instead(Replicator.prototype, "advance", (original, time) => {
          nowMs = time;
          original(time);
        }),
        instead(Membership.prototype, "pass", function (original, elapsedMs) {
          const realMs = nowMs - (lastPassMs.get(this) ?? nowMs);
          lastPassMs.set(this, nowMs);
          original(elapsedMs === 0 ? realMs : elapsedMs);
        }),
      ];
    },
  },
  {
    rule: "whoever is disconnected does not claim to be complete",
    found: /says that it is complete while it is disconnected/,
    break: () => [
      instead(Engine.prototype, "isComplete", function () {
        return [...this.replicator.membership.replicas()].every((replica) => replica.isComplete);
      }),
    ],
  },
  {
    rule: "reconnecting forgives the silence before",
    found: /falsely down/,
    schedule: losingTheBroker,
    break: () => [instead(Membership.prototype, "forgiveSilence", () => undefined)],
  },
  {
    rule: "who is silent is hidden",
    found: /believes that [a-e] is up/,
    break: () => [
      instead(Membership.prototype, "pass", function (original, elapsedMs) {
        for (const replica of this.replicas()) replica.silentMs = 0;
        original(elapsedMs);
      }),
    ],
  },
  {
    rule: "down hides, it does not delete",
    found: /was dropped/,
    break: () => [
      instead(Membership.prototype, "pass", function (original, elapsedMs) {
        original(elapsedMs);
        for (const replica of this.replicas()) if (replica.status === "down") replica.slices.clear();
      }),
    ],
  },
  {
    rule: "who was down is shown again when it has caught up",
    found: /is shown again before it has caught up/,
    break: () => [wrapGetter(Replica.prototype, "hasCaughtUp", () => true)],
  },
  {
    rule: "what is down is forgotten only after permdownPeriodMs",
    found: /is gone \d+ ms after it was down/,
    break: () => [
      instead(Membership.prototype, "pass", function (original, elapsedMs) {
        original(elapsedMs);
        for (const replica of this.replicas()) if (replica.status === "down") replica.silentMs += 1e9;
      }),
    ],
  },
  {
    rule: "what is down is forgotten after permdownPeriodMs",
    found: /is remembered \d+ ms longer than it should/,
    break: () => [
      instead(Membership.prototype, "pass", function (original, elapsedMs) {
        for (const replica of this.replicas()) if (replica.status === "down") replica.silentMs = 0;
        original(elapsedMs);
      }),
    ],
  },
  {
    rule: "who is gone was down before",
    found: /is gone without having been down/,
    break: () => [
      instead(Membership.prototype, "pass", function (original, elapsedMs) {
        for (const replica of this.replicas()) {
          if (replica.status !== "up" || replica.silentMs + elapsedMs < 3_000) continue;
          replica.status = "down";
          replica.silentMs = 1e10;
        }
        original(elapsedMs);
      }),
    ],
  },
  {
    rule: "a hint hides at once",
    found: /is shown though it is known to be gone/,
    schedule: hinting,
    break: () => [instead(Membership.prototype, "gone", () => undefined)],
  },
  {
    rule: "a hint hides, it does not delete",
    found: /was dropped/,
    schedule: hinting,
    break: () => [
      instead(Membership.prototype, "gone", function (original, name) {
        original(name);
        for (const replica of this.replicas()) if (replica.name === name) replica.slices.clear();
      }),
    ],
  },
];

const lives: readonly BrokenRule[] = [
  {
    rule: "a larger incarnation replaces a smaller at once",
    found: /does not listen to .*, the latest life of its name/,
    break: () => [
      instead(Membership.prototype, "hear", function (original, life, ...rest) {
        for (const { name, status, life: other } of this.replicas()) {
          const isEarlier = name === life.name && other.incarnation < life.incarnation;
          if (isEarlier && status === "up") return "superseded";
        }
        return original(life, ...rest);
      }),
    ],
  },
  {
    rule: "a smaller incarnation is ignored while the larger is up",
    found: /listens to .* while a later life of its name is there/,
    break: () => [
      instead(Membership.prototype, "hear", function (original, life, ...rest) {
        for (const replica of this.replicas()) {
          const isLater = replica.name === life.name && replica.life.incarnation > life.incarnation;
          if (isLater && replica.status === "up") replica.status = "down";
        }
        return original(life, ...rest);
      }),
    ],
  },
  {
    rule: "a smaller incarnation is admitted when the larger is down",
    found: /does not know that life \d+ of [a-e] is up/,
    break: () => [
      instead(Membership.prototype, "hear", function (original, life, ...rest) {
        for (const { name, life: other } of this.replicas()) {
          if (name === life.name && other.incarnation > life.incarnation) return "superseded";
        }
        return original(life, ...rest);
      }),
    ],
  },
  {
    rule: "a life that is over is not listened to",
    found: /listens to .*, which is over/,
    break: () => [
      instead(OverLives.prototype, "has", () => false),
      instead(OverLives.prototype, "hasLater", () => false),
    ],
  },
  {
    rule: "a life before one that is over is over too",
    found: /listens at once to .*, which came before one that is over/,
    schedule: lateFirstFrames,
    break: () => [instead(OverLives.prototype, "hasLater", () => false)],
  },
  {
    rule: "a life that was taken for over and insists is heard",
    found: /does not know that life \d+ of [a-e] is up/,
    schedule: turningBack,
    break: () => [instead(OverLives.prototype, "delete", () => undefined)],
  },
  {
    rule: "the list of lives that are over is bounded",
    found: /remembers too many lives that are over/,
    run: livesThatAreOverAreBounded,
    break: () => [instead(OverLives.prototype, "forgetFirst", () => undefined)],
  },
  {
    rule: "the lives that are known are bounded",
    found: /knows \d+ lives that somebody made up/,
    run: forgedNamesAreBounded,
    break: () => [wrapGetter(Membership.prototype, "size", () => 1)],
  },
  {
    rule: "two lives of a name that go on are reported",
    found: /does not report a conflict/,
    run: twinsAreReported,
    break: () => [instead(Insistence.prototype, "report", () => false)],
  },
  {
    rule: "late frames of a life that has ended are no conflict",
    found: /a false name conflict/,
    break: () => [
      instead(Insistence.prototype, "insistedMs", (original, ...frame) => original(...frame) + 100_000),
      instead(Insistence.prototype, "since", () => -Infinity),
    ],
  },
];

const departing: readonly BrokenRule[] = [
  {
    rule: "a restart leaves the earlier life what is left of its window",
    found: /cut at its replacement/,
    break: () => [instead(Membership.prototype, "silenceOf", () => Infinity)],
  },
  {
    rule: "a restart leaves the earlier life no more than what is left",
    found: /is kept \d+ ms beyond its window/,
    break: () => [instead(Membership.prototype, "silenceOf", () => 0)],
  },
  {
    rule: "a goodbye has a window",
    found: /cut \S+ ms after a goodbye of/,
    break: () => [instead(Membership.prototype, "goodbye", (original, replica) => original(replica, 0))],
  },
  {
    rule: "a goodbye without a window ends at once",
    found: /is kept \d+ ms beyond its window/,
    break: () => [instead(Membership.prototype, "goodbye", (original, replica) => original(replica, 30_000))],
  },
  {
    rule: "no goodbye has a window beyond permdownPeriodMs",
    found: /is kept \d+ ms beyond its window/,
    break: () => [
      instead(Membership.prototype, "goodbye", (original, replica, windowMs) => {
        const departs = replica.status !== "departing";
        original(replica, windowMs);
        if (departs && replica.status === "departing") replica.windowMs = windowMs;
      }),
    ],
  },
  {
    rule: "a repeated goodbye does not extend the window",
    found: /is kept \d+ ms beyond its window/,
    run: goodbyesAreSaidOnce,
    break: () => [
      instead(Membership.prototype, "goodbye", (original, replica, windowMs) => {
        if (replica.status === "departing") replica.windowMs = windowMs;
        original(replica, windowMs);
      }),
    ],
  },
  {
    rule: "what departs goes when its window ends",
    found: /is kept \d+ ms beyond its window/,
    break: () => [
      instead(Membership.prototype, "pass", function (original, elapsedMs) {
        for (const replica of this.replicas()) replica.windowMs = 1e9;
        original(elapsedMs);
      }),
    ],
  },
  {
    rule: "what departs is never declared down",
    found: /, which departs, is taken for down/,
    break: () => [
      instead(Membership.prototype, "pass", function (original, elapsedMs) {
        for (const replica of this.replicas()) if (replica.status === "departing") replica.status = "up";
        original(elapsedMs + 4_000);
      }),
    ],
  },
  {
    rule: "what departs leaves when its key is elsewhere",
    found: /which departs, is still shown beside another/,
    break: () => [instead(View.prototype, "handOff", () => undefined)],
  },
  {
    rule: "what was handed off is shown again when the last that took over goes",
    found: /which departs, is hidden though nobody else shows it/,
    break: () => [instead(View.prototype, "handBack", () => undefined)],
  },
  {
    rule: "what departs itself takes over from nobody",
    found: /of two that depart only one is shown/,
    run: departingTakesOverFromNobody,
    break: () => [
      instead(View.prototype, "isElsewhere", function (_, entry) {
        const owner = ReplicatedEntry.ownerOf(entry);
        return this.getByKey(ReplicatedEntry.topicOf(entry), entry.key).some(
          (other) => ReplicatedEntry.ownerOf(other) !== owner,
        );
      }),
    ],
  },
  {
    rule: "sessions that close after stop announce nothing",
    found: /left as closed after its node has stopped/,
    run: closingAfterStopSaysNothing,
    break: () => [
      instead(OwnedEntries.prototype, "end", () => undefined),
      wrapGetter(Tracker.prototype, "stopped", () => false),
    ],
  },
];

describeBrokenRules("each rule of silence, switched off", silence);
describeBrokenRules("each rule of lives, switched off", lives);
describeBrokenRules("each rule of departing, switched off", departing);
