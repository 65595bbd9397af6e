/** `rollcall/inspect`: a page on which a tracker and its cluster can be looked at, for any server. */
export { inspectFetch, inspectHandler } from "./handler.js";
export type { Inspected } from "./overview.js";
