/** One shopper of the load generator: the `phoenix` client from npm on a socket of its own, as in a browser. */
import { randomBytes } from "node:crypto";
import { Socket, type Channel } from "phoenix";
import { WebSocket } from "ws";

export interface ShopperPlan {
  readonly socketUrl: string;
  readonly page: string;
  readonly itemId: number;
  /** Another tab of that cart; without it, a shopper of its own. */
  readonly cartId?: string;
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
  /** 64 characters, new for every shopper. */
  readonly cartId: string;
  readonly plan: ShopperPlan;
  readonly times: ShopperTimes = { startedMs: performance.now() };
  readonly #socket: Socket;
  readonly #channel: Channel;

  constructor(plan: ShopperPlan) {
    this.plan = plan;
    this.cartId = plan.cartId ?? randomBytes(48).toString("base64url");
    this.#socket = new Socket(plan.socketUrl, { transport: WebSocket, timeout: timeoutMs });
    this.#channel = this.#socket.channel(`cart:${this.cartId}`, { page: plan.page });
  }

  /** Comes in and puts the item into the cart. */
  async enter(): Promise<void> {
    this.#socket.connect();
    await answered(this.#channel.join(timeoutMs), "join");
    this.times.joinedMs = performance.now();
    this.times.addingMs = performance.now();
    await answered(this.#channel.push("add_item", { item_id: this.plan.itemId }, timeoutMs), "add_item");
    this.times.addedMs = performance.now();
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
