/** Rules of who is alive: each is needed, for an oracle sees when it is off. */
import { RULES, type Rules } from "../../src/replication/rules.js";
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import {
  afterSteps,
  editEffects,
  goesOnAfterStop,
  NO_STEP,
  NotedReplicator,
  stepping,
} from "./broken-replicators.js";
import { lies } from "./lies.js";
import {
  closingAfterStopSaysNothing,
  departingTakesNoPlaceOfItsOwn,
  departingTakesOverFromNobody,
  forgedEntriesAreBounded,
  deploysOneAfterTheOther,
  evictionsAreAskedForAgain,
  forgedNamesAreBounded,
  goodbyesAreSaidOnce,
  livesThatAreOverAreBounded,
  madeUpGoodbyesEnd,
  madeUpLivesYield,
  twinsAreReported,
} from "./runs-of-lives.js";
import { hinting, lateFirstFrames, losingTheBroker, turnedBackWhileDown, turningBack } from "./schedules.js";

/** So many places are taken under a key as were at any time. */
function neverFewer(): Rules["placesTaken"] {
  let most = 0;
  return (waiting, came, takenElsewhere) => {
    most = Math.max(most, RULES.placesTaken(waiting, came, takenElsewhere));
    return Math.min(waiting, most);
  };
}

const silence: readonly BrokenRule[] = [
  {
    rule: "R32 is missed: silence is counted in healthy time",
    found: /falsely down/,
    broken: {
      rules: {
        healthyMs: (elapsedMs, _, isConnected) => (isConnected ? elapsedMs : 0),
        hides: () => true,
        // After a stall it would doubt its own connection as well, and hide nobody.
        hidesUnheard: () => true,
        graceMs: () => 0,
      },
    },
  },
  {
    rule: "R32 is missed: while the pubsub is disconnected nobody is silent",
    found: /falsely down/,
    schedule: losingTheBroker,
    broken: {
      rules: {
        healthyMs: (elapsedMs, tickPeriodMs) => Math.min(elapsedMs, 2 * tickPeriodMs),
        hides: () => true,
      },
    },
  },
  {
    rule: "R46 is missed: a node that is disconnected does not claim to be complete",
    found: /says that it is complete while it is disconnected/,
    firstSeed: 13,
    broken: {
      startTracker: lies((tracker) => ({
        health: () => {
          const health = tracker.health();
          return { ...health, complete: health.replicas.every(({ complete }) => complete) };
        },
      })),
    },
  },
  {
    rule: "R34 is missed: reconnecting forgives the silence before",
    found: /falsely down/,
    schedule: losingTheBroker,
    broken: { rules: { isForgiven: () => false } },
  },
  {
    rule: "R30 is missed: who is silent is hidden",
    found: /believes that [a-e] is up/,
    broken: { rules: { isSilent: () => false } },
  },
  {
    rule: "R30 is missed: down hides, it does not delete",
    found: /was dropped/,
    broken: {
      replicator: afterSteps(({ status, held }) => {
        if (status === "down") held.slices.clear();
      }),
    },
  },
  {
    rule: "R31 is missed: who was down is shown again when it has caught up",
    found: /is shown again before it has caught up/,
    broken: { rules: { isShownAgain: () => true } },
  },
  {
    rule: "R30 is missed: what is down is forgotten only after permdownPeriodMs",
    found: /is gone \d+ ms after it was down/,
    broken: { rules: { isForgotten: () => true } },
  },
  {
    rule: "R30 is missed: what is down is forgotten after permdownPeriodMs",
    found: /is remembered \d+ ms longer than it should/,
    broken: { rules: { isForgotten: () => false } },
  },
  {
    rule: "R30 is missed: who is gone was down before",
    found: /is gone without having been down/,
    broken: { replicator: editEffects((effect) => (effect.type === "replicaDown" ? undefined : effect)) },
  },
  {
    rule: "R30 is missed: a hint hides at once",
    found: /is shown though it is known to be gone/,
    schedule: hinting,
    broken: { replicator: stepping((_, step, event) => (event.type === "nodeGone" ? NO_STEP : step())) },
  },
  {
    rule: "R30 is missed: a hint hides, it does not delete",
    found: /was dropped/,
    schedule: hinting,
    broken: {
      replicator: afterSteps(({ name, held }, event) => {
        if (event.type === "nodeGone" && event.name === name) held.slices.clear();
      }),
    },
  },
];

