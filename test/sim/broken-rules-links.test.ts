/** Rules of links, periods and connections that come and go: each is needed, for a run sees when it is off. */
import { asksWhetherThere } from "../../src/replication/message.js";
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import { believesForgedClocks, editEffects, editFrames } from "./broken-replicators.js";
import {
  clocksMayBeAheadOnce,
  deafInboxesAreMadeUpFor,
  forgedCountersAreDoubted,
  hiccupsEnd,
  periodsMayDiffer,
  reconnectsAreNotAnswered,
  theDeadGoDownWhileItFlaps,
  theForgottenAreSpokenTo,
  theLivingStayUpWhileItFlaps,
  thoseMadeUpMakeRoom,
  whoIsOftenLateSaysSo,
  withoutBroadcasts,
  withoutDirectMessages,
} from "./runs-of-links.js";

const rules: readonly BrokenRule[] = [
  {
    rule: "R33 is missed: after a reconnect a heartbeat is sent, but not if the last one is what broke the connection",
    found: /broadcasts in two seconds, of which each broke/,
    run: reconnectsAreNotAnswered,
    broken: { rules: { reconnectHeartbeatDueMs: (nowMs) => nowMs } },
  },
  {
    rule: "R34 is missed: a silence is forgiven once",
    found: /is kept up by reconnecting/,
    run: theDeadGoDownWhileItFlaps,
    broken: { rules: { isForgiven: () => true } },
  },
  {
    rule: "R34 is missed: who is not forgiven again is asked",
    found: /goes down while the connection flaps/,
    run: theLivingStayUpWhileItFlaps,
    broken: {
      replicator: editFrames((frame) => {
        const { message } = frame;
        return message.type === "deltaRequest" && asksWhetherThere(message) ? undefined : frame;
      }),
    },
  },
  {
    rule: "R35 is missed: who is about to go down is asked",
    found: /without broadcasts a node goes down|without broadcasts something is missing for good/,
    run: withoutBroadcasts,
    broken: { rules: { isMissed: () => false } },
  },
  {
    rule: "R23 is missed: what is not answered is asked for aloud",
    found: /without directs something is missing for good/,
    run: withoutDirectMessages,
    broken: { rules: { asksAloud: () => false } },
  },
  {
    rule: "R23 is missed: a question is no answer",
    found: /does not list what a node with a deaf inbox tracks/,
    run: deafInboxesAreMadeUpFor,
    broken: { rules: { isAnswer: () => true } },
  },
  {
    rule: "R24 is missed: a link in doubt is tried by time, also while the node is down",
    found: /does not reach again a node whose broadcasts are lost/,
    run: hiccupsEnd,
    broken: { rules: { triedAfterMs: (isDown, patienceMs) => (isDown ? Infinity : patienceMs / 8) } },
  },
  {
    rule: "R23 is missed: what is asked for aloud is answered aloud",
    found: /without directs something is missing for good/,
    run: withoutDirectMessages,
    broken: { rules: { answersAloud: () => false } },
  },
  {
    rule: "R24 is missed: a link that fails is told of",
    found: /does not tell that directs are lost/,
    run: withoutDirectMessages,
    broken: {
      replicator: editEffects((effect) =>
        effect.type === "replicaLink" || (effect.type === "trouble" && effect.trouble.kind === "link")
          ? undefined
          : effect,
      ),
    },
  },
  {
    rule: "R22 is missed: who was heard once is spoken to",
    found: /says nothing to a node that it has forgotten/,
    run: theForgottenAreSpokenTo,
    broken: { rules: { isSpokenTo: () => false } },
  },
  {
    rule: "R36 is missed: a node is judged by its own period",
    // Asking keeps it up, but its link seems to be broken.
    found: /a node of another period flickers|does not tell, once, that periods differ/,
    run: periodsMayDiffer,
    broken: { rules: { downPeriodOf: (_, downPeriodMs) => downPeriodMs } },
  },
  {
    rule: "R36 is missed: another period is told of",
    found: /does not tell, once, that periods differ/,
    run: periodsMayDiffer,
    broken: { rules: { isOtherPeriod: () => false } },
  },
  {
    rule: "R60 is missed: a node that is often late says so",
    found: /a node that is often late is hidden \d+ times/,
    run: whoIsOftenLateSaysSo,
    broken: { rules: { saidPeriodMs: (periodMs) => periodMs } },
  },
  {
    rule: "R40 is missed: who is heard after later lives of its name have ended was not before them",
    found: /is not heard long after a clock that was ahead/,
    run: clocksMayBeAheadOnce,
    broken: { rules: { endsEarlier: () => true } },
  },
  {
    rule: "R42 is missed: a table that is full makes room",
    found: /has no room for a node/,
    run: thoseMadeUpMakeRoom,
    broken: { rules: { isSpare: () => false } },
  },
  {
    rule: "R41 is missed: late frames that were never heard and go on are heard",
    // What it sends to this node alone is heard still.
    found: /one forged frame closes the ears to a node|does not tell of a forged counter/,
    run: forgedCountersAreDoubted,
    broken: { rules: { goesOn: () => false } },
  },
  {
    rule: "R41 is missed: late frames are heard only if they go on",
    found: /hears a late frame of/,
    broken: { rules: { goesOn: () => true } },
  },
  {
    rule: "R41 is missed: what came with a forged counter is doubted",
    found: /one forged frame closes the ears to a node|is not complete after a forged frame/,
    run: forgedCountersAreDoubted,
    broken: { replicator: believesForgedClocks },
  },
];

describeBrokenRules("each rule of links and periods, switched off", rules);
