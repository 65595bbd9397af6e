/**
 * A set of objects that has one member most often, a few sometimes, and many seldom: the member itself, a list, or a Set.
 * There is one for each topic of each pair of nodes, and a Set of one takes 184 bytes. A change returns the new value, which takes
 * the place of the old one. A list itself never changes, so a walk over it sees the members that it began with. Knows nothing of its
 * members.
 */

/** To look for one among so many costs less than a Set of them takes. */
const MOST_LISTED = 16;

/** Of objects that are no lists and no sets; `undefined`: of none. */
export type Few<T extends object> = T | readonly T[] | Set<T> | undefined;

export function membersOf<T extends object>(few: Few<T>): readonly T[] | Set<T> {
  if (few === undefined) return [];
  return few instanceof Set || Array.isArray(few) ? (few as readonly T[] | Set<T>) : [few as T];
}

export function sizeOf<T extends object>(few: Few<T>): number {
  const members = membersOf(few);
  return members instanceof Set ? members.size : members.length;
}

/** With one more, which is not there. */
export function withMember<T extends object>(few: Few<T>, member: T): Few<T> {
  const members = membersOf(few);
  if (members instanceof Set) return members.add(member);
  if (members.length === 0) return member;
  // Each list is as long as it has to be: one that grows is given places for sixteen more.
  return members.length < MOST_LISTED ? members.concat(member) : new Set(members).add(member);
}

/** Without one, if it is there. */
export function withoutMember<T extends object>(few: Few<T>, member: T): Few<T> {
  const members = membersOf(few);
  if (members instanceof Set) return members.delete(member) && members.size === 0 ? undefined : members;
  const left = members.filter((each) => each !== member);
  return left.length > 1 ? left : left[0];
}
