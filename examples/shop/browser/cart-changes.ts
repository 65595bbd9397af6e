/**
 * What the shopper wants of the cart and the shop has not answered yet. It is asked again with each new
 * connection until it is answered, so that nothing is lost by a node that ends or a train in a tunnel.
 */
import type { Channel, Socket } from "phoenix";
import type { CartProblem, CartView } from "../wire.ts";
import { toast } from "./dom.ts";

/** Longer than a shop that answers takes; a shopper who is told nothing clicks again. */
const patienceMs = 1_500;

export interface CartChange {
  readonly event: "add_item" | "remove_item";
  readonly itemId: number;
  readonly clickedMs: number;
  /** What is said when it is done. */
  readonly done: string;
}

const problems: Record<CartProblem, string> = {
  unknown_item: "There is no such size.",
  not_released: "Not on sale yet.",
  sold_out: "Just sold out.",
  duplicate_item: "Already in your cart.",
  cart_full: "Your cart is full.",
  not_in_cart: "No longer in your cart.",
  unknown_cart: "This page is out of date. Load it again.",
};

/** What an earlier asking may have done already. */
const doneBefore: ReadonlySet<CartProblem> = new Set(["duplicate_item", "not_in_cart"]);

export class CartChanges {
  readonly #socket: Socket;
  readonly #channel: Channel;
  readonly #show: (view: CartView | undefined) => void;
  readonly #waiting = new Map<number, CartChange>();
  readonly #asked = new Set<CartChange>();
  #joined = false;

  /** `show` gets the cart that the shop answers with, or nothing where only what is waiting has changed. */
  constructor(socket: Socket, channel: Channel, show: (view: CartView | undefined) => void) {
    this.#socket = socket;
    this.#channel = channel;
    this.#show = show;
    const ended = (): void => void (this.#joined = false);
    channel.onClose(ended);
    channel.onError(ended);
  }

  isWaiting(itemId: number): boolean {
    return this.#waiting.has(itemId);
  }

  ask(change: CartChange): void {
    this.#waiting.set(change.itemId, change);
    if (this.#joined && this.#socket.isConnected() && navigator.onLine) {
      this.#send(change);
      setTimeout(() => {
        if (this.#waiting.get(change.itemId) === change) {
          toast("No answer yet. It is done as soon as the shop answers.");
        }
      }, patienceMs);
    } else toast("Not connected. It is done as soon as the shop is back.");
    this.#show(undefined);
  }

  /** The channel has been joined, anew or for the first time. */
  joined(): void {
    this.#joined = true;
    for (const change of this.#waiting.values()) this.#send(change);
  }

  #send(change: CartChange): void {
    const { event, itemId, clickedMs, done } = change;
    const repeated = this.#asked.has(change);
    this.#asked.add(change);
    const settle = (text: string, view?: CartView): void => {
      this.#asked.delete(change);
      // A later change of the same pair, or an earlier asking of this one, may have been answered meanwhile.
      if (this.#waiting.get(itemId) !== change) return;
      this.#waiting.delete(itemId);
      toast(text);
      this.#show(view);
    };
    this.#channel
      .push(event, { item_id: itemId, clicked_at: clickedMs })
      .receive("ok", ({ cart }: { cart: CartView }) => settle(done, cart))
      .receive("error", ({ reason }: { reason: CartProblem }) =>
        settle(repeated && doneBefore.has(reason) ? done : (problems[reason] ?? "That did not work.")),
      );
  }
}
