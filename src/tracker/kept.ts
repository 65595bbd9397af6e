/**
 * What a tracker keeps beside its list, for those who ask for it: nothing else costs anything. It is told
 * of each change as it is committed. Knows no handler and no node.
 */
import { missingOption } from "../checks.js";
import type { Runtime } from "../runtime.js";
import type { View } from "../replication/showing/view.js";
import type { Diff, Entry } from "../words.js";
import { Pages, type CheckedPage } from "./pages.js";
import { KeyIndex } from "./key-index.js";
import { LastSeenStore, type LastSeen } from "./last-seen.js";

export interface KeptOptions {
  readonly indexKeys: boolean;
  readonly lastSeenKept: number;
  readonly runtime: Runtime;
}

export class Kept {
  readonly #runtime: Runtime;
  readonly #pages: Pages;
  readonly #keyIndex: KeyIndex | undefined;
  readonly #lastSeen: LastSeenStore | undefined;

  /** `has` tells what the list shows now. */
  constructor(options: KeptOptions, has: (topic: string, key: string) => boolean) {
    const { indexKeys, lastSeenKept, runtime } = options;
    this.#runtime = runtime;
    this.#pages = new Pages(has);
    if (indexKeys) this.#keyIndex = new KeyIndex(has);
    if (lastSeenKept > 0) this.#lastSeen = new LastSeenStore(lastSeenKept);
  }

  /** Whether anything is kept: only then it has to be told. */
  isWanted(): boolean {
    return this.#keyIndex !== undefined || this.#lastSeen !== undefined || !this.#pages.isEmpty;
  }

  change(diff: Diff): void {
    this.#keyIndex?.change(diff);
    this.#pages.change(diff);
    if (this.#lastSeen === undefined) return;
    const nowMs = this.#runtime.wallClockMs();
    for (const [topic, { leaves }] of diff) {
      // One that is held no longer because of a limit may be here still.
      for (const leave of leaves) if (leave.reason !== "limited") this.#lastSeen.left(topic, leave, nowMs);
    }
  }

  /** @throws TrackerError `INVALID_OPTION` without the option. */
  topicsOf(key: string): string[] {
    if (this.#keyIndex === undefined) throw missingOption("topicsOf", "indexKeys", "true");
    return this.#keyIndex.topicsOf(key);
  }

  /** A page of what is listed under a topic. */
  page(topic: string, { after, limit }: CheckedPage, view: View): Entry[] {
    const keysOf = (): string[] => view.list(topic).map(({ key }) => key);
    return this.#pages.page(topic, after, limit, keysOf).flatMap((key) => view.getByKey(topic, key));
  }

  /** @throws TrackerError `INVALID_OPTION` without the option. */
  lastSeen(topic: string, key: string): LastSeen | undefined {
    if (this.#lastSeen === undefined) throw missingOption("lastSeen", "lastSeenKept", "10_000");
    return this.#lastSeen.get(topic, key);
  }
}
