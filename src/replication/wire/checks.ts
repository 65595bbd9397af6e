/** The checks of what was decoded: each returns the value with its type, or refuses the frame. Pure. */

/** Why a text is no frame. Never leaves the decoder. */
export class Refusal extends Error {}

export function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Refusal(`bad ${what}`);
}

export function integer(value: unknown, what: string): number {
  check(typeof value === "number" && Number.isSafeInteger(value) && value >= 0, what);
  return value;
}

export function positive(value: unknown, what: string): number {
  const number = integer(value, what);
  check(number >= 1, what);
  return number;
}

/** An integer of either sign. */
export function step(value: unknown, what: string): number {
  check(typeof value === "number" && Number.isSafeInteger(value), what);
  return value;
}

export function array(value: unknown, what: string): readonly unknown[] {
  check(Array.isArray(value), what);
  return value;
}
