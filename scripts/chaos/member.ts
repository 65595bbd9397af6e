/**
 * One process of the chaos as the driver holds it: one life of one node, from fork to end. It asks and signals,
 * always by this process's own handle, and tells its listener what the process says unasked. It draws nothing at
 * random and judges nothing.
 */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { LifeRecord } from "./life-record.js";
import {
  isOurs,
  type Answer,
  type FromNode,
  type Holds,
  type NodeSetup,
  type Notice,
  type Report,
  type Request,
  type Step,
  type StepResult,
} from "./messages.js";
import { lifeIdOf } from "./timeline.js";

const script = fileURLToPath(new URL("node-process.ts", import.meta.url));
/** On a machine that is busy with anything else, a process takes its time. */
const patienceMs = 90_000;
/** So much of what a process wrote to its standard error is kept. */
const maxStderrLength = 4_000;

export interface MemberListener {
  /** Called as soon as there is a process, before it says anything. */
  forked(child: ChildProcess): void;
  said(member: Member, notice: Notice): void;
  /** It ended and nobody had asked for it. */
  died(member: Member, why: string): void;
}

interface Waiter {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** A request without its number. */
type Question = Request extends infer R
  ? R extends { readonly chaos: number }
    ? Omit<R, "chaos">
    : never
  : never;

export class Member {
  readonly nodeName: string;
  readonly pid: number | undefined;
  readonly #child: ChildProcess;
  readonly #listener: MemberListener;
  readonly #waiting = new Map<number, Waiter>();
  readonly #exited: Promise<void>;
  #requests = 0;
  #stderr = "";
  /** Its end is our doing. */
  #isToEnd = false;
  #life: { readonly id: string; readonly record: LifeRecord } | undefined;
  /** The answer to the latest steps. */
  #steps: Promise<unknown> | undefined;

  private constructor(setup: NodeSetup, listener: MemberListener) {
    this.nodeName = setup.nodeName;
    this.#listener = listener;
    const child = fork(script, [JSON.stringify(setup)], {
      execArgv: ["--import", "tsx"],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child = child;
    this.pid = child.pid;
    this.#exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        this.#ended(`${this.nodeName} ended with ${signal ?? code}`);
        resolve();
      });
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-maxStderrLength);
    });
    // A write to a process that has just been killed.
    child.on("error", () => {});
  }

  /** Resolves when its tracker runs. */
  static async start(setup: NodeSetup, listener: MemberListener): Promise<Member> {
    const member = new Member(setup, listener);
    await member.#untilReady(setup.holds);
    return member;
  }

  /** The name and incarnation of its life. */
  get lifeId(): string {
    return this.#begun().id;
  }

  /** What it must have. */
  get record(): LifeRecord {
    return this.#begun().record;
  }

  /** Whether the latest steps are not answered. */
  get isBusy(): boolean {
    return this.#steps !== undefined;
  }

  /** Sends steps; resolves with the results, or with nothing if the process ended before it answered. */
  async run(steps: readonly Step[]): Promise<readonly StepResult[] | undefined> {
    const asked = this.#ask({ ask: "steps", steps });
    this.#steps = asked;
    try {
      const answer = await asked;
      return answer.answer === "steps" ? answer.results : undefined;
    } catch (error) {
      if (this.#isToEnd) return undefined;
      throw error;
    } finally {
      this.#steps = undefined;
    }
  }

  /** Resolves when the latest steps are answered, however that ends. */
  async answered(): Promise<void> {
    await this.#steps?.catch(() => undefined);
  }

  async report(): Promise<Report> {
    const answer = await this.#ask({ ask: "report" });
    if (answer.answer !== "report") throw new Error(`${this.nodeName} answered ${answer.answer}`);
    return answer.report;
  }

  /** From now on nobody may be missing from this topic who is listed there; without one, all may. */
  async guard(topic?: string): Promise<void> {
    await this.#ask({ ask: "guard", ...(topic !== undefined && { topic }) });
  }

  /** SIGSTOP. */
  freeze(): void {
    this.#child.kill("SIGSTOP");
  }

  /** SIGCONT. */
  thaw(): void {
    this.#child.kill("SIGCONT");
  }

  /** SIGKILL; resolves when the process has ended. */
  async kill(): Promise<void> {
    this.#isToEnd = true;
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  /** Says goodbye and ends; `undefined` leaves the window to the tracker. */
  async leave(handoffMs: number | undefined): Promise<void> {
    this.#isToEnd = true;
    await this.#ask({ ask: "stop", ...(handoffMs !== undefined && { handoffMs }) });
    if (this.#child.connected) this.#child.disconnect();
    await this.#inTime(this.#exited, "end");
  }

  #begun(): { readonly id: string; readonly record: LifeRecord } {
    if (this.#life === undefined) throw new Error(`${this.nodeName} has not started`);
    return this.#life;
  }

  async #untilReady(holds: Holds): Promise<void> {
    const ready = new Promise<void>((resolve, reject) => {
      this.#waiting.set(0, { resolve: () => resolve(), reject });
      this.#child.on("message", (message) => {
        if (!isOurs<FromNode>(message)) return;
        if ("answer" in message) return this.#answered(message);
        if (message.notice === "ready") {
          const { incarnation, ref } = message;
          this.#life = {
            id: lifeIdOf(this.nodeName, incarnation),
            record: new LifeRecord(this.nodeName, ref, holds),
          };
          this.#waiting.delete(0);
          resolve();
        }
        this.#listener.said(this, message);
      });
    });
    this.#listener.forked(this.#child);
    await this.#inTime(ready, "start");
  }

  #ask(question: Question): Promise<Answer> {
    const chaos = (this.#requests += 1);
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#waiting.set(chaos, { resolve, reject });
      this.#child.send({ chaos, ...question }, (error) => {
        if (error !== null) reject(error);
      });
    });
    return this.#inTime(answer, question.ask);
  }

  #answered(answer: Answer): void {
    this.#waiting.get(answer.chaos)?.resolve(answer);
    this.#waiting.delete(answer.chaos);
  }

  #ended(why: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(why));
    this.#waiting.clear();
    if (!this.#isToEnd) this.#listener.died(this, `${why}\n${this.#stderr}`);
  }

  async #inTime<T>(promise: Promise<T>, what: string): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => reject(new Error(`${this.nodeName} did not ${what} within ${patienceMs} ms\n${this.#stderr}`)),
        patienceMs,
      );
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
