/** Rules of catching up: each is needed, for a run sees when it is off. */
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import { saysNothingOfEarlierRevisions, staysHeardOut } from "./broken-replicators.js";
import { editSent } from "./lies.js";
import {
  aHeartbeatMayBeOlderThanAReconnect,
  answersInPartsArrive,
  askingHasALimit,
  inventedLivesCostLittle,
  newcomersHearOut,
  newcomersWaitForWindows,
  oneHeartbeatIsNotEnough,
  overtakenHeartbeatsTell,
  reasonsAreTold,
  slowLinksFetchOnce,
  slowNetworksAreHeardOut,
  waitsEnd,
  waitsEndThoughItFlaps,
  whoReturnsIsShown,
  whoReturnsIsShownThoughMuchIsLost,
} from "./runs-of-catching-up.js";
import { deafBySlowness, deploying, reconnectingAmongLateFrames } from "./schedules.js";

const rules: readonly BrokenRule[] = [
  {
    rule: "R8 is missed: an answer that came in parts, and not in order, is fetched as pages",
    found: /an answer in parts never gets through/,
    run: answersInPartsArrive,
    broken: { rules: { isFetchedAsPages: () => false } },
  },
  {
    rule: "R18 is missed: who is heard again is shown when what it had then is held, whatever came since",
    found: /is not shown after/,
    run: whoReturnsIsShownThoughMuchIsLost,
    broken: { rules: { isShownAgain: ({ isComplete }) => isComplete } },
  },
  {
    rule: "R1 is missed: a question and its answer in one frame hold however late they come",
    found: /is not shown after/,
    run: whoReturnsIsShown,
    broken: { rules: { holdsLate: () => false } },
  },
  {
    rule: "R1 is missed: a heartbeat that was overtaken tells what its life had when it came back",
    found: /whose heartbeat was overtaken is not shown/,
    run: overtakenHeartbeatsTell,
    broken: { rules: { sumsUpLate: () => false } },
  },
  {
    rule: "R18 is missed: a wait for completeness ends with what was known when it began",
    found: /is not complete after/,
    run: waitsEnd,
    broken: { rules: { hasReached: (clock, _, target) => clock >= target } },
  },
  {
    rule: "R46 is missed: others are heard out for a round of heartbeats",
    found: /lists \d of 2 when/,
    run: newcomersHearOut,
    broken: { limits: { hearingOutHeartbeats: 0 } },
  },
  {
    rule: "R58 is missed: a newcomer waits for windows that it could not know of",
    found: /lists 2 of 3 when/,
    run: newcomersWaitForWindows,
    broken: { rules: { earlierWindowMs: () => 0 } },
  },
  {
    rule: "R58 is missed: whatever happens, a newcomer lists who waits elsewhere when it is complete",
    found: /is complete without one who waits elsewhere/,
    schedule: deploying,
    broken: { rules: { earlierWindowMs: () => 0 } },
  },
  {
    rule: "R45 is missed: one heartbeat that all hear may be older than this life",
    found: /is caught up with after one heartbeat/,
    run: oneHeartbeatIsNotEnough,
    broken: { rules: { isHeardOut: () => true } },
  },
  {
    rule: "R45 is missed: one heartbeat that all hear may be older than the last reconnect",
    found: /is complete without what others had at the reconnect/,
    run: aHeartbeatMayBeOlderThanAReconnect,
    broken: { rules: { isHeardOut: () => true } },
  },
  {
    rule: "R45 is missed: a life that is heard again after a reconnect sums itself up anew",
    found: /is complete \d+ ms after its start .* without \d+ entries/,
    schedule: reconnectingAmongLateFrames,
    broken: { replicator: staysHeardOut },
  },
  {
    rule: "R81 is missed: who was not heard out when the connection was lost goes on where it was",
    found: /is not complete after 30 connections/,
    run: waitsEndThoughItFlaps,
    broken: { rules: { beginsAnew: () => true, asksToSumUp: () => false } },
  },
  {
    rule: "R82 is missed: where frames take their time, only an answer tells what was there since",
    found: /is complete without \d+ of \d+ entries that others had/,
    run: slowNetworksAreHeardOut,
    broken: { rules: { isSlow: () => false, mayBeSlow: () => false } },
  },
  {
    rule: "R82 is missed: as long as nothing has come back, frames may take their time",
    found: /is complete \d+ ms after its start .* without \d+ entries/,
    firstSeed: 80,
    schedule: deafBySlowness,
    broken: { rules: { mayBeSlow: () => false } },
  },
  {
    rule: "R5 is missed: revisions that were updated before their session closed are told as closed",
    found: /hears that updates untracked/,
    run: reasonsAreTold,
    broken: { replicator: saysNothingOfEarlierRevisions },
  },
  {
    rule: "R5 is missed: pages tell which sessions closed",
    found: /hears that closes untracked/,
    run: reasonsAreTold,
    broken: {
      startTracker: editSent((frame) =>
        frame.message.type === "page" ? { ...frame, message: { ...frame.message, closed: [] } } : frame,
      ),
    },
  },
  {
    rule: "R15 is missed: who does not answer waits in the slow lane",
    found: /requests a second to lives that do not answer/,
    run: inventedLivesCostLittle,
    broken: { limits: { failuresOfSlowLives: Infinity } },
  },
  {
    rule: "R17 is missed: who asks has an account",
    found: /bytes are told to one/,
    run: askingHasALimit,
    broken: { rules: { answerCredit: () => Infinity } },
  },
  {
    rule: "R16 is missed: patience follows the round trip",
    found: /asks \d+ times for \d+ pages/,
    run: slowLinksFetchOnce,
    broken: { rules: { likelyAnswerMs: () => 250 } },
  },
];

describeBrokenRules("each rule of catching up, switched off", rules);
