/** Who looks at which product: a plain tracker, used for its counts. */
import { Tracker, type PubSub, type TrackerBehaviour } from "rollcall";
import type { Product } from "../store/catalogue.ts";

/** A viewer's meta says nothing: that the entry is there is all there is to know. */
type ViewerMeta = Record<never, never>;
export type Viewers = Tracker<ViewerMeta>;

export const viewersTopic = (product: Product): string => `product:${product.id}`;

/** `onArrival` hears each topic that somebody has come to, on any node. */
export function startViewers(pubsub: PubSub, onArrival: (topic: string) => void): Promise<Viewers> {
  const behaviour: TrackerBehaviour<ViewerMeta> = {
    handleDiff(diff) {
      for (const [topic, { joins }] of diff) if (joins.length > 0) onArrival(topic);
    },
  };
  return Tracker.start<ViewerMeta>(behaviour, { name: "viewers", pubsub });
}
