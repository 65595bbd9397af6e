/** Rules of rebuilding and of divergences: each is needed, for an oracle sees when it is off. */
import { AuthoredShard } from "../../src/replication/author.js";
import { ReplicatedEntry } from "../../src/replication/entry.js";
import type { Page } from "../../src/replication/message.js";
import { RemoteSlice } from "../../src/replication/slice.js";
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import {
  alteredValuesHeal,
  divergenceHeals,
  firstSyncShowsItsPages,
  rebuildCostsWhatChanged,
} from "./runs.js";
import { rebuilding, smallLimits } from "./schedules.js";
import { instead, wrapGetter } from "./wrap.js";

/** The invariant: a slice that is held is exactly what its author had at one flushed clock. */
const invariant = /the dots \[|never flushed/;

const rules: readonly BrokenRule[] = [
  {
    rule: "a rebuild is not shown half-way",
    found: invariant,
    schedule: rebuilding,
    limits: smallLimits,
    break: () => [
      instead(RemoteSlice.prototype, "startRebuild", function (original, id, doubted) {
        const restore = wrapGetter(RemoteSlice.prototype, "isNew", () => true);
        original(id, doubted);
        restore();
      }),
    ],
  },
  {
    rule: "deltas carry a rebuild on to the highest clock that a page spoke of",
    found: invariant,
    schedule: rebuilding,
    limits: smallLimits,
    break: () => [
      instead(RemoteSlice.prototype, "receivePage", (original, page, counter) =>
        original({ ...page, asOf: page.until }, counter),
      ),
    ],
  },
  {
    rule: "what a page says is kept has to be held",
    found: invariant,
    schedule: rebuilding,
    limits: smallLimits,
    break: () => [
      instead(RemoteSlice.prototype, "receivePage", function (original, page, counter) {
        return original(onlyHeld(this, page), counter);
      }),
    ],
  },
  {
    rule: "what is doubted is built from nothing",
    found: /requests within a second|not settled after/,
    break: () => [instead(RemoteSlice.prototype, "startRebuild", (original, id) => original(id, false))],
  },
  {
    rule: "what is not doubted is built from what is held",
    found: /of \d+ births travelled again/,
    run: rebuildCostsWhatChanged,
    break: () => [instead(RemoteSlice.prototype, "startRebuild", (original, id) => original(id, true))],
  },
  {
    rule: "what stays through a rebuild stays the same",
    found: /to the revision that was there/,
    break: () => [instead(RemoteSlice.prototype, "heldAs", () => undefined)],
  },
  {
    rule: "the first sync shows its pages as they come",
    found: /lists nobody until everything is there/,
    run: firstSyncShowsItsPages,
    break: () => [wrapGetter(RemoteSlice.prototype, "isNew", () => false)],
  },
  {
    rule: "a page holds so many births and no more",
    found: /an answer of \d+ items, where/,
    break: () => [
      instead(AuthoredShard.prototype, "page", (original, request) => original(request, Infinity)),
    ],
  },
  {
    rule: "a digest that disagrees is noticed",
    found: /(lacks|has the ghost|instead of) /,
    break: () => [
      instead(RemoteSlice.prototype, "compare", (original, ...input) => {
        const verdict = original(...input);
        return verdict === "diverged" ? "equal" : verdict;
      }),
    ],
  },
  {
    rule: "a digest is of the values too",
    found: /an altered (topic|key|session|meta) has not healed/,
    run: alteredValuesHeal,
    break: () => [instead(ReplicatedEntry, "hashOf", () => 0)],
  },
  {
    rule: "a divergence is reported, and heals within two heartbeats",
    found: /a divergence was not reported/,
    run: divergenceHeals,
    break: () => [
      // It is repaired in silence.
      instead(RemoteSlice.prototype, "compare", function (original, ...input) {
        const verdict = original(...input);
        if (verdict !== "diverged") return verdict;
        this.startRebuild(1_000_000, true);
        return "behind";
      }),
    ],
  },
];

/** A page that says nothing is kept that is not. */
function onlyHeld(slice: RemoteSlice, page: Page): Page {
  const kept = page.kept.flatMap(({ first, last }) => {
    const clocks = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    return clocks.filter((clock) => slice.entries.has(clock)).map((clock) => ({ first: clock, last: clock }));
  });
  return { ...page, kept };
}

describeBrokenRules("each rule of rebuilding, switched off", rules);
