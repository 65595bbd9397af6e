/** The driver's hand on one process of a chaos run: what it was asked, what it has tracked, and its end. */
import type { Worker } from "node:cluster";
import {
  entryText,
  sessionName,
  type ChaosCall,
  type ChaosEntry,
  type ChaosReady,
  type ChaosReply,
} from "./chaos-messages.js";

export class ChaosProcess {
  readonly name: string;
  readonly life: number;
  /** Resolves when its tracker runs; never, if it ends before. */
  readonly ready: Promise<void>;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  isRunning = true;
  /** Whether it was told to stop, by a signal or gracefully. */
  isPaused = false;
  isLeaving = false;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (reply: ChaosReply) => void>();
  /** What its application has tracked, as far as it has confirmed: session, then topic and key, then version. */
  readonly #tracked = new Map<number, Map<string, { topic: string; key: string; version: number }>>();
  #requests = 0;

  constructor(name: string, life: number, worker: Worker) {
    this.name = name;
    this.life = life;
    this.#worker = worker;
    let setReady: () => void = () => undefined;
    this.ready = new Promise((resolve) => {
      setReady = resolve;
    });
    worker.on("message", (message: ChaosReply | ChaosReady | { readonly rollcall?: unknown }) => {
      if ("chaosReady" in message) setReady();
      if (!("chaosReply" in message)) return;
      this.#waiting.get(message.chaosReply)?.(message);
      this.#waiting.delete(message.chaosReply);
    });
    this.ended = new Promise((resolve) => {
      worker.once("exit", () => {
        this.isRunning = false;
        resolve();
      });
    });
  }

  /** Asks for a call; the record changes when the process has confirmed it. A process that ends never answers. */
  ask(call: ChaosCall): Promise<ChaosReply> {
    this.#requests += 1;
    const chaosRequest = this.#requests;
    return new Promise((resolve) => {
      this.#waiting.set(chaosRequest, (reply) => {
        this.#record(call);
        resolve(reply);
      });
      if (this.#worker.isConnected()) this.#worker.send({ chaosRequest, call }, () => undefined);
    });
  }

  /** How many calls have not been confirmed. */
  get unconfirmed(): number {
    return this.#waiting.size;
  }

  signal(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    if (!this.isRunning) return;
    this.isPaused = signal === "SIGSTOP";
    this.#worker.process.kill(signal);
  }

  /** What every list has to show of this process. */
  entries(): ChaosEntry[] {
    const entries: ChaosEntry[] = [];
    for (const [session, tracked] of this.#tracked) {
      for (const { topic, key, version } of tracked.values()) {
        entries.push(entryText(topic, key, sessionName(this.name, this.life, session), this.name, version));
      }
    }
    return entries;
  }

  #record(call: ChaosCall): void {
    switch (call.do) {
      case "set": {
        const tracked = this.#tracked.get(call.session) ?? new Map();
        this.#tracked.set(call.session, tracked);
        const { topic, key, version } = call;
        tracked.set(JSON.stringify([topic, key]), { topic, key, version });
        return;
      }
      case "untrack":
        this.#tracked.get(call.session)?.delete(JSON.stringify([call.topic, call.key]));
        return;
      case "close":
        this.#tracked.delete(call.session);
        return;
      case "list":
      case "stop":
        return;
    }
  }
}
