/**
 * Thousands of clients of one server, as light as can be: bare WebSockets that say what each protocol wants to
 * hear and look no further into what they get, so that both kinds of server are measured by the same means.
 */
import { WebSocket } from "ws";
import { CROWD, type Kind } from "./kinds.js";
import { sharedNowMs } from "./server.js";

/** How a client speaks to a kind of server. */
interface Dialect {
  path(room: string): string;
  /** What is said when the connection is open, if anything; the answer says that it may go on. */
  readonly greeting: { readonly say: string; readonly isAnswer: (frame: string) => boolean } | undefined;
  join(room: string): string;
  readonly isJoined: (frame: string) => boolean;
  /** What a frame of the server asks to be answered, if anything. */
  readonly answer: (frame: string) => string | undefined;
}

const channels: Dialect = {
  path: (room) => `/${room === CROWD ? "crowd" : "socket"}/websocket?vsn=2.0.0`,
  greeting: undefined,
  join: (room) => JSON.stringify(["1", "1", room, "phx_join", {}]),
  isJoined: (frame) => frame.includes('"phx_reply",{"status":"ok"'),
  answer: () => undefined,
};

export const dialects: Readonly<Record<Kind, Dialect>> = {
  rollcall: channels,
  ws: channels,
  "socket.io": {
    path: () => "/socket.io/?EIO=4&transport=websocket",
    greeting: { say: "40", isAnswer: (frame) => frame.startsWith("40") },
    join: (room) => `421${JSON.stringify(["join", room])}`,
    isJoined: (frame) => frame.startsWith("431"),
    answer: (frame) => (frame === "2" ? "3" : undefined),
  },
};

/** Stands in a frame once for each user that it tells of, in any dialect. */
const USER_MARK = '"device":';

/** How many connections are being made at a time. */
const CONNECTING_AT_ONCE = 100;

export class Crowd {
  readonly #sockets: WebSocket[] = [];
  readonly #dialect: Dialect;
  readonly #room: string;
  #onFrame: (frame: string, socket: WebSocket) => void = () => undefined;

  constructor(dialect: Dialect, room: string) {
    this.#dialect = dialect;
    this.#room = room;
  }

  /** Connects so many clients; resolves when all have been greeted. */
  async connect(port: number, count: number): Promise<void> {
    let started = 0;
    const next = async (): Promise<void> => {
      while (started < count) {
        started++;
        await this.#connectOne(`ws://127.0.0.1:${port}${this.#dialect.path(this.#room)}`);
      }
    };
    await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, next));
  }

  /** Lets all join at once; resolves when all are answered. */
  join(): Promise<void> {
    return this.#countFrames(this.#dialect.isJoined, () => this.#sayJoin());
  }

  /** Lets all join at once; resolves when each has been told of so many users. */
  meet(users: number): Promise<void> {
    const met = new Map<WebSocket, number>();
    let waiting = this.#sockets.length;
    return new Promise((resolve) => {
      this.#onFrame = (frame, socket) => {
        const before = met.get(socket) ?? 0;
        const now = before + countOf(USER_MARK, frame);
        met.set(socket, now);
        if (before < users && now >= users && --waiting === 0) resolve();
      };
      this.#sayJoin();
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

  #sayJoin(): void {
    const join = this.#dialect.join(this.#room);
    for (const socket of this.#sockets) socket.send(join);
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
        if (reply === undefined) this.#onFrame(frame, socket);
        else socket.send(reply);
      });
      this.#sockets.push(socket);
    });
  }
}

function countOf(mark: string, text: string): number {
  let count = 0;
  for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + mark.length)) count++;
  return count;
}