const lives: readonly BrokenRule[] = [
  {
    rule: "R37 is missed: a larger incarnation replaces a smaller at once",
    found: /does not listen to .*, the latest life of its name/,
    broken: {
      rules: {
        isSuperseded: (incarnation, present) => incarnation !== present,
      },
    },
  },
  {
    rule: "R38 is missed: a smaller incarnation is ignored beside a larger",
    found: /listens to .* while a later life of its name is there/,
    firstSeed: 10,
    broken: { rules: { isSuperseded: () => false } },
  },
  {
    rule: "R38 is missed: a smaller incarnation is heard beside a larger that is down only once it insists",
    found: /listens at once to .*, beside a later life of its name/,
    schedule: turnedBackWhileDown,
    broken: { rules: { insists: () => true } },
  },
  {
    rule: "R38 is missed: a life that is not heard yields to one that insists",
    found: /does not list who is there/,
    run: madeUpLivesYield,
    broken: { rules: { yields: () => false } },
  },
  {
    rule: "R39 is missed: a life that is over is not listened to",
    found: /listens to .*, which is over/,
    firstSeed: 42,
    broken: { rules: { isOver: () => false } },
  },
  {
    rule: "R39 is missed: a life before one that is over is over too",
    found: /listens at once to .*, which came before one that is over/,
    schedule: lateFirstFrames,
    broken: { rules: { isOver: (isKnown) => isKnown } },
  },
  {
    rule: "R39 is missed: a life that was taken for over and insists is heard",
    found: /does not know that life \d+ of [a-e] is up/,
    schedule: turningBack,
    broken: { rules: { insists: () => false } },
  },
  {
    rule: "R39 is missed: the list of lives that are over is bounded",
    found: /remembers too many lives that are over/,
    run: livesThatAreOverAreBounded,
    broken: { limits: { livesOver: Infinity } },
  },
  {
    rule: "R42 is missed: the lives that are known are bounded",
    found: /knows \d+ lives that somebody made up/,
    run: forgedNamesAreBounded,
    broken: { limits: { knownLives: Infinity } },
  },
  {
    rule: "R59 is missed: what others have is kept as far as there is room",
    found: /holds \d+ entries where there is room for \d+/,
    run: forgedEntriesAreBounded,
    broken: { rules: { hasRoom: () => true } },
  },
  {
    rule: "R44 is missed: two lives of a name that go on are reported",
    found: /does not report a conflict/,
    run: twinsAreReported,
    broken: { rules: { isConflict: () => false } },
  },
  {
    rule: "R44 is missed: late frames of a life that has ended are no conflict",
    found: /a false name conflict/,
    firstSeed: 10,
    broken: { rules: { isConflict: () => true } },
  },
];

