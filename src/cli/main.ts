#!/usr/bin/env node
/** The command `rollcall`: see `command.ts` for what it takes, and `run.ts` for what it does. */
import { BrokerError } from "./brokers.js";
import { HELP, UsageError, parseCommand } from "./command.js";
import { run } from "./run.js";
import { TrackerError } from "../errors.js";
import { VERSION } from "../version.js";

/** For what goes to a file or a pipe: nothing is cut. */
const WITHOUT_END = 10_000;
const SHOW_CURSOR = "\u001b[?25h";
const HIDE_CURSOR = "\u001b[?25l\u001b[2J";

async function main(argv: readonly string[]): Promise<number> {
  const { stdout, stderr } = process;
  const command = parseCommand(argv);
  if (command.kind === "help" || command.kind === "version") {
    stdout.write(command.kind === "help" ? HELP : `${VERSION}\n`);
    return 0;
  }
  const isTerminal = stdout.isTTY;
  const hasColors = isTerminal && (process.env["NO_COLOR"] ?? "") === "" && process.env["TERM"] !== "dumb";
  const ending = new AbortController();
  const end = (): void => ending.abort();
  process.once("SIGINT", end).once("SIGTERM", end);
  // A reader of only the first lines has seen enough.
  stdout.once("error", end);
  const isLive = command.kind === "top" && isTerminal && !command.json && !command.once;
  if (isLive) stdout.write(HIDE_CURSOR);
  try {
    return await run(command, {
      screen: () => ({ columns: isTerminal ? stdout.columns : WITHOUT_END, hasColors }),
      isTerminal,
      write: (text) => void stdout.write(text),
      warn: (text) => void stderr.write(`${text}\n`),
      signal: ending.signal,
    });
  } finally {
    if (isLive) stdout.write(SHOW_CURSOR);
  }
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const isUsage = error instanceof UsageError || error instanceof TrackerError;
    if (!isUsage && !(error instanceof BrokerError)) throw error;
    process.stderr.write(`rollcall: ${error.message}\n`);
    process.exitCode = isUsage ? 2 : 3;
  },
);
