/** Rules of links, periods and connections that come and go: each is needed, for a run sees when it is off. */
import { Authorship } from "../../src/replication/authorship.js";
import { Contact } from "../../src/replication/contact.js";
import { Insistence } from "../../src/replication/insistence.js";
import { Link } from "../../src/replication/link.js";
import { Membership } from "../../src/replication/membership.js";
import { Outbox } from "../../src/replication/outbox.js";
import { OverLives } from "../../src/replication/over-lives.js";
import { Replica } from "../../src/replication/replica.js";
import { RemoteSlice } from "../../src/replication/slice.js";
import { UnheardCounters } from "../../src/replication/unheard.js";
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import {
  clocksMayBeAheadOnce,
  forgedCountersAreDoubted,
  periodsMayDiffer,
  theDeadGoDownWhileItFlaps,
  theForgottenAreSpokenTo,
  theLivingStayUpWhileItFlaps,
  thoseMadeUpMakeRoom,
  withoutBroadcasts,
  withoutDirectMessages,
} from "./runs-of-links.js";
import { instead, wrapGetter } from "./wrap.js";

const rules: readonly BrokenRule[] = [
  {
    rule: "a silence is forgiven once",
    found: /is kept up by reconnecting/,
    run: theDeadGoDownWhileItFlaps,
    break: () => [
      instead(Membership.prototype, "forgiveSilence", function (original) {
        for (const replica of this.replicas()) replica.forgivenMs = undefined;
        original();
      }),
    ],
  },
  {
    rule: "who is not forgiven again is asked",
    found: /goes down while the connection flaps/,
    run: theLivingStayUpWhileItFlaps,
    break: () => [instead(Contact.prototype, "missed", () => undefined)],
  },
  {
    rule: "who is about to go down is asked",
    found: /without broadcasts a node goes down|without broadcasts something is missing for good/,
    run: withoutBroadcasts,
    break: () => [instead(Contact.prototype, "missed", () => undefined)],
  },
  {
    rule: "what is not answered is asked for aloud",
    found: /without directs something is missing for good/,
    run: withoutDirectMessages,
    break: () => [instead(Link.prototype, "ask", () => false)],
  },
  {
    rule: "what is asked for aloud is answered aloud",
    found: /without directs something is missing for good/,
    run: withoutDirectMessages,
    break: () => [
      instead(Authorship.prototype, "ask", (original, by, { aloud: _, ...request }, counter, nowMs) =>
        original(by, request, counter, nowMs),
      ),
    ],
  },
  {
    rule: "a link that fails is told of",
    found: /does not tell that directs are lost/,
    run: withoutDirectMessages,
    break: () => [instead(Link.prototype, "heard", () => undefined)],
  },
  {
    rule: "who was heard once is spoken to",
    found: /says nothing to a node that it has forgotten/,
    run: theForgottenAreSpokenTo,
    break: () => [
      instead(Outbox.prototype, "sendDelta", function (original, delta, to) {
        if (to !== undefined || delta.since > 0) original(delta, to);
      }),
    ],
  },
  {
    rule: "a node is judged by its own period",
    // Asking keeps it up, but its link seems to be broken.
    found: /a node of another period flickers|does not tell, once, that periods differ/,
    run: periodsMayDiffer,
    break: () => [instead(Membership.prototype, "downPeriodOf", (original) => original(undefined))],
  },
  {
    rule: "another period is told of",
    found: /does not tell, once, that periods differ/,
    run: periodsMayDiffer,
    break: () => [
      instead(Contact.prototype, "learnPeriod", (_, replica, periodMs) => {
        replica.heartbeatPeriodMs = periodMs;
      }),
    ],
  },
  {
    rule: "who is heard after later lives of its name have ended was not before them",
    found: /is not heard long after a clock that was ahead/,
    run: clocksMayBeAheadOnce,
    break: () => [instead(OverLives.prototype, "overtake", () => true)],
  },
  {
    rule: "a table that is full makes room",
    found: /has no room for a node/,
    run: thoseMadeUpMakeRoom,
    break: () => [wrapGetter(Replica.prototype, "isEmpty", () => false)],
  },
  {
    rule: "late frames that were never heard and go on are heard",
    // What it sends to this node alone is heard still.
    found: /one forged frame closes the ears to a node|does not tell of a forged counter/,
    run: forgedCountersAreDoubted,
    break: () => [instead(UnheardCounters.prototype, "take", () => false)],
  },
  {
    rule: "late frames are heard only if they go on",
    found: /hears a late frame of/,
    break: () => [instead(Insistence.prototype, "insistedMs", () => Infinity)],
  },
  {
    rule: "what came with a forged counter is doubted",
    found: /one forged frame closes the ears to a node|is not complete after a forged frame/,
    run: forgedCountersAreDoubted,
    break: () => [instead(RemoteSlice.prototype, "forgetCounters", () => undefined)],
  },
];

describeBrokenRules("each rule of links and periods, switched off", rules);
