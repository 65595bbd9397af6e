/** Rules of catching up: each is needed, for a run sees when it is off. */
import { Answers } from "../../src/replication/answers.js";
import { Endings } from "../../src/replication/endings.js";
import { Membership } from "../../src/replication/membership.js";
import { Replica } from "../../src/replication/replica.js";
import { Replicator } from "../../src/replication/replicator.js";
import { Requests } from "../../src/replication/requests.js";
import { RoundTrip } from "../../src/replication/round-trip.js";
import { Engine } from "../../src/tracker/engine.js";
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import {
  askingHasALimit,
  inventedLivesCostLittle,
  newcomersHearOut,
  reasonsAreTold,
  slowLinksFetchOnce,
  waitsEnd,
  whoReturnsIsShown,
} from "./runs-of-catching-up.js";
import { startingAmongLateFrames } from "./schedules.js";
import { instead, wrapGetter } from "./wrap.js";

const rules: readonly BrokenRule[] = [
  {
    rule: "who is heard again is shown when what it had then is held, whatever came since",
    found: /is not shown after/,
    run: whoReturnsIsShown,
    break: () => [
      wrapGetter(Replica.prototype, "hasCaughtUp", function () {
        return this.isComplete;
      }),
    ],
  },
  {
    rule: "a question and its answer in one frame hold however late they come",
    found: /is not shown after/,
    run: whoReturnsIsShown,
    break: () => [instead(Membership.prototype, "presentOf", () => undefined)],
  },
  {
    rule: "a wait for completeness ends with what was known when it began",
    found: /is not complete after/,
    run: waitsEnd,
    break: () => [
      instead(Replicator.prototype, "catchUp", function (original, asOfNow) {
        const goal = original(asOfNow);
        Object.defineProperty(goal, "isReached", {
          get: () => [...this.membership.replicas()].every(({ isComplete }) => isComplete),
        });
        return goal;
      }),
    ],
  },
  {
    rule: "others are heard out for a round of heartbeats",
    found: /lists \d of 2 when/,
    run: newcomersHearOut,
    break: () => [
      instead(Engine.prototype, "hasHeardOut", function () {
        return this.replicator.connected;
      }),
    ],
  },
  {
    rule: "one heartbeat that all hear may be older than this life",
    found: /is complete \d+ ms after its start .* without \d+ entries/,
    schedule: startingAmongLateFrames,
    break: () => [wrapGetter(Replica.prototype, "hasBeenHeardOut", () => true)],
  },
  {
    rule: "revisions that were updated before their session closed are told as closed",
    found: /hears that updates untracked/,
    run: reasonsAreTold,
    break: () => [
      instead(Endings.prototype, "ended", (original, clock, born, closed) =>
        original(clock, born, closed, () => undefined),
      ),
    ],
  },
  {
    rule: "pages tell which sessions closed",
    found: /hears that closes untracked/,
    run: reasonsAreTold,
    break: () => [instead(Endings.prototype, "closed", () => [].values() as never)],
  },
  {
    rule: "who does not answer waits in the slow lane",
    found: /requests a second to lives that do not answer/,
    run: inventedLivesCostLittle,
    break: () => [
      instead(Requests.prototype, "placesOf", (original) => original(0)),
      wrapGetter(Requests.prototype, "slowPlaces", () => Infinity),
    ],
  },
  {
    rule: "who asks has an account",
    found: /bytes are told to one/,
    run: askingHasALimit,
    break: () => [instead(Answers.prototype, "charge", () => undefined)],
  },
  {
    rule: "patience follows the round trip",
    found: /asks \d+ times for \d+ pages/,
    run: slowLinksFetchOnce,
    break: () => [wrapGetter(RoundTrip.prototype, "patienceMs", () => 250)],
  },
];

describeBrokenRules("each rule of catching up, switched off", rules);
