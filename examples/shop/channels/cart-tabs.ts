/**
 * The tabs of this node that show the same cart. However many there are and however often the cart changes, it
 * is read at most once in {@link lookPeriodMs}: one cart must not keep a node busy.
 */

/** Nobody has more tabs of one shop open on one node; each of them is told of every change. */
const maxTabs = 20;
const lookPeriodMs = 100;

interface OpenCart<Tab> {
  readonly tabs: Set<Tab>;
  timer: ReturnType<typeof setTimeout> | undefined;
  lookedMs: number;
}

export class CartTabs<Tab> {
  readonly #look: (cartId: string, tabs: ReadonlySet<Tab>) => void;
  readonly #carts = new Map<string, OpenCart<Tab>>();

  /** `look` shows all tabs of a cart what is in it now. */
  constructor(look: (cartId: string, tabs: ReadonlySet<Tab>) => void) {
    this.#look = look;
  }

  /** Whether there is room for one more tab of the cart. */
  hasRoom(cartId: string): boolean {
    return (this.#carts.get(cartId)?.tabs.size ?? 0) < maxTabs;
  }

  opened(cartId: string, tab: Tab): void {
    const cart = this.#carts.get(cartId);
    if (cart === undefined)
      this.#carts.set(cartId, { tabs: new Set([tab]), timer: undefined, lookedMs: -Infinity });
    else cart.tabs.add(tab);
  }

  closed(cartId: string, tab: Tab): void {
    const cart = this.#carts.get(cartId);
    if (cart === undefined || !cart.tabs.delete(tab) || cart.tabs.size > 0) return;
    clearTimeout(cart.timer);
    this.#carts.delete(cartId);
  }

  /** The cart has changed: its tabs are shown it at once, or with the next look if one has just been. */
  changed(cartId: string): void {
    const cart = this.#carts.get(cartId);
    if (cart === undefined || cart.timer !== undefined) return;
    const waitMs = Math.max(0, cart.lookedMs + lookPeriodMs - performance.now());
    cart.timer = setTimeout(() => {
      cart.timer = undefined;
      cart.lookedMs = performance.now();
      this.#look(cartId, cart.tabs);
    }, waitMs);
    cart.timer.unref();
  }
}