const departing: readonly BrokenRule[] = [
  {
    rule: "R37 is missed: a restart leaves the earlier life what is left of its window",
    found: /cut at its replacement/,
    broken: { rules: { restOfWindowMs: () => 0 } },
  },
  {
    rule: "R37 is missed: a restart leaves the earlier life no more than what is left",
    found: /is kept \d+ ms beyond its window/,
    broken: { rules: { restOfWindowMs: (patienceMs) => patienceMs } },
  },
  {
    rule: "R43 is missed: a goodbye has a window",
    found: /cut \S+ ms after a goodbye of/,
    broken: { rules: { windowMs: () => 0 } },
  },
  {
    rule: "R43 is missed: a goodbye without a window ends at once",
    found: /is kept \d+ ms beyond its window/,
    broken: { rules: { windowMs: () => 30_000 } },
  },
  {
    rule: "R51 is missed: no goodbye has a window beyond permdownPeriodMs",
    found: /is kept \d+ ms beyond its window/,
    firstSeed: 191,
    broken: { rules: { windowMs: (askedMs) => askedMs } },
  },
  {
    rule: "R43 is missed: a repeated goodbye does not extend the window",
    found: /is kept \d+ ms beyond its window/,
    run: goodbyesAreSaidOnce,
    broken: { rules: { countsGoodbye: () => true } },
  },
  {
    rule: "R43 is missed: a life that goes on after a goodbye has not ended",
    found: /takes b for departing/,
    run: madeUpGoodbyesEnd,
    broken: { rules: { hasNotEnded: () => false } },
  },
  {
    rule: "R43 is missed: what departs goes when its window ends",
    found: /is kept \d+ ms beyond its window/,
    broken: { rules: { hasEnded: () => false } },
  },
  {
    rule: "R43 is missed: what departs is never declared down",
    found: /, which departs, is taken for down/,
    broken: {
      replicator: stepping(({ membership }, step, event) => {
        if (event.type !== "turn") return step();
        for (const replica of membership.replicas()) {
          replica.heardHealthyMs -= 4_000;
          if (replica.status === "departing") replica.status = "up";
        }
        return step();
      }),
    },
  },
  {
    rule: "R43 is missed: what comes after a goodbye takes a place",
    found: /which departs, is still shown beside what came/,
    run: deploysOneAfterTheOther,
    broken: { rules: { placesTaken: () => 0 } },
  },
  {
    rule: "R43 is missed: what comes after a goodbye takes no more than one place",
    found: /which departs, is hidden though nobody has its place/,
    run: deploysOneAfterTheOther,
    broken: { rules: { placesTaken: (waiting, came) => (came > 0 ? waiting : 0) } },
  },
  {
    rule: "R43 is missed: an entry that takes one place takes no other",
    found: /which departs, is hidden though nobody has its place/,
    run: deploysOneAfterTheOther,
    broken: { rules: { placesTaken: (waiting, came) => Math.min(waiting, came) } },
  },
  {
    rule: "R43 is missed: an entry that was there at the goodbye takes no place",
    found: /which departs, is hidden though nobody has its place/,
    run: deploysOneAfterTheOther,
    broken: { rules: { takesPlace: (isOwn) => !isOwn } },
  },
  {
    rule: "R43 is missed: nobody takes the place of its own life",
    found: /takes the place of another of its life/,
    run: departingTakesNoPlaceOfItsOwn,
    broken: { rules: { takesPlace: (_isOwn, wasThere) => !wasThere } },
  },
  {
    rule: "R43 is missed: a place is free again when the entry that took it goes",
    found: /which departs, is hidden though nobody has its place/,
    run: deploysOneAfterTheOther,
    broken: { rules: { placesTaken: neverFewer() } },
  },
  {
    rule: "R43 is missed: what departs itself takes over from nobody",
    found: /of two that depart only one is shown/,
    run: departingTakesOverFromNobody,
    broken: { rules: { takesPlace: (isOwn) => !isOwn } },
  },
  {
    rule: "R61 is missed: an owner that did not hear is asked again",
    found: /somebody who was to go is still there/,
    run: evictionsAreAskedForAgain,
    broken: { rules: { asksAgain: () => false } },
  },
  {
    rule: "R27 is missed: sessions that close after stop announce nothing",
    found: /left as closed after its node has stopped/,
    run: closingAfterStopSaysNothing,
    broken: { startTracker: goesOnAfterStop, replicator: NotedReplicator },
  },
];

describeBrokenRules("each rule of silence, switched off", silence);
describeBrokenRules("each rule of lives, switched off", lives);
describeBrokenRules("each rule of departing, switched off", departing);
