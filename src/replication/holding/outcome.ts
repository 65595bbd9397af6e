/** What comes of what a slice is told. */
import type { SliceRequest } from "../message.js";
import type { SliceChange } from "./identity.js";

/**
 * What a delta or a page came to. Taken, it tells what it changed, whether it brought the slice on, and what is to be
 * asked for next, if anything is missing; for any other reason it changed nothing.
 */
type Outcome<Reason extends string> =
  | {
      readonly type: "taken";
      readonly change: SliceChange;
      readonly isNews: boolean;
      readonly request: SliceRequest | undefined;
    }
  | { readonly type: Reason };

/** `broken`: it was the last part, and not all before it came in their order. `crowded`: there is no room for it. */
export type DeltaOutcome = Outcome<"broken" | "crowded">;

/** `foreign`: not a page of the running rebuild. `unusable`: it names what is not held, so what is held is wrong. */
export type PageOutcome = Outcome<"foreign" | "unusable" | "crowded">;
