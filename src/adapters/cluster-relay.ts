/**
 * The relay in the primary: passes on what nodes send, and tells them of each other's end. Deterministic; it
 * knows processes only as ports, and nothing of IPC.
 *
 * Promises that what one node is told about another is in order: whatever that one sent comes before the news
 * of its end, and nothing after it.
 */
import type { NodeMessage, RelayMessage } from "./cluster-wire.js";

/** A process that is connected to the relay. */
export interface RelayPort {
  /** Must not throw and must not block; may lose. */
  send(message: RelayMessage): void;
}

export class RelayTable {
  /** Per process its nodes, by id. A process may have several, and several may have one name. */
  readonly #ports = new Map<RelayPort, Map<string, string>>();

  attach(port: RelayPort): void {
    if (this.#ports.has(port)) return;
    this.#ports.set(port, new Map());
    port.send({ type: "relay" });
  }

  /** The process lives on, but is relayed to no longer. Its nodes may come back, so nobody calls them gone. */
  detach(port: RelayPort): void {
    if (this.#ports.delete(port)) port.send({ type: "relayGone" });
  }

  /** The process has ended, and with it all its nodes. */
  ended(port: RelayPort): void {
    const nodes = this.#ports.get(port);
    if (nodes === undefined) return;
    this.#ports.delete(port);
    for (const name of nodes.values()) this.#tellGone(name);
  }

  receive(port: RelayPort, message: NodeMessage): void {
    const nodes = this.#ports.get(port);
    if (nodes === undefined) return;
    switch (message.type) {
      case "hello":
        nodes.set(message.id, message.node);
        return port.send({ type: "welcome", id: message.id });
      case "bye": {
        const name = nodes.get(message.id);
        if (name !== undefined && nodes.delete(message.id)) this.#tellGone(name);
        return;
      }
      case "frame":
        // One that was not welcomed is not heard: nobody could answer it, or be told of its end.
        if (nodes.has(message.id)) this.#relay(message);
    }
  }

  close(): void {
    for (const port of [...this.#ports.keys()]) this.detach(port);
  }

  /** To the sender too: a node that hears itself knows that the relay hears it. */
  #relay({ to, channel, payload }: NodeMessage & { type: "frame" }): void {
    for (const [port, nodes] of this.#ports) {
      for (const [id, name] of nodes) {
        if (to !== undefined && name !== to) continue;
        port.send({ type: "frame", id, channel, payload });
      }
    }
  }

  /** Says so only when no other process carries the name: after a quick restart both may for a moment. */
  #tellGone(node: string): void {
    for (const nodes of this.#ports.values()) for (const name of nodes.values()) if (name === node) return;
    for (const [port, nodes] of this.#ports) {
      for (const id of nodes.keys()) port.send({ type: "nodeGone", id, node });
    }
  }
}
