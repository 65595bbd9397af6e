/**
 * Nodes that speak no version of the protocol in common with this one, or have not said that they do, and nodes that hold
 * otherwise than this one: nothing of them is listed, so that they are remembered by name, and each is told of once. Few at a time. Time comes in as an argument.
 */
import type { Life } from "../life.js";
import { MAX_FOREIGN_NODES } from "../limits.js";
import type { VersionRange } from "../message.js";

/** A node of which nothing but the head of its frames, or its heartbeats, can be read. */
export interface ForeignNode {
  readonly life: Life;
  /** Why nothing of it is listed: the version that it speaks, or what it holds. */
  readonly differs: "version" | "holds";
  /** As it says; or that of its frames, until it does. */
  readonly speaks: VersionRange;
  /** When it was heard for the first time, and last. */
  readonly sinceMs: number;
  readonly heardMs: number;
  readonly isTold: boolean;
}

export class ForeignNodes {
  readonly #nodes = new Map<string, ForeignNode>();

  /**
   * A frame of such a node came. Returns the node if it is to be told of now, and `crowded` if there is no room for it.
   * One that has not said yet what it speaks may do so within its patience.
   */
  heard(
    { life, differs, speaks }: Pick<ForeignNode, "life" | "differs" | "speaks">,
    hasSaid: boolean,
    patienceMs: number,
    nowMs: number,
  ): ForeignNode | "crowded" | undefined {
    const before = this.#nodes.get(life.name);
    if (before === undefined && this.#nodes.size >= MAX_FOREIGN_NODES) return "crowded";
    const sinceMs = before?.sinceMs ?? nowMs;
    // One that differs in something else than before is told of again.
    const wasTold = before?.isTold === true && before.differs === differs;
    const isTold = wasTold || hasSaid || nowMs - sinceMs > patienceMs;
    const said = hasSaid ? speaks : (before?.speaks ?? speaks);
    const node = { life, differs, speaks: said, sinceMs, heardMs: nowMs, isTold };
    this.#nodes.set(life.name, node);
    return isTold && !wasTold ? node : undefined;
  }

  /** It is heard as a node like others. */
  delete(name: string): void {
    this.#nodes.delete(name);
  }

  /** Forgets those that have not been heard since: who has been told of is remembered for longer, to be told of once. */
  forget(untoldBeforeMs: number, toldBeforeMs: number): void {
    for (const [name, { heardMs, isTold }] of this.#nodes)
      if (heardMs < (isTold ? toldBeforeMs : untoldBeforeMs)) this.#nodes.delete(name);
  }

  /** Those that have been told of and were heard since. */
  toldSince(atMs: number): ForeignNode[] {
    return [...this.#nodes.values()].filter(({ isTold, heardMs }) => isTold && heardMs >= atMs);
  }
}
