/** Ways to damage what a tracker holds or tells, so that an oracle has something to see. */
import { ReplicatedEntry } from "../../src/replication/entry.js";
import type { WireBirth } from "../../src/replication/message.js";
import { RemoteSlice } from "../../src/replication/holding/remote-slice.js";
import { View } from "../../src/replication/showing/view.js";
import type { LeaveReason, TopicDiff } from "../../src/words.js";
import { instead, type Restore } from "./wrap.js";

/** Changes what diffs say of a topic, on their way to the application. */
export function editDiffs(edit: (diff: TopicDiff) => TopicDiff): Restore {
  return instead(View.prototype, "takeDiff", (original) => {
    const diff = original();
    return diff && new Map(Array.from(diff, ([topic, topicDiff]) => [topic, edit(topicDiff)]));
  });
}

/** Delivers every diff that brings such changes a second time. */
export function repeatDiffs(part: "joins" | "leaves"): Restore {
  const again = new WeakMap<View, ReturnType<View["takeDiff"]>>();
  return instead(View.prototype, "takeDiff", function (original) {
    const diff = original();
    if (diff === undefined) {
      const repeated = again.get(this);
      again.delete(this);
      return repeated;
    }
    const topics = [...diff].filter(([, topicDiff]) => topicDiff[part].length > 0);
    const none = { joins: [], updates: [], leaves: [] };
    const repeated = topics.map(
      ([topic, topicDiff]) => [topic, { ...none, [part]: topicDiff[part] }] as const,
    );
    if (repeated.length > 0) again.set(this, new Map(repeated));
    return diff;
  });
}

/** Changes births on their way into a slice. */
export function editBirths(edit: (birth: WireBirth) => WireBirth): Restore {
  return instead(RemoteSlice.prototype, "receiveDelta", (original, message, ...rest) =>
    original({ ...message, births: message.births.map(edit) }, ...rest),
  );
}

/** Tells another reason for what leaves because it is silent. */
export function sayInsteadOfDown(told: LeaveReason): Restore {
  return instead(View.prototype, "leave", (original, entry, reason) =>
    original(entry, reason === "down" ? told : reason),
  );
}

/** Lets an entry of a replaced life, whose window has ended, come back once its next life has shown something. */
export function reviveTheReplaced(): Restore {
  const departed = new Map<View, ReplicatedEntry[]>();
  const reviving = new Map<View, (() => void)[]>();
  const restores = [
    instead(View.prototype, "leave", function (original, entry, reason) {
      original(entry, reason);
      if (reason === "replaced") departed.set(this, [...(departed.get(this) ?? []), entry]);
    }),
    instead(View.prototype, "join", function (original, entry) {
      original(entry);
      const owner = ReplicatedEntry.ownerOf(entry);
      const earlier = departed
        .get(this)
        ?.find(
          (other) =>
            other.node === entry.node && other.key !== entry.key && ReplicatedEntry.ownerOf(other) !== owner,
        );
      if (earlier === undefined || reviving.has(this)) return;
      // Not in the diff in which it left: there they would cancel.
      reviving.set(this, [() => undefined, () => original(earlier)]);
    }),
    instead(View.prototype, "takeDiff", function (original) {
      reviving.get(this)?.shift()?.();
      return original();
    }),
  ];
  return () => {
    for (const restore of restores.reverse()) restore();
  };
}
