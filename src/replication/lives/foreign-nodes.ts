/**
 * Nodes that speak no version of the protocol in common with this one, or have not said that they do, and nodes that follow
 * where this one only looks on: nothing of them is listed, so that they are remembered by name, and each is told of once. Few
 * at a time. Time comes in as an argument.
 */
import type { Life } from "../life.js";
import { MAX_FOREIGN_NODES } from "../limits.js";
import type { VersionRange } from "../message.js";
import type { Effects } from "../step.js";

/** A node of which nothing but the head of its frames, or its heartbeats, can be read. */
export interface ForeignNode {
  readonly life: Life;
  /** Why nothing of it is listed: the version that it speaks, or that it follows and this node only looks on. */
  readonly differs: "version" | "holds";
  /** As it says; or that of its frames, until it does. */
  readonly speaks: VersionRange;
  /** When it was heard for the first time, and last. */
  readonly sinceMs: number;
  readonly heardMs: number;
  readonly isTold: boolean;
}

/** This node, beside which others are foreign. */
export interface NativeNode {
  readonly downPeriodMs: number;
  readonly permdownPeriodMs: number;
  readonly speaks: VersionRange;
}

export class ForeignNodes {
  readonly #native: NativeNode;
  readonly #effects: Effects;
  readonly #refuse: (nowMs: number) => void;
  readonly #nodes = new Map<string, ForeignNode>();

  /** `refuse` is told when there is no room for one more. */
  constructor(native: NativeNode, effects: Effects, refuse: (nowMs: number) => void) {
    this.#native = native;
    this.#effects = effects;
    this.#refuse = refuse;
  }

  /** A frame of such a node came. One that has not said yet what it speaks may do so within a down period. */
  heard(
    { life, differs, speaks }: Pick<ForeignNode, "life" | "differs" | "speaks">,
    hasSaid: boolean,
    nowMs: number,
  ): void {
    const before = this.#nodes.get(life.name);
    if (before === undefined && this.#nodes.size >= MAX_FOREIGN_NODES) return this.#refuse(nowMs);
    const sinceMs = before?.sinceMs ?? nowMs;
    // One that differs in something else than before is told of again.
    const wasTold = before?.isTold === true && before.differs === differs;
    const isTold = wasTold || hasSaid || nowMs - sinceMs > this.#native.downPeriodMs;
    const said = hasSaid ? speaks : (before?.speaks ?? speaks);
    this.#nodes.set(life.name, { life, differs, speaks: said, sinceMs, heardMs: nowMs, isTold });
    if (isTold && !wasTold) this.#tell(life, differs, said);
  }

  /** It is heard as a node like others. */
  delete(name: string): void {
    this.#nodes.delete(name);
  }

  /**
   * Forgets those that have not been heard for long: who has been told of is remembered for longer, to be told of once. To
   * be called once a tick.
   */
  pass(nowMs: number): void {
    const { downPeriodMs, permdownPeriodMs } = this.#native;
    for (const [name, { heardMs, isTold }] of this.#nodes)
      if (nowMs - heardMs > (isTold ? permdownPeriodMs : downPeriodMs)) this.#nodes.delete(name);
  }

  /** Those that have been told of, and were heard within the last down period. */
  told(nowMs: number): ForeignNode[] {
    const { downPeriodMs } = this.#native;
    return [...this.#nodes.values()].filter(
      ({ isTold, heardMs }) => isTold && nowMs - heardMs <= downPeriodMs,
    );
  }

  #tell(life: Life, differs: ForeignNode["differs"], speaks: VersionRange): void {
    const { speaks: spoken } = this.#native;
    const trouble =
      differs === "holds"
        ? ({ kind: "holds", life } as const)
        : ({ kind: "version", life, speaks, spoken } as const);
    this.#effects.add({ type: "trouble", trouble });
  }
}
