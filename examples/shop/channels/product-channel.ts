/** The channel of one product on one open page: live stock, and being counted among those who look at it. */
import type { ChannelHandlers } from "rollcall/channels";
import { viewersTopic, type Viewers } from "../presence/viewers.ts";
import { isCartId } from "../store/carts.ts";
import { products, type Product } from "../store/catalogue.ts";
import type { StockPipeline } from "../stock-pipeline.ts";

export interface ProductChannelParts {
  readonly node: string;
  readonly viewers: Viewers;
  readonly pipeline: StockPipeline;
}

interface Viewing {
  readonly product: Product;
  /** Counts a shopper once, however many tabs show the product. */
  readonly viewer: string;
}

export function productChannel({ node, viewers, pipeline }: ProductChannelParts): ChannelHandlers<Viewing> {
  return {
    join({ topic, session }, params) {
      const product = products.find((each) => viewersTopic(each) === topic);
      if (product === undefined) return { error: { reason: "unknown_product" } };
      const viewer = isCartId(params["cart"]) ? params["cart"] : session.id;
      return { ok: { node, stock: pipeline.viewOf(product) }, assigns: { product, viewer } };
    },
    joined(channel) {
      // A node that has said goodbye counts nobody any more.
      if (viewers.stopped) return;
      const { product, viewer } = channel.assigns;
      viewers.track(channel.session, viewersTopic(product), viewer, {});
    },
  };
}
