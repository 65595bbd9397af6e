/** What a case of the contract runs on: nodes that are connected, and what breaks their connections. Types only. */
import type { PubSub } from "../pubsub/pubsub.js";

/** A node under test: a pubsub, and its end if it has one. */
export interface ContractNode extends PubSub {
  /** Ends the pubsub; calling it twice must be harmless. */
  close?: (() => void | Promise<void>) | undefined;
}

/** The nodes of one case. */
export interface ContractCluster {
  /** As many as were asked for, in that order, with those names, all connected to each other and to nobody else. */
  readonly nodes: readonly ContractNode[];
  /**
   * Breaks the node's connection for real (not by asking the adapter), and resolves when it is broken. What is
   * returned lets it come back. Needed for an adapter that has `onStatus`.
   */
  cut?: ((node: ContractNode) => Promise<() => void | Promise<void>>) | undefined;
  /**
   * Lets the node's present connection stand still: nothing passes in either direction, and nobody is told. A new
   * connection works. Needed for an adapter that has `reconnect`.
   */
  hang?: ((node: ContractNode) => void | Promise<void>) | undefined;
  /** Ends all that was opened. Called once per case, also when it has failed. */
  end(): void | Promise<void>;
}

/** A case before it knows the adapter. */
export interface ContractPromise {
  readonly name: string;
  readonly nodeNames: readonly string[];
  check(cluster: ContractCluster, patienceMs: number): Promise<void>;
}
