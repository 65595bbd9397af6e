/**
 * Replaces methods of the production classes for as long as a test wants it: the code itself offers no switches.
 */

/** Puts back what was replaced. */
export type Restore = () => void;

/** Replaces a method of a class. `make` gets the original. */
export function wrap<T extends object, K extends keyof T>(
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

/** Replaces a getter of a class. */
export function wrapGetter<T extends object, K extends keyof T & string>(
  prototype: T,
  name: K,
  get: (this: T) => T[K],
): Restore {
  const original = Object.getOwnPropertyDescriptor(prototype, name);
  if (original?.get === undefined) throw new TypeError(`${name} is no getter`);
  Object.defineProperty(prototype, name, { ...original, get });
  return () => {
    Object.defineProperty(prototype, name, original);
  };
}
