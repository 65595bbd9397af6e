/**
 * Metas that are what they say: a schema of the user's, by the interface that schema libraries share
 * (standardschema.dev, version 1), taken by its shape. What this node tracks has to pass it. What other nodes have
 * tracked is theirs to decide: it is checked before anybody is told of it, and reported where it does not pass; and
 * hidden, where that is wanted.
 */
import { looked, wrongOption } from "../checks.js";
import { TrackerError } from "../errors.js";
import { promiseOf } from "../pubsub/returned.js";
import { ReplicatedEntry } from "../replication/entry.js";
import type { AnyMeta, Diff, Entry } from "../words.js";
import { copyMeta } from "./meta.js";

/** A schema by the shape that Zod, Valibot, ArkType and others share. `M` is what it returns. */
export interface MetaSchema<M = AnyMeta> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => MetaSchemaResult<M> | Promise<MetaSchemaResult<M>>;
    readonly types?: { readonly input: unknown; readonly output: M } | undefined;
  };
}

/** What a schema returns: the value, or what is wrong with it. */
export type MetaSchemaResult<M> =
  { readonly value: M; readonly issues?: undefined } | { readonly issues: readonly MetaSchemaIssue[] };

/** One thing that is wrong with a value. */
export interface MetaSchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** @throws TrackerError `INVALID_OPTION` */
export function requireSchema(schema: unknown): void {
  looked("INVALID_OPTION", "schema", () => {
    const standard: unknown =
      schema === null ? undefined : (Object(schema) as Record<string, unknown>)["~standard"];
    const { version, validate } = Object(standard) as Record<string, unknown>;
    if (version === 1 && typeof validate === "function") return;
    throw wrongOption(
      "schema",
      schema,
      "a Standard Schema of version 1, such as one of Zod, Valibot or ArkType",
    );
  });
}

/** How often a node's metas are reported, and of how many nodes that is remembered. */
const REPORT_PERIOD_MS = 60_000;
const MAX_REPORTED_NODES = 1_024;

/** Where metas of other nodes come by before they are shown. */
export interface Gate {
  accepts: ((entry: ReplicatedEntry) => boolean) | undefined;
}

export interface MetaChecksOptions {
  readonly schema: MetaSchema | undefined;
  readonly invalidMetas: "show" | "hide";
  readonly maxMetaBytes: number;
  /** This node's name: what it tracked has been checked. */
  readonly nodeName: string;
  readonly nowMs: () => number;
  readonly report: (error: TrackerError) => void;
}

export class MetaChecks {
  readonly #options: MetaChecksOptions;
  readonly #reportedMs = new Map<string, number>();
  #isAtGate = false;
  /** How many metas of other nodes did not pass. */
  invalidMetas = 0;

  constructor(options: MetaChecksOptions) {
    this.#options = options;
  }

  /**
   * The frozen copy of a meta that is stored: what the schema returns for it.
   *
   * @throws TrackerError `INVALID_META`, with the `issues` of the schema; `INVALID_OPTION` for a schema that needs a
   *   promise; as `copyMeta`.
   */
  copyOf(meta: unknown): Readonly<AnyMeta> {
    const { schema, maxMetaBytes } = this.#options;
    if (this.#isAtGate) {
      const text = "The schema changes the tracker while it is asked whether a meta may be shown";
      throw new TrackerError("INVALID_OPTION", text, { option: "schema" });
    }
    const copy = copyMeta(meta, maxMetaBytes);
    if (schema === undefined) return copy;
    const { value, wrong } = validated(schema, copy);
    if (wrong !== undefined) throw wrong;
    return value === copy ? copy : copyMeta(value, maxMetaBytes);
  }

  /** Where invalid metas are to be hidden, has none of another node shown; they are told of in their turn. */
  guard(gate: Gate, inTurn: (tell: () => void) => void): void {
    const { schema, invalidMetas, nodeName } = this.#options;
    if (schema === undefined || invalidMetas === "show") return;
    gate.accepts = (entry) => {
      if (entry.node === nodeName) return true;
      this.#isAtGate = true;
      const { wrong } = validated(schema, entry.meta);
      this.#isAtGate = false;
      if (wrong === undefined) return true;
      this.#note(wrong, ReplicatedEntry.topicOf(entry), entry, (error) =>
        inTurn(() => this.#options.report(error)),
      );
      return false;
    };
  }

