/** The digest of entries, as both sides of a share sum them up. Pure. */
import { Digest } from "../../crdt/digest.js";
import { ReplicatedEntry } from "../entry.js";

export function sumOf(entries: Iterable<ReplicatedEntry>, hashOf = ReplicatedEntry.hashOf): Digest {
  const sum = new Digest();
  for (const entry of entries) sum.add(ReplicatedEntry.clockOf(entry), hashOf(entry));
  return sum;
}
