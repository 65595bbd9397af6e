/**
 * The name of a node: its default, and the check that every adapter makes. Free of Node imports, because the
 * broadcast-channel adapter runs in browsers too.
 */
import { wrongOption } from "../checks.js";
import { randomText } from "../runtime.js";

/** The longest node name, in bytes of UTF-8: it is part of every frame and of every direct channel. */
const maxNodeNameBytes = 128;

/** Leaves room for the process id and the random part, whatever the machine is called. */
const maxHostLength = 32;

/**
 * A name that no other process has: host, process id and a random part. The first two are for the reader of a
 * log; the last makes it unique where containers share a host name and all run as process 1.
 */
function defaultNodeName(): string {
  const machine = typeof process === "object" ? process : undefined;
  const host = machine?.getBuiltinModule?.("node:os").hostname() ?? machine?.env?.["HOSTNAME"] ?? "browser";
  return [host.slice(0, maxHostLength), machine?.pid, randomText(8)].filter(Boolean).join("-");
}

/**
 * The given name, or the default one if none was given.
 *
 * @throws TrackerError `INVALID_OPTION` for a name that is empty, longer than 128 bytes or not well-formed
 *   text.
 */
export function checkedNodeName(nodeName: string | undefined): string {
  if (nodeName === undefined) return defaultNodeName();
  const bytes = typeof nodeName === "string" ? utf8Length(nodeName) : undefined;
  if (bytes === undefined || bytes === 0 || bytes > maxNodeNameBytes) {
    throw wrongOption("nodeName", nodeName, `well-formed text of 1 to ${maxNodeNameBytes} bytes`);
  }
  return nodeName;
}

/**
 * The length in UTF-8; `undefined` for a text that is too long to be looked at, or has a lone surrogate. That would become
 * another character on its way, and two nodes could meet under one name. Without `TextEncoder`, which jsdom lacks.
 */
function utf8Length(text: string): number | undefined {
  if (text.length > maxNodeNameBytes) return undefined;
  try {
    return encodeURIComponent(text).replaceAll(/%[0-9A-F]{2}/g, "-").length;
  } catch {
    return undefined;
  }
}
