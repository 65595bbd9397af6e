/**
 * An admin of the load generator: follows the presences as the dashboard does, counts as it does, and notes
 * when each shopper and each cart became visible. It counts only those whom it was told of: others may be in
 * the shop too.
 */
import { PresenceClient } from "rollcall/client";
import { Socket } from "phoenix";
import { WebSocket } from "ws";
import { Totals } from "../presence/totals.ts";
import type { CartMeta, ClusterView } from "../wire.ts";

export interface Sighting {
  seenMs: number;
  /** When its first item was seen. */
  itemSeenMs?: number;
}

export class Watcher {
  readonly totals = new Totals();
  readonly sightings = new Map<string, Sighting>();
  readonly #presence = new PresenceClient<CartMeta>();
  readonly #socket: Socket;

  readonly #isCounted: (cartId: string) => boolean;

  private constructor(socket: Socket, isCounted: (cartId: string) => boolean) {
    this.#socket = socket;
    this.#isCounted = isCounted;
    this.#presence.onJoin((key) => this.#look(key));
    this.#presence.onLeave((key) => this.#look(key));
  }

  /**
   * Connects as an admin who counts these carts, which are named before their shoppers come. Rejects with a
   * clear message if the shop does not let it in.
   */
  static async connect(
    shopUrl: URL,
    user: string,
    password: string,
    isCounted: (cartId: string) => boolean,
  ): Promise<Watcher> {
    const authorization = basicAuthorization(user, password);
    const response = await fetch(new URL("/admin/token", shopUrl), { headers: { authorization } });
    if (!response.ok) throw new Error(`The back office answered ${response.status} to user ${user}.`);
    const authToken = await response.text();
    const socket = new Socket(socketUrl(shopUrl, "/admin_socket"), { transport: WebSocket, authToken });
    const watcher = new Watcher(socket, isCounted);
    socket.connect();
    await watcher.#follow();
    return watcher;
  }

  /** Hears again and again how the cluster is. */
  onCluster(listener: (view: ClusterView) => void): void {
    const channel = this.#socket.channel("admin:cluster");
    channel.on("cluster", listener);
    channel.join();
  }

  /** Hears of every change of the totals. */
  onChange(listener: () => void): void {
    this.#presence.onSync(listener);
  }

  close(): void {
    this.#socket.disconnect();
  }

  #follow(): Promise<void> {
    const channel = this.#socket.channel("admin:cart_tracker");
    return new Promise((resolve, reject) => {
      channel.on("presence_state", (state: unknown) => {
        this.#presence.receive("presence_state", state);
        resolve();
      });
      channel.on("presence_diff", (diff: unknown) => this.#presence.receive("presence_diff", diff));
      channel
        .join()
        // At each join, before its state comes.
        .receive("ok", () => this.#presence.reset())
        .receive("error", () => reject(new Error("The shop refused the admin channel.")));
    });
  }

  #look(key: string): void {
    if (!this.#isCounted(key)) return;
    const metas = this.#presence.get(key)?.metas ?? [];
    this.totals.set(key, metas);
    const nowMs = performance.now();
    let sighting = this.sightings.get(key);
    if (sighting === undefined) {
      sighting = { seenMs: nowMs };
      this.sightings.set(key, sighting);
    }
    if (metas.some(({ items }) => items.length > 0)) sighting.itemSeenMs ??= nowMs;
  }
}

export function basicAuthorization(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

/** The address of a socket of the shop. */
export function socketUrl(shopUrl: URL, path: string): string {
  const url = new URL(path, shopUrl);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
