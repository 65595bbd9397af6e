/**
 * Thousands of clients of one server, as light as can be: bare WebSockets that say what each protocol wants to
 * hear and look no further into what they get, so that both kinds of server are measured by the same means.
 */
import { WebSocket } from "ws";
import { ROOM, sharedNowMs } from "./server.js";

/** How a client speaks to a kind of server. */
export interface Dialect {
  readonly path: string;
  /** What is said when the connection is open, if anything; the answer says that it may go on. */
  readonly greeting: { readonly say: string; readonly isAnswer: (frame: string) => boolean } | undefined;
  readonly join: string;
  readonly isJoined: (frame: string) => boolean;
  /** What a frame of the server asks to be answered, if anything. */
  readonly answer: (frame: string) => string | undefined;
}

export const dialects = {
  rollcall: {
    path: "/socket/websocket?vsn=2.0.0",
    greeting: undefined,
    join: JSON.stringify(["1", "1", ROOM, "phx_join", {}]),
    isJoined: (frame) => frame.includes('"phx_reply",{"status":"ok"'),
    answer: () => undefined,
  },
  "socket.io": {
    path: "/socket.io/?EIO=4&transport=websocket",
    greeting: { say: "40", isAnswer: (frame) => frame.startsWith("40") },
    join: `421${JSON.stringify(["join", ROOM])}`,
    isJoined: (frame) => frame.startsWith("431"),
    answer: (frame) => (frame === "2" ? "3" : undefined),
  },
} as const satisfies Record<string, Dialect>;

/** How many connections are being made at a time. */
const CONNECTING_AT_ONCE = 100;

export class Crowd {
  readonly #sockets: WebSocket[] = [];
  readonly #dialect: Dialect;
  #onFrame: (frame: string) => void = () => undefined;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  /** Connects so many clients; resolves when all have been greeted. */
  async connect(port: number, count: number): Promise<void> {
    let started = 0;
    const next = async (): Promise<void> => {
      while (started < count) {
        started++;
        await this.#connectOne(`ws://127.0.0.1:${port}${this.#dialect.path}`);
      }
    };
    await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, next));
  }

  /** Lets all join at once; resolves when all are answered. */
  join(): Promise<void> {
    return this.#countFrames(this.#dialect.isJoined, () => {
      for (const socket of this.#sockets) socket.send(this.#dialect.join);
    });
  }

  /** Resolves with the times at which each client got the broadcast. */
  async hear(broadcast: () => void): Promise<number[]> {
    const atMs: number[] = [];
    await this.#countFrames((frame) => frame.includes('"news"') && atMs.push(sharedNowMs()) > 0, broadcast);
    return atMs;
  }

  end(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  #countFrames(isOne: (frame: string) => boolean, begin: () => void): Promise<void> {
    return new Promise((resolve) => {
      let count = 0;
      this.#onFrame = (frame) => {
        if (isOne(frame) && ++count === this.#sockets.length) resolve();
      };
      begin();
    });
  }

  #connectOne(url: string): Promise<void> {
    const { greeting, answer } = this.#dialect;
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, { perMessageDeflate: false });
      socket.on("error", reject);
      socket.on("open", () => {
        if (greeting) socket.send(greeting.say);
        else resolve();
      });
      socket.on("message", (data: Buffer) => {
        const frame = data.toString();
        if (greeting?.isAnswer(frame)) resolve();
        const reply = answer(frame);
        if (reply === undefined) this.#onFrame(frame);
        else socket.send(reply);
      });
      this.#sockets.push(socket);
    });
  }
}
