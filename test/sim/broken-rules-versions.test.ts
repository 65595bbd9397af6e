/** Rules of clusters of several versions: each is needed, for a run sees when it is off. */
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import {
  furtherIsLeftAlone,
  newcomersAreUnderstood,
  otherVersionsAreReported,
  thoseOfBeforeAreUnderstood,
  upgradesLoseNobody,
} from "./runs-of-versions.js";

const rules: readonly BrokenRule[] = [
  {
    rule: "R53 is missed: what stands in a version that this node does not read is not guessed",
    found: /guesses what another version says/,
    run: otherVersionsAreReported,
    broken: { rules: { isRead: () => true } },
  },
  {
    rule: "R53 is missed: a node that has no version in common is nobody's replica",
    found: /guesses what another version says/,
    run: otherVersionsAreReported,
    broken: { rules: { isForeign: () => false } },
  },
  {
    rule: "R84 is missed: a cluster speaks the newest version that all understand",
    found: /lists \d+ of 20 users/,
    run: upgradesLoseNobody,
    broken: { rules: { spokenVersion: (_, { newest }) => newest } },
  },
  {
    rule: "R84 is missed: those of before are understood",
    found: /lists \d+ of 20 users/,
    run: thoseOfBeforeAreUnderstood,
    broken: { rules: { spokenVersion: (_, { newest }) => newest } },
  },
  {
    rule: "R85 is missed: a node begins with the oldest version that it speaks",
    found: /sees late what a newcomer says/,
    run: newcomersAreUnderstood,
    broken: { rules: { versionAtStart: ({ newest }) => newest } },
  },
  {
    rule: "R85 is missed: a node speaks a newer version to those who read nothing older",
    found: /lists \d+ of 20 users/,
    run: upgradesLoseNobody,
    broken: { rules: { neededVersion: (spoken) => spoken } },
  },
  {
    rule: "R85 is missed: a node hears the others out before it speaks a newer version",
    found: /sees late what a newcomer says/,
    run: newcomersAreUnderstood,
    broken: { rules: { goesUp: () => true } },
  },
  {
    rule: "R86 is missed: what is further is left alone",
    found: /lists \d+ of 20 users/,
    run: furtherIsLeftAlone,
    broken: { rules: { leavesFurther: () => false } },
  },
];

describeBrokenRules("each rule of several versions, switched off", rules);
