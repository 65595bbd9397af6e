/**
 * What of other lives is shown: of whom all, of whom nothing, and of whom a part, while the rest follows in the next
 * steps. Each part is in the list and in the diffs at once, so that they add up at any time; that a life is up, down or
 * gone is told when nothing is left to do. Decides nothing about who is alive, and knows no time.
 */
import type { Allowance } from "./allowance.js";
import type { LeaveReason } from "../words.js";
import type { ReplicatedEntry } from "./entry.js";
import type { Gone, SliceChange } from "./holding/identity.js";
import type { Peer } from "./lives/peer.js";
import type { View } from "./showing/view.js";
import { Walks, type Walk } from "./showing/walks.js";
import type { Effects, News } from "./step.js";

export class ShownLives {
  readonly #view: View;
  readonly #effects: Effects;
  readonly #walks: Walks<Peer>;

  constructor(view: View, effects: Effects, allowance: Allowance) {
    this.#view = view;
    this.#effects = effects;
    this.#walks = new Walks(allowance);
  }

  /** Whether anything is left to do. */
  get isDone(): boolean {
    return this.#walks.isEmpty;
  }

  /** Goes on with what is left to do. */
  advance(): void {
    this.#walks.advance();
  }

  /** A life is heard for the first time. One that is forgotten, and leaves in parts, may be the same. */
  appeared({ id }: Peer): void {
    for (const ended of this.#walks.owners()) if (ended.id === id) this.#walks.finish(ended);
  }

  /** Does at once all that is left to do. */
  finish(): void {
    for (const peer of this.#walks.owners()) this.#walks.finish(peer);
  }

  /** Something that is held has changed. */
  changed(replica: Peer, { removed, updated, added }: SliceChange): void {
    const view = this.#view;
    if (!replica.isShown) {
      if (!this.#walks.has(replica)) return;
      // Of what is to be hidden and was not reached yet.
      for (const { entry } of removed) view.leave(entry, "down");
      for (const { previous } of updated) view.leave(previous, "down");
      return;
    }
    for (const gone of removed) view.leave(gone.entry, reasonOf(gone));
    // One whose turn has not come yet is shown as it is then.
    for (const { entry, previous } of updated) view.update(entry, previous);
    for (const entry of added) view.join(entry);
  }

  /** What was held is let go. */
  letGo(replica: Peer, entries: Iterable<ReplicatedEntry>): void {
    if (!replica.isShown && !this.#walks.has(replica)) return;
    for (const entry of entries) this.#view.leave(entry, "down");
  }

  wentDown(replica: Peer): void {
    this.#walk(
      replica,
      (entry) => this.#view.leave(entry, "down"),
      () => this.#tell({ type: "replicaDown", life: replica.life }),
    );
  }

  /** One that was down shows all that it has. `done` is called when it has. */
  returned(replica: Peer, done?: () => void): void {
    replica.isShownInPart = true;
    this.#walk(
      replica,
      (entry) => this.#view.joinAgain(entry),
      () => {
        replica.isShownInPart = false;
        done?.();
        this.#tell({ type: "replicaUp", life: replica.life });
      },
    );
  }

  /** What it has is shown until others come. */
  departs(replica: Peer): void {
    this.#walks.finish(replica);
    this.#view.departingLives += 1;
    this.#view.depart(replica);
  }

  /** It does not depart after all. */
  stays(replica: Peer): void {
    this.#view.departingLives -= 1;
    this.#view.stays(replica);
    this.#walk(
      replica,
      (entry) => this.#view.stay(entry),
      () => undefined,
    );
  }

  ended(replica: Peer): void {
    if (replica.status === "departing") this.#view.departingLives -= 1;
    const gone: News = { type: "replicaGone", life: replica.life };
    // Nothing of it is shown.
    if (!replica.isShown && !this.#walks.has(replica)) return this.#tell(gone);
    // What is about to be hidden leaves as it would have.
    const reason: LeaveReason = (replica.isShown ? replica.departure : undefined) ?? "down";
    this.#view.ends(replica, reason);
    this.#walk(
      replica,
      (entry) => this.#view.end(entry),
      () => {
        this.#view.hasEnded(replica);
        this.#tell(gone);
      },
    );
  }

  #walk(replica: Peer, visit: Walk["visit"], done: Walk["done"]): void {
    this.#walks.begin(replica, { entries: replica.entries()[Symbol.iterator](), visit, done });
  }

  #tell(news: News): void {
    this.#effects.add(news);
  }
}

function reasonOf({ closed, limited }: Gone): LeaveReason {
  if (limited === true) return "limited";
  return closed ? "closed" : "untracked";
}
