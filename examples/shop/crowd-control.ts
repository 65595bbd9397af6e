/** The primary's end of the crowd: a process of its own, so that shoppers take no time from the nodes. */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface CrowdSays {
  readonly visitors: number;
  readonly brought: number;
}

export interface CrowdOrder {
  readonly url: string;
  /** How many walk about all the time. */
  readonly visitors: number;
  /** How many more were brought by a button. */
  readonly brought: number;
}

export class Crowd {
  readonly #url: string;
  readonly #visitors: number;
  readonly #say: (line: string) => void;
  #child: ChildProcess | undefined;
  #wanted = 0;
  #present: CrowdSays = { visitors: 0, brought: 0 };

  constructor(url: string, visitors: number, say: (line: string) => void) {
    this.#url = url;
    this.#visitors = visitors;
    this.#say = say;
  }

  /** How many are in the shop now. */
  get present(): CrowdSays {
    return this.#present;
  }

  /** How many were brought by a button and not sent home again. */
  get wanted(): number {
    return this.#wanted;
  }

  start(): void {
    if (this.#visitors > 0) this.#order();
  }

  bring(count: number): void {
    this.#wanted += count;
    this.#order();
  }

  sendHome(): void {
    this.#wanted = 0;
    this.#order();
  }

  /** They are gone with their process, which ends with ours in any case. */
  stop(): void {
    this.#child?.removeAllListeners("exit");
    this.#child?.kill();
    this.#child = undefined;
  }

  #order(): void {
    this.#child ??= this.#fork();
    const order: CrowdOrder = { url: this.#url, visitors: this.#visitors, brought: this.#wanted };
    this.#child.send(order, () => undefined);
  }

  #fork(): ChildProcess {
    const child = fork(fileURLToPath(new URL("crowd.ts", import.meta.url)), {
      execArgv: ["--import", import.meta.resolve("tsx")],
    });
    child.on("message", (present) => (this.#present = present as CrowdSays));
    child.on("exit", (code, signal) => {
      this.#say(`The shop's own visitors have ended (${signal ?? `code ${code}`}).`);
      this.#child = undefined;
      this.#wanted = 0;
      this.#present = { visitors: 0, brought: 0 };
    });
    return child;
  }
}
