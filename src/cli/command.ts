/** What the command line says: checked, and complete. Pure. */
import { parseArgs } from "node:util";
import { nearestOf } from "../known-names.js";

/** A use that is wrong; the message is for the person who typed it. */
export class UsageError extends Error {}

export type BrokerKind = "redis" | "nats" | "postgres";

interface Common {
  readonly broker: BrokerKind;
  readonly url: string;
  /** Of the tracker; undefined if there is only one to look at. */
  readonly name: string | undefined;
  readonly prefix: string;
  readonly json: boolean;
  /** How long it waits for the cluster to be heard out. */
  readonly waitMs: number;
}

export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | (Common & { readonly kind: "top"; readonly once: boolean })
  | (Common & { readonly kind: "list" | "watch"; readonly topic: string | undefined })
  | (Common & { readonly kind: "explain"; readonly topic: string; readonly key: string })
  | (Common & { readonly kind: "doctor" });

export type Looking = Exclude<Command, { readonly kind: "help" | "version" }>;

export const HELP = `rollcall: looks into a cluster of trackers, as an observer that nobody lists.

Usage: rollcall COMMAND --redis URL | --nats URL | --postgres URL [options]

  top                  nodes, how they are, and what they send; live in a terminal
  list [TOPIC]         who is under a topic; without one, the topics
  watch [TOPIC]        joins (+), updates (~) and leaves (-) as they come
  explain TOPIC KEY    why a key is listed, or hidden: owner, dot, when it was heard
  doctor               what is wrong, and what to do

  --redis URL          such as redis://localhost:6379       (needs redis or ioredis)
  --nats URL           such as nats://localhost:4222        (needs @nats-io/transport-node)
  --postgres URL       such as postgres://localhost/app     (needs pg)
  --name NAME          of the tracker; may be left away if there is one only
  --prefix PREFIX      of the names on the broker, if the application has its own (rollcall)
  --wait MS            how long the cluster is heard out at the most (5000)
  --once               top: one table, then the end; so it is where no terminal is
  --json               for scripts: JSON, one line for each thing
  --help, --version

Ends with 0; with 1 if the doctor finds something wrong, or nobody has the key that is to be explained; with 2 for a
wrong use; with 3 if the broker cannot be reached. NO_COLOR is respected.
`;

/** @throws UsageError */
export function parseCommand(argv: readonly string[]): Command {
  const { values, positionals } = parse(argv);
  if (values.help === true) return { kind: "help" };
  if (values.version === true) return { kind: "version" };
  const [kind, ...rest] = positionals;
  if (kind === undefined) return { kind: "help" };
  const kinds = ["top", "list", "watch", "explain", "doctor"] as const;
  const known = kinds.find((each) => each === kind);
  if (known === undefined) throw new UsageError(`There is no command ${kind}; there are ${kinds.join(", ")}`);
  const brokers = (["redis", "nats", "postgres"] as const).filter((each) => values[each] !== undefined);
  const [broker] = brokers;
  if (broker === undefined)
    throw new UsageError("Which broker? Say --redis URL, --nats URL or --postgres URL");
  if (brokers.length > 1) throw new UsageError(`Say one broker, not ${brokers.length}`);
  const url = values[broker] ?? "";
  if (broker === "redis" && !/^rediss?:\/\//i.test(url))
    throw new UsageError(
      `--redis takes a URL that begins with redis:// or rediss://, such as ${exampleOf(url)}`,
    );
  const common = {
    broker,
    url,
    name: values.name,
    prefix: values.prefix ?? "rollcall",
    json: values.json === true,
    waitMs: milliseconds(values.wait ?? "5000"),
  };
  const most = { top: 0, list: 1, watch: 1, explain: 2, doctor: 0 }[known];
  if (rest.length > most)
    throw new UsageError(`${known} takes ${most === 0 ? "no" : most} words, not ${rest.length}`);
  const [topic, key] = rest;
  if (values.once === true && known !== "top") throw new UsageError("--once is for top");
  if (known === "top") return { ...common, kind: known, once: values.once === true };
  if (known === "doctor") return { ...common, kind: known };
  if (known !== "explain") return { ...common, kind: known, topic };
  if (topic === undefined || key === undefined) throw new UsageError("explain needs a TOPIC and a KEY");
  return { ...common, kind: known, topic, key };
}

function parse(argv: readonly string[]): ReturnType<typeof parseKnown> {
  try {
    return parseKnown(argv);
  } catch (error) {
    const [first = ""] = (error instanceof Error ? error.message : String(error)).split(". ");
    const unknown = /^Unknown option '(-{1,2}([^']*))'/.exec(first);
    if (unknown === null) throw new UsageError(first);
    const [, option = "", name = ""] = unknown;
    throw new UsageError(`There is no option ${option}; did you mean --${nearestOf(name, options)}?`);
  }
}

/** What was meant, where only the scheme is missing; nothing is shown of a text that may hold a password. */
function exampleOf(url: string): string {
  return /^[\w.-]+(:\d+)?$/.test(url) ? `redis://${url}` : "redis://localhost:6379";
}

const options = {
  redis: { type: "string" },
  nats: { type: "string" },
  postgres: { type: "string" },
  name: { type: "string" },
  prefix: { type: "string" },
  wait: { type: "string" },
  once: { type: "boolean" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
} as const;

function parseKnown(argv: readonly string[]) {
  return parseArgs({ args: [...argv], allowPositionals: true, options });
}

function milliseconds(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 600_000) return value;
  throw new UsageError(`--wait takes milliseconds up to 600000, not ${text}`);
}
