/**
 * Replaces methods of the production classes for as long as a test wants it: the code itself offers no switches.
 */
import type { Step } from "../../src/replication/step.js";

/** Puts back what was replaced. */
export type Restore = () => void;

/** Replaces a method of a class. `make` gets the original. */
function wrap<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
  make: (original: T[K]) => T[K],
): Restore {
  const original = prototype[name];
  prototype[name] = make(original);
  return () => {
    prototype[name] = original;
  };
}

/** A step of a replicator that does nothing. */
export const NO_STEP: Step = { made: undefined, effects: [] };

type Callable = (...input: unknown[]) => unknown;

/** What stands in the place of a method: it gets the original, bound, before the arguments. */
type Replacement<T, K extends keyof T> = T[K] extends (...input: infer Input) => infer Output
  ? (this: T, original: (...input: Input) => Output, ...input: Input) => Output
  : never;

/** Replaces a method of a class by one that may call the original. */
export function instead<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
  replacement: Replacement<T, K>,
): Restore {
  return wrap(prototype, name, (original) => {
    const method = function (this: T, ...input: unknown[]): unknown {
      const bound = (original as Callable).bind(this);
      return (replacement as unknown as (...given: unknown[]) => unknown).call(this, bound, ...input);
    };
    return method as T[K];
  });
}

/** Replaces a getter of a class by one that is given what the original returns. */
export function wrapGetter<T extends object, K extends keyof T & string>(
  prototype: T,
  name: K,
  get: (this: T, value: T[K]) => T[K],
): Restore {
  const original = Object.getOwnPropertyDescriptor(prototype, name);
  if (original?.get === undefined) throw new TypeError(`${name} is no getter`);
  const { get: getOriginal } = original;
  Object.defineProperty(prototype, name, {
    ...original,
    get(this: T) {
      return get.call(this, getOriginal.call(this) as T[K]);
    },
  });
  return () => {
    Object.defineProperty(prototype, name, original);
  };
}
