/** Rules of rebuilding and of divergences: each is needed, for an oracle sees when it is off. */
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import { editEffects } from "./broken-replicators.js";
import {
  alteredValuesHeal,
  divergenceHeals,
  firstSyncShowsItsPages,
  rebuildCostsWhatChanged,
} from "./runs.js";
import { rebuilding, smallLimits } from "./schedules.js";

/** The invariant: a slice that is held is exactly what its author had at one flushed clock. */
const invariant = /the dots \[|never flushed/;

const rules: readonly BrokenRule[] = [
  {
    rule: "R10 is missed: a rebuild is not shown half-way",
    found: invariant,
    schedule: rebuilding,
    limits: smallLimits,
    broken: { rules: { isFirstSync: () => true } },
  },
  {
    rule: "R10 is missed: deltas carry a rebuild on to the highest clock that a page spoke of",
    found: invariant,
    schedule: rebuilding,
    limits: smallLimits,
    broken: { rules: { standsAt: ({ until }) => until } },
  },
  {
    rule: "R10 is missed: what a page says is kept has to be held",
    found: invariant,
    schedule: rebuilding,
    limits: smallLimits,
    broken: { rules: { isUnusable: () => false } },
  },
  {
    rule: "R12 is missed: what is doubted is built from nothing",
    found: /requests within a second|not settled after/,
    firstSeed: 26,
    broken: { rules: { rebuildBase: (_, heldBase) => heldBase } },
  },
  {
    rule: "R12 is missed: what is not doubted is built from what is held",
    found: /of \d+ births travelled again/,
    run: rebuildCostsWhatChanged,
    broken: { rules: { rebuildBase: () => 0 } },
  },
  {
    rule: "R10 is missed: what stays through a rebuild stays the same",
    found: /to the revision that was there/,
    firstSeed: 26,
    broken: { rules: { isSameRevision: () => false } },
  },
  {
    rule: "R11 is missed: the first sync shows its pages as they come",
    found: /lists nobody until everything is there/,
    run: firstSyncShowsItsPages,
    broken: { rules: { isFirstSync: () => false } },
  },
  {
    rule: "R10 is missed: a page holds so many births and no more",
    found: /an answer of \d+ items, where/,
    firstSeed: 35,
    broken: { limits: { pageItems: Infinity } },
  },
  {
    rule: "R12 is missed: a digest that disagrees is noticed",
    found: /(lacks|has the ghost|instead of) /,
    firstSeed: 26,
    broken: { rules: { agrees: () => true } },
  },
  {
    rule: "R13 is missed: a digest is of the values too",
    found: /an altered (topic|key|session|meta) has not healed/,
    run: alteredValuesHeal,
    broken: { rules: { hashOf: () => 0 } },
  },
  {
    rule: "R12 is missed: a divergence is reported, and heals within two heartbeats",
    found: /a divergence was not reported/,
    run: divergenceHeals,
    broken: {
      // It is repaired in silence.
      replicator: editEffects((effect) => (effect.type === "divergence" ? undefined : effect)),
    },
  },
];

describeBrokenRules("each rule of rebuilding, switched off", rules);
