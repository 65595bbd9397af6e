/**
 * Counts failed attempts by the network that they come from, and those of all networks together, and says when
 * there were too many. Each node counts for itself, so a cluster of n nodes lets n times as many through: still
 * far too few to guess a password.
 */
import { isIPv6 } from "node:net";

export interface AttemptLimits {
  readonly windowMs: number;
  /** Failures of one network in that time. */
  readonly failures: number;
  /** Failures of everybody in that time. */
  readonly failuresOfAll: number;
  /**
   * Whoever is above a limit may still try once in so long: the owner behind the address that somebody else has
   * used up gets in.
   */
  readonly slowMs: number;
}

interface Count {
  failures: number;
  endsMs: number;
  /** When the next slow attempt is allowed. */
  slowMs: number;
}

/** Networks remembered at most; the ones that failed first are forgotten first. */
const maxNetworks = 10_000;

export class Attempts {
  readonly #limits: AttemptLimits;
  readonly #networks = new Map<string, Count>();
  #all: Count = { failures: 0, endsMs: 0, slowMs: 0 };

  constructor(limits: AttemptLimits) {
    this.#limits = limits;
  }

  /** How long the caller has to wait, in milliseconds; 0 if it may try, which it then is taken to do. */
  waitMs(address: string, nowMs: number): number {
    const { failures, failuresOfAll } = this.#limits;
    const count = this.#networks.get(networkOf(address));
    return Math.max(this.#wait(count, failures, nowMs), this.#wait(this.#all, failuresOfAll, nowMs));
  }

  failed(address: string, nowMs: number): void {
    const network = networkOf(address);
    let count = this.#networks.get(network);
    if (count === undefined || count.endsMs <= nowMs) {
      this.#networks.delete(network);
      count = this.#fresh(nowMs);
      this.#networks.set(network, count);
      if (this.#networks.size > maxNetworks) {
        const [oldest] = this.#networks.keys();
        if (oldest !== undefined) this.#networks.delete(oldest);
      }
    }
    if (this.#all.endsMs <= nowMs) this.#all = this.#fresh(nowMs);
    for (const each of [count, this.#all]) {
      each.failures += 1;
      each.slowMs = nowMs + this.#limits.slowMs;
    }
  }

  #wait(count: Count | undefined, most: number, nowMs: number): number {
    if (count === undefined || count.failures < most || count.endsMs <= nowMs) return 0;
    return Math.max(0, Math.min(count.slowMs, count.endsMs) - nowMs);
  }

  #fresh(nowMs: number): Count {
    return { failures: 0, endsMs: nowMs + this.#limits.windowMs, slowMs: 0 };
  }
}

/** One customer of a provider has a whole /64 of IPv6; an IPv4 address is a network of its own. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const [head = "", tail = ""] = (address.split("%")[0] ?? "").split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === "" ? [] : tail.split(":");
  const groups = [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill("0"), ...right];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
