/**
 * The channel of one open page: shows the cart that all tabs of a browser share, and tracks the page for the
 * admins. The tabs may be on different nodes: whoever changes the cart tells the others to look again.
 */
import type { Channel, ChannelHandlers, JsonPayload, Reply } from "rollcall/channels";
import type { AssetPath } from "../assets.ts";
import { cartTopic, type CartTracker } from "../presence/cart-tracker.ts";
import type { LocalShoppers } from "../presence/local-shoppers.ts";
import { isCartKey } from "../security/keys.ts";
import { isCartId, type CartLine, type Carts } from "../store/carts.ts";
import type { StockNews } from "../stock-news.ts";
import type { CartProblem, CartView } from "../wire.ts";
import { CartHolders } from "./cart-holders.ts";
import { CartTabs } from "./cart-tabs.ts";
import { readClickedMs, readItemId, readPage } from "./read-input.ts";

export interface CartChannelParts {
  readonly node: string;
  /** Which start of the node this is, from 1. */
  readonly run: number;
  readonly secret: string;
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
  /** Whether it has the key of the cart: who has only heard of its id may look. */
  readonly mayChange: boolean;
  /** When the shopper last clicked, by the browser's clock. */
  clickedMs: number | undefined;
}

/** A cart that the shop has not made: nothing is kept for it. */
const unknownCart: Reply = { error: { reason: "unknown_cart" satisfies CartProblem } };

type CartChannel = Channel<OpenPage>;

export function cartChannel(parts: CartChannelParts): ChannelHandlers<OpenPage> {
  const { node, run, secret, asset, carts, tracker, news, shoppers } = parts;
  const holders = new CartHolders<CartChannel>();

  /** Tells the admins what is in the cart of an open page. */
  const track = (channel: CartChannel, lines: readonly CartLine[]): void => {
    // A node that has said goodbye lets its sockets go one after another; what they do meanwhile is told where
    // they arrive.
    if (tracker.stopped) return;
    const { cartId, page, loadedMs, clickedMs } = channel.assigns;
    tracker.set(channel.session, cartTopic, cartId, {
      page,
      page_loaded_at: loadedMs,
      items: lines.map(({ item }) => item.id),
      node,
      run,
      ...(clickedMs !== undefined && { clicked_at: clickedMs }),
    });
    holders.set(
      channel,
      lines.map(({ item }) => item.product),
    );
  };

  const tabs = new CartTabs<CartChannel>((cartId, open) => {
    const lines = carts.lines(cartId);
    const view = cartView(lines, asset);
    for (const channel of open) {
      track(channel, lines);
      channel.push("cart", view);
    }
  });
  news.listen((product) => {
    for (const channel of holders.of(product)) tabs.changed(channel.assigns.cartId);
  });

  const change = (channel: CartChannel, payload: JsonPayload, problem: CartProblem | undefined): Reply => {
    if (problem !== undefined) return { error: { reason: problem } };
    const { cartId } = channel.assigns;
    const lines = carts.lines(cartId);
    channel.assigns.clickedMs = readClickedMs(payload, Date.now());
    track(channel, lines);
    channel.broadcastFrom("cart_updated", {});
    return { ok: { cart: cartView(lines, asset) } };
  };

  return {
    join({ topic }, params) {
      const cartId = topic.slice("cart:".length);
      const page = readPage(params["page"]);
      if (!isCartId(cartId)) return { error: { reason: "invalid_cart" } };
      if (page === undefined) return { error: { reason: "invalid_page" } };
      if (!tabs.hasRoom(cartId)) return { error: { reason: "too_many_tabs" } };
      return {
        ok: { node, cart: cartView(carts.lines(cartId), asset) },
        assigns: {
          cartId,
          page,
          loadedMs: Date.now(),
          mayChange: isCartKey(secret, cartId, params["key"]),
          clickedMs: undefined,
        },
      };
    },
    joined(channel) {
      const { cartId } = channel.assigns;
      shoppers.opened(cartId);
      tabs.opened(cartId, channel);
      track(channel, carts.lines(cartId));
    },
    handleIn: {
      add_item(channel, payload) {
        const { cartId, mayChange } = channel.assigns;
        if (!mayChange) return unknownCart;
        return change(channel, payload, carts.add(cartId, readItemId(payload), Date.now()));
      },
      remove_item(channel, payload) {
        const { cartId, mayChange } = channel.assigns;
        if (!mayChange) return unknownCart;
        const removed = carts.remove(cartId, readItemId(payload));
        return change(channel, payload, removed ? undefined : "not_in_cart");
      },
    },
    handleOut: {
      // Each tab hears it, and all of one node together look once.
      cart_updated(channel) {
        tabs.changed(channel.assigns.cartId);
      },
    },
    terminate(channel) {
      const { cartId } = channel.assigns;
      holders.delete(channel);
      tabs.closed(cartId, channel);
      shoppers.closed(cartId);
    },
  };
}

/** Where the other tabs of a cart hear that it has changed. */
export const cartChannelTopic = (cartId: string): string => `cart:${cartId}`;

function cartView(lines: readonly CartLine[], asset: AssetPath): CartView {
  return {
    lines: lines.map(({ item, soldOut, released }) => ({
      id: item.id,
      picture: asset(`${item.product.slug}.svg`),
      name: item.product.name,
      brand: item.product.brand,
      size: item.size,
      priceCents: item.product.priceCents,
      soldOut,
      released,
    })),
    subtotalCents: lines.reduce(
      (sum, { item, soldOut, released }) => sum + (soldOut || !released ? 0 : item.product.priceCents),
      0,
    ),
  };
}
