/** A measured server, as its parent asks it. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Kind } from "./kinds.js";
import type { Answer, Request } from "./server.js";

const serverFile = fileURLToPath(new URL("./server.ts", import.meta.url));

export class ServerProcess {
  readonly #child: ChildProcess;

  /** With so many who are there already, where it tells who is. */
  constructor(kind: Kind, there = 0) {
    this.#child = fork(serverFile, [kind, String(there)], { execArgv: ["--expose-gc", "--import", "tsx"] });
  }

  async port(): Promise<number> {
    return (await this.#answer("listening")).port;
  }

  memory(): Promise<Extract<Answer, { tell: "memory" }>> {
    this.#ask({ ask: "memory" });
    return this.#answer("memory");
  }

  /** How long its processor was busy so far, in milliseconds. */
  async processorMs(): Promise<number> {
    this.#ask({ ask: "processor" });
    return (await this.#answer("processor")).ms;
  }

  /** Broadcasts once; resolves with the time at which that was. */
  async broadcast(number: number): Promise<number> {
    this.#ask({ ask: "broadcast", number });
    return (await this.#answer("sent")).atMs;
  }

  async end(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.disconnect();
    await ended;
  }

  #ask(request: Request): void {
    this.#child.send(request);
  }

  async #answer<Tell extends Answer["tell"]>(tell: Tell): Promise<Extract<Answer, { tell: Tell }>> {
    const [answer] = (await once(this.#child, "message")) as [Answer];
    if (answer.tell !== tell) throw new Error(`the server told ${answer.tell} where ${tell} was asked for`);
    return answer as Extract<Answer, { tell: Tell }>;
  }
}
