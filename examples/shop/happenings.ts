/** What happened to the cluster, in lines to read; what became of it is added when it is known. */
import type { MoveOutcome } from "./control.ts";
import type { Happened, HappenedKind } from "./wire.ts";

const keptHappenings = 30;

export class Happenings {
  readonly #all: Happened[] = [];
  readonly #say: (line: string) => void;
  #lastId = 0;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  get all(): readonly Happened[] {
    return this.#all;
  }

  /** Takes a note; returns its id. */
  add(
    kind: HappenedKind,
    text: string,
    life: { readonly node?: string; readonly run?: number } = {},
  ): number {
    this.#lastId += 1;
    this.#all.push({ id: this.#lastId, kind, atMs: Date.now(), text, ...life });
    if (this.#all.length > keptHappenings) this.#all.shift();
    return this.#lastId;
  }

  /** Adds to what was noted, once; the first who knows is right. */
  conclude(id: number, conclusion: string): void {
    const index = this.#all.findIndex((each) => each.id === id);
    const happened = this.#all[index];
    if (happened === undefined || happened.text.includes(": ")) return;
    const text = `${happened.text}: ${conclusion}`;
    this.#all[index] = { ...happened, text };
    this.#say(text);
  }

  moved({ happenedId, moved, missing, tookMs }: MoveOutcome): void {
    if (moved === 0) return this.conclude(happenedId, "it served nobody");
    // Those of a node that says goodbye do not leave the list.
    const stopped = this.#all.find(({ id }) => id === happenedId)?.kind === "stopped";
    const rest = missing === 0 ? "all" : `${moved - missing}`;
    const left = missing === 0 ? "" : `, ${missing} left`;
    this.conclude(
      happenedId,
      `${moved} moved, ${rest} ${stopped ? "on other nodes" : "listed again"} after ${seconds(tookMs)}${left}`,
    );
  }
}

export function seconds(durationMs: number): string {
  return `${(durationMs / 1_000).toFixed(1)} s`;
}
