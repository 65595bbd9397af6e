/**
 * The channel of one open page: shows the cart that all tabs of a browser share, and tracks the page for the
 * admins. The tabs may be on different nodes: whoever changes the cart tells the others to look again.
 */
import type { Channel, ChannelHandlers, JsonPayload, Reply } from "rollcall/channels";
import type { AssetPath } from "../assets.ts";
import { cartTopic, type CartTracker } from "../presence/cart-tracker.ts";
import type { LocalShoppers } from "../presence/local-shoppers.ts";
import { isCartId, type CartLine, type Carts } from "../store/carts.ts";
import type { StockNews } from "../stock-news.ts";
import type { CartProblem, CartView } from "../wire.ts";
import { CartHolders } from "./cart-holders.ts";
import { readItemId, readPage } from "./read-input.ts";

export interface CartChannelParts {
  readonly node: string;
  readonly asset: AssetPath;
  readonly carts: Carts;
  readonly tracker: CartTracker;
  readonly news: StockNews;
  readonly shoppers: LocalShoppers;
}

interface OpenPage {
  readonly cartId: string;
  readonly page: string;
  readonly loadedMs: number;
}

type CartChannel = Channel<OpenPage>;

export function cartChannel(parts: CartChannelParts): ChannelHandlers<OpenPage> {
  const { node, asset, carts, tracker, news, shoppers } = parts;
  const holders = new CartHolders<CartChannel>();
  news.listen((product) => {
    for (const channel of holders.of(product)) channel.send("stock changed");
  });

  /** Reads the cart anew, tells the admins what is in it, and returns what the shopper is to see. */
  const look = (channel: CartChannel): CartView => {
    const { cartId, page, loadedMs } = channel.assigns;
    const lines = carts.lines(cartId);
    const items = lines.map(({ item }) => item.id);
    tracker.set(channel.session, cartTopic, cartId, { page, page_loaded_at: loadedMs, items });
    holders.set(
      channel,
      lines.map(({ item }) => item.product),
    );
    return cartView(lines, asset);
  };

  const change = (channel: CartChannel, problem: CartProblem | undefined): Reply => {
    if (problem !== undefined) return { error: { reason: problem } };
    channel.broadcastFrom("cart_updated", {});
    return { ok: { cart: look(channel) } };
  };

  return {
    join({ topic }, params) {
      const cartId = topic.slice("cart:".length);
      const page = readPage(params["page"]);
      if (!isCartId(cartId)) return { error: { reason: "invalid_cart" } };
      if (page === undefined) return { error: { reason: "invalid_page" } };
      return {
        ok: { node, cart: cartView(carts.lines(cartId), asset) },
        assigns: { cartId, page, loadedMs: Date.now() },
      };
    },
    joined(channel) {
      shoppers.opened(channel.assigns.cartId);
      look(channel);
    },
    handleIn: {
      add_item(channel, payload) {
        return change(channel, carts.add(channel.assigns.cartId, readItemId(payload), Date.now()));
      },
      remove_item(channel, payload: JsonPayload) {
        const removed = carts.remove(channel.assigns.cartId, readItemId(payload));
        return change(channel, removed ? undefined : "not_in_cart");
      },
    },
    handleOut: {
      cart_updated(channel) {
        channel.push("cart", look(channel));
      },
    },
    handleInfo(channel) {
      channel.push("cart", look(channel));
    },
    terminate(channel) {
      holders.delete(channel);
      shoppers.closed(channel.assigns.cartId);
    },
  };
}

/** Where the other tabs of a cart hear that it has changed. */
export const cartChannelTopic = (cartId: string): string => `cart:${cartId}`;

function cartView(lines: readonly CartLine[], asset: AssetPath): CartView {
  return {
    lines: lines.map(({ item, soldOut }) => ({
      id: item.id,
      picture: asset(`${item.product.slug}.svg`),
      name: item.product.name,
      brand: item.product.brand,
      size: item.size,
      priceCents: item.product.priceCents,
      soldOut,
    })),
    subtotalCents: lines.reduce((sum, { item, soldOut }) => sum + (soldOut ? 0 : item.product.priceCents), 0),
  };
}
