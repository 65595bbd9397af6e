/**
 * A visitor of the shop's own: walks about real pages as a browser would, looks at shoes, puts a pair in the
 * cart now and then, and leaves. Buys nothing, so that the shop does not sell out by itself.
 */
import { setTimeout as pause } from "node:timers/promises";
import { Socket, type Channel } from "phoenix";
import { WebSocket } from "ws";
import { products } from "../store/catalogue.ts";
import { socketUrl } from "./watcher.ts";

const slugs = products.filter(({ released }) => released).map(({ slug }) => slug);

const reloadMs = 700;

export interface Pace {
  /** How long a page is looked at, in milliseconds, at least and at most. */
  readonly looks: readonly [least: number, most: number];
  readonly pages: readonly [least: number, most: number];
}

/** What a page says of itself. */
interface OpenedPage {
  readonly path: string;
  readonly cartId: string;
  readonly cartKey: string;
  readonly productIds: readonly string[];
  readonly onSale: readonly number[];
}

export class Visitor {
  readonly #shopUrl: URL;
  readonly #pace: Pace;
  readonly #leaving = new AbortController();
  #cookie = "";
  #socket: Socket | undefined;

  constructor(shopUrl: URL, pace: Pace) {
    this.#shopUrl = shopUrl;
    this.#pace = pace;
  }

  /** Walks until it has seen enough, or is sent home. Never rejects: a page that does not come ends the walk. */
  async walk(): Promise<void> {
    try {
      const pages = Math.round(between(this.#pace.pages));
      // Some follow a link to one shoe.
      let path = Math.random() < 0.5 ? "/" : `/shoes/${oneOf(slugs)}`;
      for (let page = 0; page < pages && !this.#leaving.signal.aborted; page++) {
        await this.#look(path, await this.#openPatiently(path));
        path = Math.random() < 0.75 ? `/shoes/${oneOf(slugs)}` : Math.random() < 0.6 ? "/" : "/checkout";
      }
    } catch {
      // The shop is restarting or the visitor was sent home: gone is gone.
    } finally {
      this.#socket?.disconnect();
    }
  }

  sendHome(): void {
    this.#leaving.abort();
    this.#socket?.disconnect();
  }

  async #look(path: string, page: OpenedPage): Promise<void> {
    // A browser that opens the next page closes the socket of the last one.
    this.#socket?.disconnect();
    const socket = new Socket(socketUrl(this.#shopUrl, "/shop_socket"), { transport: WebSocket });
    this.#socket = socket;
    socket.connect();
    const cart = socket.channel(`cart:${page.cartId}`, { page: path, key: page.cartKey });
    cart.join();
    for (const id of page.productIds) socket.channel(`product:${id}`, { cart: page.cartId }).join();
    const looksMs = between(this.#pace.looks);
    await this.#pause(looksMs / 2);
    if (page.path.startsWith("/shoes/") && Math.random() < 0.4) this.#changeCart(cart, page);
    await this.#pause(looksMs / 2);
  }

  #changeCart(cart: Channel, { onSale }: OpenedPage): void {
    const itemId = oneOf(onSale);
    // Some take out again what they had; the shop answers if it was not there.
    const event = Math.random() < 0.8 ? "add_item" : "remove_item";
    if (itemId !== undefined) cart.push(event, { item_id: itemId, clicked_at: Date.now() });
  }

  /** Loads a page that does not come once more, as people do. */
  async #openPatiently(path: string): Promise<OpenedPage> {
    try {
      return await this.#open(path);
    } catch {
      await this.#pause(reloadMs);
      return await this.#open(path);
    }
  }

  async #open(path: string): Promise<OpenedPage> {
    const response = await fetch(new URL(path, this.#shopUrl), {
      headers: this.#cookie === "" ? {} : { cookie: this.#cookie },
      signal: this.#leaving.signal,
    });
    this.#cookie = response.headers.get("set-cookie")?.split(";")[0] ?? this.#cookie;
    const text = await response.text();
    const all = (pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, value = ""]) => value);
    return {
      path,
      cartId: all(/data-cart="([^"]*)"/g)[0] ?? "",
      cartKey: all(/data-cart-key="([^"]*)"/g)[0] ?? "",
      productIds: all(/data-product="(\d+)"/g),
      onSale: all(/data-add="(\d+)"[^>]*aria-disabled="false"/g).map(Number),
    };
  }

  #pause(durationMs: number): Promise<void> {
    return pause(durationMs, undefined, { signal: this.#leaving.signal });
  }
}

function between([least, most]: readonly [number, number]): number {
  return least + Math.random() * (most - least);
}

function oneOf<Value>(values: readonly Value[]): Value | undefined {
  return values[Math.floor(Math.random() * values.length)];
}
