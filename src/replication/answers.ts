/**
 * What others asked of this node, answered one at a time, so that a newcomer to a large cluster stalls
 * nobody. A newer request of the same life and shard takes the place of the one that waits. Knows no time.
 */
import type { Life } from "./life.js";
import { replicaOf } from "./life.js";
import type { DeltaRequest, PageRequest } from "./message.js";

interface Asked {
  readonly by: Life;
  readonly request: DeltaRequest | PageRequest;
}

export class Answers {
  readonly #waiting = new Map<string, Map<number, Asked>>();

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  add(by: Life, request: DeltaRequest | PageRequest): void {
    const requester = replicaOf(by);
    let ofRequester = this.#waiting.get(requester);
    if (ofRequester === undefined) {
      ofRequester = new Map();
      this.#waiting.set(requester, ofRequester);
    }
    ofRequester.set(request.shard, { by, request });
  }

  /** The next request to answer. Requesters take turns. */
  take(): Asked | undefined {
    for (const [requester, ofRequester] of this.#waiting) {
      this.#waiting.delete(requester);
      for (const [shard, asked] of ofRequester) {
        ofRequester.delete(shard);
        // Behind all others, if more of it waits.
        if (ofRequester.size > 0) this.#waiting.set(requester, ofRequester);
        return asked;
      }
    }
    return undefined;
  }
}
