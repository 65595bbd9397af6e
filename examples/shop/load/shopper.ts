/** One shopper of the load generator: the `phoenix` client from npm on a socket of its own, as in a browser. */
import { Socket, type Channel } from "phoenix";
import { WebSocket } from "ws";

export interface ShopperPlan {
  readonly socketUrl: string;
  readonly page: string;
  readonly itemId: number;
  /** A cart that the shop has made; of several shoppers with the same cart each is another tab. */
  readonly cart: ShopperCart;
}

export interface ShopperCart {
  readonly id: string;
  /** Shows that the shop has made the id. */
  readonly key: string;
}

/** Has the shop make a cart. */
export async function newCart(shopUrl: URL): Promise<ShopperCart> {
  try {
    const response = await fetch(new URL("/cart.json", shopUrl));
    return (await response.json()) as ShopperCart;
  } catch (error) {
    // What `fetch` says itself is only that it failed.
    const { cause } = error as { readonly cause?: unknown };
    throw new Error(`The shop made no cart: ${cause instanceof Error ? cause.message : String(error)}`, {
      cause: error,
    });
  }
}

/** When a shopper began to come in and to add its item, and when the shop had answered, in milliseconds. */
export interface ShopperTimes {
  readonly startedMs: number;
  joinedMs?: number;
  addingMs?: number;
  addedMs?: number;
}

const timeoutMs = 60_000;

export class Shopper {
  readonly plan: ShopperPlan;
  readonly times: ShopperTimes = { startedMs: performance.now() };
  readonly #socket: Socket;
  readonly #channel: Channel;

  constructor(plan: ShopperPlan) {
    this.plan = plan;
    this.#socket = new Socket(plan.socketUrl, { transport: WebSocket, timeout: timeoutMs });
    this.#channel = this.#socket.channel(`cart:${plan.cart.id}`, { page: plan.page, key: plan.cart.key });
  }

  /** Comes in and puts the item into the cart. */
  async enter(): Promise<void> {
    this.#socket.connect();
    await answered(this.#channel.join(timeoutMs), "join");
    this.times.joinedMs = performance.now();
    this.times.addingMs = performance.now();
    await answered(
      this.#channel.push("add_item", { item_id: this.plan.itemId, clicked_at: Date.now() }, timeoutMs),
      "add_item",
    );
    this.times.addedMs = performance.now();
  }

  get cartId(): string {
    return this.plan.cart.id;
  }

  leave(): void {
    this.#socket.disconnect();
  }
}

function answered(push: ReturnType<Channel["push"]>, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    push
      .receive("ok", () => resolve())
      .receive("error", (reason: unknown) =>
        reject(new Error(`The shop refused ${what}: ${JSON.stringify(reason)}`)),
      )
      .receive("timeout", () => reject(new Error(`The shop did not answer ${what}`)));
  });
}
