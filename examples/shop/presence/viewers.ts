/** Who looks at which product: a plain tracker, used only for its counts. */
import { Tracker, type PubSub } from "rollcall";
import type { Product } from "../store/catalogue.ts";

/** A viewer's meta says nothing: that the entry is there is all there is to know. */
export type ViewerMeta = Record<never, never>;
export type Viewers = Tracker<ViewerMeta>;

export const viewersTopic = (product: Product): string => `product:${product.id}`;

export function startViewers(pubsub: PubSub): Promise<Viewers> {
  return Tracker.start<ViewerMeta>({}, { name: "viewers", pubsub });
}