  /**
   * What is to be done about a change, if anything: to check what other nodes have tracked. A schema is the user's code,
   * so it gets its turn: before those who are told of the change.
   */
  checkOf(diff: Diff): (() => void) | undefined {
    const { schema, invalidMetas } = this.#options;
    return schema === undefined || invalidMetas === "hide" ? undefined : this.#checkWith(schema, diff);
  }

  #checkWith(schema: MetaSchema, diff: Diff): (() => void) | undefined {
    const foreign: [topic: string, entry: Entry][] = [];
    for (const [topic, { joins, updates }] of diff) {
      for (const entry of joins) if (entry.node !== this.#options.nodeName) foreign.push([topic, entry]);
      for (const entry of updates) if (entry.node !== this.#options.nodeName) foreign.push([topic, entry]);
    }
    return foreign.length === 0 ? undefined : () => this.#check(foreign, schema);
  }

  #check(foreign: readonly [topic: string, entry: Entry][], schema: MetaSchema): void {
    for (const [topic, entry] of foreign) {
      const { wrong } = validated(schema, entry.meta);
      if (wrong !== undefined) this.#note(wrong, topic, entry, this.#options.report);
    }
  }

  /** A node whose metas do not pass is reported, once in a while. */
  #note(
    wrong: TrackerError,
    topic: string,
    { key, node, session, ref }: Entry,
    report: (error: TrackerError) => void,
  ): void {
    this.invalidMetas += 1;
    if (!this.#isToReport(node)) return;
    const how = this.#options.invalidMetas === "hide" ? "hidden" : "shown as it is";
    const text = `A meta of ${node} is not as the schema says, and ${how}: ${wrong.message}`;
    const details = { ...wrong.details, topic, key, node, session, ref };
    report(new TrackerError(wrong.code, text, details, { cause: wrong.cause }));
  }

  #isToReport(node: string): boolean {
    const nowMs = this.#options.nowMs();
    const lastMs = this.#reportedMs.get(node);
    if (lastMs !== undefined && nowMs - lastMs < REPORT_PERIOD_MS) return false;
    this.#reportedMs.delete(node);
    this.#reportedMs.set(node, nowMs);
    if (this.#reportedMs.size > MAX_REPORTED_NODES) {
      for (const oldest of this.#reportedMs.keys()) {
        this.#reportedMs.delete(oldest);
        break;
      }
    }
    return true;
  }
}

/** What a schema says of a value. It is the user's code: it may throw, and return anything, now and when that is read. */
function validated(
  schema: MetaSchema,
  meta: Readonly<AnyMeta>,
): { readonly value?: unknown; readonly wrong?: TrackerError } {
  try {
    const result: unknown = schema["~standard"].validate(meta);
    const { then, issues, value } = Object(result) as Readonly<Record<"then" | "issues" | "value", unknown>>;
    if (typeof then === "function") {
      promiseOf(result)?.catch(() => undefined);
      const text = "The schema validates with a promise; track is synchronous, so it needs one without";
      return { wrong: new TrackerError("INVALID_OPTION", text, { option: "schema" }) };
    }
    return issues === undefined ? { value } : { wrong: notAsTheSchemaSays(issues) };
  } catch (cause) {
    return { wrong: new TrackerError("INVALID_META", "The schema failed", { path: [] }, { cause }) };
  }
}

function notAsTheSchemaSays(issues: unknown): TrackerError {
  const all: readonly unknown[] = Array.isArray(issues) ? issues : [];
  const first = Object(all[0]) as Readonly<Record<"path" | "message", unknown>>;
  const steps: readonly unknown[] = Array.isArray(first.path) ? first.path : [];
  const path = steps.map((step) =>
    typeof step === "object" && step !== null && "key" in step ? step.key : step,
  );
  const where = ["meta", ...path.map(String)].join(".");
  const text = `${where} does not match the schema: ${String(first.message ?? "no reason was given")}`;
  return new TrackerError("INVALID_META", text, { path, issues: all });
}
