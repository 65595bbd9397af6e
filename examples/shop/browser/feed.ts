/** The live feed: who came, moved on and left, a few lines per frame however much happens. It can be paused. */
import { element, find, setAttribute, setText } from "./dom.ts";
import { clock } from "./liveness.ts";

const maxLines = 9;

export interface FeedEvent {
  readonly key: string;
  readonly text: string;
}

export class Feed {
  readonly #list = find("[data-feed]");
  readonly #button = find("[data-feed-pause]");
  #waiting: FeedEvent[] = [];
  #skipped = 0;
  #paused = false;

  constructor() {
    this.#button.addEventListener("click", () => {
      this.#paused = !this.#paused;
      setText(this.#button, this.#paused ? "Go on" : "Pause");
      const label = this.#paused ? "Go on with the list of shoppers" : "Pause the list of shoppers";
      setAttribute(this.#button, "aria-label", label);
      if (!this.#paused) this.render();
    });
  }

  /** Takes note of something; it shows with the next {@link render}. */
  add(event: FeedEvent): void {
    this.#waiting.push(event);
    if (this.#waiting.length > maxLines) {
      this.#waiting.shift();
      this.#skipped += 1;
    }
  }

  render(): void {
    if (this.#waiting.length === 0 || this.#paused) return;
    const time = clock(new Date());
    const lines = this.#waiting.map(({ key, text }) => line(time, key.slice(0, 6), text));
    if (this.#skipped > 0) lines.unshift(line(time, "", `… and ${this.#skipped} more`));
    this.#waiting = [];
    this.#skipped = 0;
    this.#list.prepend(...lines.reverse());
    while (this.#list.childElementCount > maxLines) this.#list.lastElementChild?.remove();
  }
}

function line(time: string, who: string, text: string): HTMLElement {
  return element(
    "li",
    {},
    element("time", {}, time),
    element("span", { class: "who" }, who),
    element("span", { class: "what" }, text),
  );
}
