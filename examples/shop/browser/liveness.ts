/**
 * Whether what the dashboard shows is of now. When the page has lost its socket, or hears nothing on it, a
 * banner says so and since when, and nothing looks live any more.
 */
import type { Socket } from "phoenix";
import { element, find, setText } from "./dom.ts";

/** The state comes twice a second. */
const silentAfterMs = 3_000;
/** A node that stands still is left for another one. */
const leftAfterMs = 6_000;
const backShownMs = 5_000;
const lookPeriodMs = 500;

export class Liveness {
  readonly #socket: Socket;
  readonly #banner = find("[data-lost]");
  #heardMs = performance.now();
  #heardAt = new Date();
  #connected = true;
  #leftMs = -Infinity;
  #backTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.onClose(() => {
      this.#connected = false;
      this.#look();
    });
    addEventListener("offline", () => {
      this.#connected = false;
      this.#look();
    });
    setInterval(() => this.#look(), lookPeriodMs);
    document.body.dataset["live"] = "true";
  }

  get isLive(): boolean {
    return document.body.dataset["live"] === "true";
  }

  /** The state of the cluster has come from a node. */
  heard(node: string): void {
    const wasLive = this.isLive;
    const silentMs = performance.now() - this.#heardMs;
    this.#heardMs = performance.now();
    this.#heardAt = new Date();
    this.#connected = true;
    if (wasLive) return;
    document.body.dataset["live"] = "true";
    this.#banner.dataset["back"] = "true";
    this.#say(`Back after ${(silentMs / 1_000).toFixed(1)} s, on ${node}. The numbers are of now again.`);
    this.#backTimer = setTimeout(() => (this.#banner.hidden = true), backShownMs);
  }

  #look(): void {
    const silentMs = performance.now() - this.#heardMs;
    if (this.#connected && silentMs < silentAfterMs) return;
    clearTimeout(this.#backTimer);
    document.body.dataset["live"] = "false";
    delete this.#banner.dataset["back"];
    const why = this.#connected ? "The node that this page is connected to says nothing" : "Not connected";
    this.#say(`${why}. Everything below is as it was at ${clock(this.#heardAt)}.`);
    if (!this.#connected || silentMs < leftAfterMs) return;
    const nowMs = performance.now();
    if (nowMs - this.#leftMs < leftAfterMs) return;
    this.#leftMs = nowMs;
    this.#socket.disconnect(() => this.#socket.connect());
  }

  /** Only what is new is put there, because it is read out. */
  #say(text: string): void {
    this.#banner.hidden = false;
    if (this.#banner.textContent === text) return;
    if (this.#banner.firstElementChild === null) this.#banner.append(element("p", {}));
    setText(find("p", this.#banner), text);
  }
}

export function clock(date: Date): string {
  return date.toLocaleTimeString(undefined, { hour12: false });
}
