/** What a node knows of its government: the last status that the primary has told, and what it has to do about it. */
import type { History } from "./presence/history.ts";
import type { ClusterStatus } from "./wire.ts";

const untold: ClusterStatus = { nodes: [], links: [], happened: [], visitors: 0, brought: 0 };

export class Governed {
  readonly #history: History;
  status = untold;
  #seenId: number | undefined;

  constructor(history: History) {
    this.#history = history;
  }

  told(status: ClusterStatus): void {
    this.status = status;
    const { happened } = status;
    // What happened before this node served is nothing that it could have followed.
    const seenId = this.#seenId ?? happened.at(-1)?.id ?? 0;
    for (const { id, kind, node, run } of happened) {
      if (id <= seenId) continue;
      if (kind === "healed") this.#history.forgetLargestDiff();
      const isEnd = kind === "killed" || kind === "stopped" || kind === "ended";
      if (isEnd && node !== undefined && run !== undefined) this.#history.lifeEnded(id, node, run);
    }
    this.#seenId = happened.at(-1)?.id ?? seenId;
  }
}
