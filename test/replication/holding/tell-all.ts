/** What a change comes to where a slice was replaced, and tells of it in parts: all of them, one after the other. */
import type { SliceChange } from "../../../src/replication/holding/identity.js";
import type { RemoteSlice } from "../../../src/replication/holding/remote-slice.js";
import { Allowance } from "../../../src/replication/allowance.js";

export function tellAll(slice: RemoteSlice, first: SliceChange, perStep = Infinity): SliceChange {
  let { added, updated, removed } = first;
  while (slice.isReplacing) {
    const part = slice.tellMore(new Allowance(perStep));
    added = [...added, ...part.added];
    updated = [...updated, ...part.updated];
    removed = [...removed, ...part.removed];
  }
  return { added, updated, removed };
}
