/**
 * `rollcall/crdt`: the set that the tracker runs on, to be used and tested by itself. Begin reading in
 * `orswot.ts`.
 */
export { decode, encode } from "./codec.js";
export type { ContextView } from "./context.js";
export type { Birth, Change, Delta, Element, Part, Removal, UpdatedElement } from "./delta.js";
export type { Dot } from "./dot.js";
export { join } from "./join.js";
export { Orswot, type OrswotOptions } from "./orswot.js";
