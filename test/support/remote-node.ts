/**
 * A pubsub that lives in another process or thread and is used from the test as if it were here: calls go there
 * and their outcomes, payloads and statuses come back. The way between the two is any that carries objects.
 */
import type { PubSub, PubSubStatus, Unsubscribe } from "../../src/pubsub/pubsub.js";
import type { ContractNode } from "../../src/testing/pubsub-contract.js";

/** One end of the way. */
export interface Wire {
  post(message: object): void;
  listen(listener: (message: unknown) => void): void;
}

type Method =
  "open" | "close" | "broadcast" | "send" | "subscribe" | "onStatus" | "onNodeGone" | "onError" | "end";

/** From the test: a call. `node` tells the pubsubs of one process apart; `listener` is the number of a callback. */
interface Call {
  readonly remote: "call";
  readonly call: number;
  readonly method: Method;
  readonly node: number;
  readonly texts: readonly string[];
  readonly listener: number;
}

/** To the test: that calls are listened to now, how one ended, or what a callback was called with. */
type Report =
  | { readonly remote: "ready" }
  | { readonly remote: "done"; readonly call: number; readonly error?: { message: string; code?: string } }
  | { readonly remote: "heard"; readonly listener: number; readonly text: string };

function isRemote(message: unknown): message is Call | Report {
  return typeof message === "object" && message !== null && "remote" in message;
}

type Closable = PubSub & { close?(): void | Promise<void> };

/** The far side: opens pubsubs and does what the test calls for. */
export function servePubSubs(
  wire: Wire,
  open: (nodeName: string, texts: readonly string[]) => Closable,
): void {
  const nodes = new Map<number, Closable>();
  const ends = new Map<number, Unsubscribe>();
  const run = async (call: Call): Promise<void> => {
    const { method, node: number, texts, listener } = call;
    const [first = "", second = "", third = ""] = texts;
    if (method === "open") return void nodes.set(number, open(first, texts.slice(1)));
    if (method === "end") return ends.get(listener)?.();
    const node = nodes.get(number);
    if (node === undefined) throw new Error(`There is no node ${number}`);
    const tell = (value: unknown): void => wire.post({ remote: "heard", listener, text: textOf(value) });
    switch (method) {
      case "broadcast":
        return node.broadcast(first, second);
      case "send":
        return node.send(first, second, third);
      case "subscribe":
        return void ends.set(listener, await node.subscribe(first, tell));
      case "onStatus":
      case "onNodeGone":
      case "onError":
        return void ends.set(listener, node[method]?.(tell) ?? (() => {}));
      case "close":
        return node.close?.();
      default:
        method satisfies never;
    }
  };
  wire.listen((message) => {
    if (!isRemote(message) || message.remote !== "call") return;
    const { call } = message;
    run(message).then(
      () => wire.post({ remote: "done", call }),
      (error: Error & { code?: string }) => {
        const { message: text, code } = error;
        wire.post({ remote: "done", call, error: { message: text, ...(code !== undefined && { code }) } });
      },
    );
  });
  wire.post({ remote: "ready" });
}

function textOf(value: unknown): string {
  if (value instanceof Error) return "code" in value ? String(value.code) : value.message;
  return String(value);
}

/** The near side: one per process or thread. */
export class RemoteHost {
  readonly #wire: Wire;
  readonly #calls = new Map<number, { resolve(): void; reject(error: Error): void }>();
  readonly #listeners = new Map<number, (text: string) => void>();
  /** A worker of node:cluster loses what it is sent before it listens. */
  readonly #ready: Promise<void>;
  #becomeReady: () => void = () => {};
  #numbers = 0;

  constructor(wire: Wire) {
    this.#wire = wire;
    this.#ready = new Promise((resolve) => (this.#becomeReady = resolve));
    wire.listen((message) => {
      if (isRemote(message)) this.#received(message);
    });
  }

  /** A new pubsub over there. */
  async open(
    nodeName: string,
    options: { texts?: readonly string[]; hasStatus: boolean },
  ): Promise<ContractNode> {
    const node = ++this.#numbers;
    const call = (method: Method, ...texts: string[]): Promise<void> => this.#call(method, node, texts);
    await call("open", nodeName, ...(options.texts ?? []));
    return {
      nodeName,
      broadcast: (channel, payload) => call("broadcast", channel, payload),
      send: (to, channel, payload) => call("send", to, channel, payload),
      subscribe: async (channel, receive) => {
        const listener = this.#listen(receive);
        await this.#call("subscribe", node, [channel], listener);
        return () => this.#call("end", node, [], listener);
      },
      close: () => call("close"),
      ...(options.hasStatus && {
        onStatus: (listener) => {
          return this.#on("onStatus", node, (text) => listener(text as PubSubStatus));
        },
      }),
      onNodeGone: (listener) => this.#on("onNodeGone", node, listener),
      onError: (listener) => this.#on("onError", node, listener),
    };
  }

  #on(
    method: "onStatus" | "onNodeGone" | "onError",
    node: number,
    listener: (text: string) => void,
  ): Unsubscribe {
    const number = this.#listen(listener);
    const added = this.#call(method, node, [], number);
    return async () => {
      await added;
      await this.#call("end", node, [], number);
    };
  }

  #listen(listener: (text: string) => void): number {
    const number = ++this.#numbers;
    this.#listeners.set(number, listener);
    return number;
  }

  async #call(method: Method, node: number, texts: readonly string[], listener = 0): Promise<void> {
    const call = ++this.#numbers;
    await this.#ready;
    return new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject });
      this.#wire.post({ remote: "call", call, method, node, texts, listener });
    });
  }

  #received(message: Call | Report): void {
    if (message.remote === "ready") return this.#becomeReady();
    if (message.remote === "heard") return this.#listeners.get(message.listener)?.(message.text);
    if (message.remote !== "done") return;
    const waiting = this.#calls.get(message.call);
    this.#calls.delete(message.call);
    if (message.error === undefined) waiting?.resolve();
    else waiting?.reject(Object.assign(new Error(message.error.message), { code: message.error.code }));
  }
}
