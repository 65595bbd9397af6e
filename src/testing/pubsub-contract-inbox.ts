/**
 * What a case of the contract sees of a node: an inbox per subscription, and waits that end. Knows no case.
 */
import type { PubSub, Unsubscribe } from "../pubsub/pubsub.js";
import { nodeRuntime } from "../runtime.js";
import type { ContractCluster, ContractNode } from "./pubsub-contract-case.js";

/** A subscription and all that it has heard. */
export class Inbox {
  readonly payloads: string[] = [];
  readonly #name: string;
  readonly #patienceMs: number;
  #unsubscribe: Unsubscribe = () => {};
  #wake: () => void = () => {};

  private constructor(name: string, patienceMs: number) {
    this.#name = name;
    this.#patienceMs = patienceMs;
  }

  /** Resolves when the subscription is in force. */
  static async open(node: PubSub, channel: string, patienceMs: number): Promise<Inbox> {
    const inbox = new Inbox(`${node.nodeName} on ${JSON.stringify(channel)}`, patienceMs);
    const subscribed = node.subscribe(channel, (payload) => {
      inbox.payloads.push(payload);
      inbox.#wake();
    });
    inbox.#unsubscribe = await within(patienceMs, `subscribing ${inbox.#name}`, subscribed);
    return inbox;
  }

  /** Waits until all of these have come. Other payloads, repetitions and the order do not matter. */
  async hears(...expected: readonly string[]): Promise<void> {
    const missing = new Set(expected);
    let looked = 0;
    const arrived = new Promise<void>((resolve) => {
      this.#wake = () => {
        for (; looked < this.payloads.length; looked++) missing.delete(this.payloads[looked] ?? "");
        if (missing.size === 0) resolve();
      };
    });
    this.#wake();
    await within(this.#patienceMs, () => `${this.#name} hearing ${shown([...missing])}`, arrived);
  }

  /** Checks that nothing else has come until now. */
  heardOnly(...allowed: readonly string[]): void {
    const strange = this.payloads.filter((payload) => !allowed.includes(payload));
    if (strange.length > 0) throw new Error(`${this.#name} heard ${shown(strange)}`);
  }

  async unsubscribe(): Promise<void> {
    await within(this.#patienceMs, `unsubscribing ${this.#name}`, this.#unsubscribe());
  }
}

/** Waits for the promise, but not for ever: rejects saying what was waited for. */
export async function within<T>(
  patienceMs: number,
  what: string | (() => string),
  promise: T | Promise<T>,
): Promise<T> {
  let cancel = (): void => {};
  const late = new Promise<never>((_resolve, reject) => {
    cancel = nodeRuntime.schedule(patienceMs, () => {
      reject(new Error(`Waited ${patienceMs} ms in vain for ${typeof what === "string" ? what : what()}`));
    });
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    cancel();
  }
}

/** The node at that place; the cluster must have opened as many as it was asked for. */
export function nodeAt({ nodes }: ContractCluster, index: number): ContractNode {
  const node = nodes[index];
  if (node === undefined)
    throw new Error(`openNodes gave ${nodes.length} nodes where ${index + 1} are needed`);
  return node;
}

/** Whether the call was refused, by throwing or rejecting. */
export async function refused(
  patienceMs: number,
  what: string,
  call: () => void | Promise<void>,
): Promise<boolean> {
  const outcome = (async () => call())().then(
    () => false,
    () => true,
  );
  return within(patienceMs, what, outcome);
}

/** Payloads as they can be printed: long ones shortened, few of many. */
function shown(payloads: readonly string[]): string {
  const first = payloads.slice(0, 5).map((payload) => {
    return payload.length > 60 ? `${payload.length} characters` : JSON.stringify(payload);
  });
  return (
    first.join(", ") + (payloads.length > first.length ? ` and ${payloads.length - first.length} more` : "")
  );
}
