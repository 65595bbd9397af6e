/**
 * Processes that are asked to do things over their IPC channel. The driver's side is {@link Remote}, the
 * process's side {@link serve}. Both leave alone whatever else is said on the channel.
 */
import { fork, type ChildProcess } from "node:child_process";
import { machineMs } from "./machine-clock.js";

/** What a process can be asked for. */
export type CommandTable = Readonly<Record<string, (...input: never[]) => unknown>>;

interface Asked {
  /** From 1. */
  readonly ask: number;
  readonly command: string;
  readonly input: readonly unknown[];
}

interface Answered {
  /** The number of what was asked; 0 says that the process listens. */
  readonly answer: number;
  readonly result?: unknown;
  readonly error?: string;
}

const readyAnswer = 0;

/** A process at the other end of an IPC channel. Whoever made it kills it. */
export class Remote<Table extends CommandTable> {
  readonly name: string;
  /** Resolves when the process listens; what is asked before would be lost. */
  readonly ready: Promise<void>;
  readonly #process: ChildProcess;
  readonly #exited: Promise<number>;
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  #asked = readyAnswer;
  #hasExited = false;

  constructor(process: ChildProcess, name: string) {
    this.#process = process;
    this.name = name;
    this.ready = new Promise((resolve, reject) =>
      this.#waiting.set(readyAnswer, { resolve: () => resolve(), reject }),
    );
    process.on("message", (message) => {
      if (isAnswered(message)) this.#settle(message);
    });
    this.#exited = new Promise((resolve) =>
      process.once("exit", () => {
        this.#hasExited = true;
        resolve(machineMs());
        for (const { reject } of this.#waiting.values()) reject(new Error(`${name} ended`));
      }),
    );
  }

  /** Has the process do something; resolves with what it returns. @throws Error as it says, or if it ends. */
  ask<Name extends keyof Table & string>(
    command: Name,
    ...input: Parameters<Table[Name]>
  ): Promise<Awaited<ReturnType<Table[Name]>>> {
    const ask = ++this.#asked;
    return new Promise((resolve, reject) => {
      this.#waiting.set(ask, {
        resolve: (result) => resolve(result as Awaited<ReturnType<Table[Name]>>),
        reject,
      });
      this.#process.send({ ask, command, input } satisfies Asked);
    });
  }

  /** Hears everything that the process sends, answers too. */
  onMessage(listener: (message: unknown) => void): void {
    this.#process.on("message", listener);
  }

  /** Sends it something that is no command; to one that has ended nothing. */
  post(message: object): void {
    if (this.#process.connected) this.#process.send(message);
  }

  /** Sends a signal; to one that has ended nothing. */
  signal(signal: NodeJS.Signals): void {
    if (!this.#hasExited) this.#process.kill(signal);
  }

  /** Kills the process; resolves with when that was done and when its end was seen. */
  async kill(): Promise<{ killedMs: number; exitedMs: number }> {
    const killedMs = machineMs();
    this.signal("SIGKILL");
    return { killedMs, exitedMs: await this.#exited };
  }

  #settle({ answer, result, error }: Answered): void {
    const waiting = this.#waiting.get(answer);
    this.#waiting.delete(answer);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(`${this.name}: ${error}`));
  }
}

/** Node's options for a process that runs a program of this folder. */
export const programOptions = ["--expose-gc", "--import", import.meta.resolve("tsx")];

/** Starts a program that serves commands, and waits until it listens. */
export async function forkRemote<Table extends CommandTable>(
  program: string,
  name: string,
): Promise<Remote<Table>> {
  const remote = new Remote<Table>(fork(program, { execArgv: programOptions }), name);
  await remote.ready;
  return remote;
}

/** Does what the driver asks, from now on. */
export function serve(commands: CommandTable): void {
  process.on("message", (message) => {
    if (isAsked(message)) void answer(commands, message);
  });
  process.send?.({ answer: readyAnswer } satisfies Answered);
}

async function answer(commands: CommandTable, { ask, command, input }: Asked): Promise<void> {
  let answered: Answered;
  try {
    const run = commands[command] as ((...input: readonly unknown[]) => unknown) | undefined;
    if (run === undefined) throw new Error(`no command ${command}`);
    answered = { answer: ask, result: await run(...input) };
  } catch (error) {
    answered = { answer: ask, error: error instanceof Error ? (error.stack ?? "") : String(error) };
  }
  process.send?.(answered);
}

function isAsked(message: unknown): message is Asked {
  return typeof message === "object" && message !== null && "ask" in message;
}

function isAnswered(message: unknown): message is Answered {
  return typeof message === "object" && message !== null && "answer" in message;
}
