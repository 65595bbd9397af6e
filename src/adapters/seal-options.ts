/** The options of a sealed pubsub, and their checks. */
import { booleanOption, isArray, looked, runtimeOption, wrongOption } from "../checks.js";
import { TrackerError } from "../errors.js";
import { readOptions } from "../known-names.js";
import { nodeRuntime, type Runtime } from "../runtime.js";
import { SealKey, type SealMode } from "./seal.js";

export interface SealedOptions {
  /** The first one seals, all of them open. Each is text or bytes, at least 32 bytes long, and random. */
  readonly keys: readonly (string | Uint8Array)[];
  /** `encrypt` (default), or `sign`: shorter, and readable for everybody. Nodes may differ. */
  readonly mode?: SealMode | undefined;
  /** Whether payloads without a seal count, too: while nodes that do not seal are replaced. Default false. */
  readonly acceptUnsealed?: boolean | undefined;
  /** Whether this node seals. False only while there are nodes that could not open it. Default true. */
  readonly sealing?: boolean | undefined;
  /** Time and timers; a test passes virtual ones. */
  readonly runtime?: Pick<Runtime, "monotonicMs" | "schedule"> | undefined;
}

export type Keys = readonly [SealKey, ...SealKey[]];

/** Says nothing of the values: they are secrets. */
export function keysOf(secrets: SealedOptions["keys"]): Keys {
  const [first, ...older] = isArray(secrets) ? secrets.map((secret) => new SealKey(secret)) : [];
  if (first === undefined) {
    throw new TrackerError("INVALID_OPTION", "Expected keys to be an array of at least one", {
      option: "keys",
    });
  }
  const keys: Keys = [first, ...older];
  if (new Set(keys.map(({ id }) => id)).size < keys.length) {
    throw new TrackerError("INVALID_OPTION", "One of the keys is there twice", { option: "keys" });
  }
  return keys;
}

export interface SealedSettings {
  readonly keys: Keys;
  readonly mode: SealMode;
  readonly acceptUnsealed: boolean;
  readonly sealing: boolean;
  readonly runtime: Pick<Runtime, "monotonicMs" | "schedule">;
}

const optionNames: Readonly<Record<keyof SealedOptions, true>> = {
  keys: true,
  mode: true,
  acceptUnsealed: true,
  sealing: true,
  runtime: true,
};

/** @throws TrackerError `INVALID_OPTION` for another option, and one of the wrong kind. */
export function checkSealedOptions(options: SealedOptions): SealedSettings {
  const read = readOptions(options, optionNames);
  const { keys, mode = "encrypt", acceptUnsealed = false, sealing = true, runtime = nodeRuntime } = read;
  if (mode !== "encrypt" && mode !== "sign") throw wrongOption("mode", mode, '"encrypt" or "sign"');
  booleanOption("acceptUnsealed", acceptUnsealed);
  booleanOption("sealing", sealing);
  runtimeOption(runtime, ["monotonicMs", "schedule"]);
  return {
    keys: looked("INVALID_OPTION", "keys", () => keysOf(keys)),
    mode,
    acceptUnsealed,
    sealing,
    runtime,
  };
}
