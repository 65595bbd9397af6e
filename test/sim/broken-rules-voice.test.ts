/** Rules of a node that hears itself, or does not: each is needed, for a run sees when it is off. */
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import {
  cutsAreNoDeaths,
  killsAreNoticed,
  theEarlyAskNobody,
  theIgnorantAreNotBelieved,
  theUnsteadyHaveMoreTime,
} from "./runs-of-deaths.js";
import { whoLooksOnIsNobody } from "./runs-of-observers.js";
import {
  theBrokerMayStandStill,
  theDeafAreNoNoise,
  theDeafHideNobody,
  theDeafSaySo,
} from "./runs-of-voice.js";

const rules: readonly BrokenRule[] = [
  {
    rule: "R54 is missed: a node is connected as far as it hears itself",
    found: /says that it is connected, and hears nobody/,
    run: theDeafSaySo,
    broken: { rules: { isDeaf: () => false } },
  },
  {
    rule: "R54 is missed: a node that says it is connected hears itself",
    found: /says that it is connected, and has not heard itself for long/,
    broken: { rules: { isDeaf: () => false } },
  },
  {
    rule: "R54 is missed: a node that doubts its connection speaks again before it is deaf",
    found: /broadcast \d+ frames in \d+ idle heartbeats|sent itself \d+ frames/,
    broken: { rules: { isOverdue: () => true } },
  },
  {
    rule: "R54 is missed: it does so no sooner than a tick after it did last",
    found: /sends \d+ frames in two heartbeats, as its connection flaps/,
    run: theDeafAreNoNoise,
    broken: { rules: { soundingDueMs: () => -Infinity } },
  },
  {
    rule: "R55 is missed: a node that does not hear itself counts nobody's silence",
    found: /a node that is deaf hides who is there/,
    run: theDeafHideNobody,
    broken: { rules: { countsSilence: () => true, hidesUnheard: () => true } },
  },
  {
    rule: "R56 is missed: a node that hears itself again is as after a reconnect",
    found: /somebody leaves though only the broker stood still/,
    run: theBrokerMayStandStill,
    broken: { rules: { isAsReconnected: () => false } },
  },
  {
    rule: "R57 is missed: who is silent is asked about",
    found: /a kill is noticed late/,
    run: killsAreNoticed,
    broken: { rules: { isMissing: () => false } },
  },
  {
    rule: "R57 is missed: one answer is not enough",
    found: /a node whose connection is cut is hidden/,
    run: cutsAreNoDeaths,
    broken: { rules: { isAbsent: () => true } },
  },
  {
    rule: "R57 is missed: a node that was away and came back has more time",
    found: /a node that is cut again is hidden/,
    run: theUnsteadyHaveMoreTime,
    broken: { rules: { isUnsteady: () => false } },
  },
  {
    rule: "R57 is missed: a node that has reconnected lately asks nobody",
    found: /a node that reconnects later is hidden/,
    run: theEarlyAskNobody,
    broken: { rules: { mayAskForDeaths: () => true } },
  },
  {
    rule: "R57 is missed: an answer that does not know this node itself is none",
    found: /a pubsub that knows nobody is believed/,
    run: theIgnorantAreNotBelieved,
    broken: { rules: { isBelieved: () => true } },
  },
  {
    rule: "R62 is missed: an observer is nobody's replica",
    found: /who looks on is a replica/,
    run: whoLooksOnIsNobody,
    broken: { rules: { isNobodysReplica: () => false } },
  },
];

describeBrokenRules("each rule of a node's own voice, switched off", rules);
