/**
 * The contract of an adapter as data: cases with a name and a function, for any test framework and for adapters
 * that others write.
 *
 * ```ts
 * for (const { name, run } of pubsubContract(openNodes)) test(name, run);
 * ```
 *
 * An adapter may lose, repeat and reorder; the contract is to be run where nothing is lost, so it demands that
 * everything arrives, but neither once nor in order. That something does not arrive can be seen only by what
 * was sent after it: the cases send a last payload behind it and look when that has come.
 */
import type { ContractCluster } from "./pubsub-contract-case.js";
import { echoCases, listeningCases, mendingCases } from "./pubsub-contract-hearing.js";
import { closingCases, subscriptionCases } from "./pubsub-contract-lifetimes.js";
import { deliveryCases, nameCases, payloadCases } from "./pubsub-contract-messages.js";
import { reconnectCases } from "./pubsub-contract-reconnect.js";

export type { ContractCluster, ContractNode } from "./pubsub-contract-case.js";

/**
 * Opens nodes that share a pubsub with nobody else, such as under a prefix of their own. Called once per case,
 * with two to six names.
 */
export type OpenNodes = (nodeNames: readonly string[]) => ContractCluster | Promise<ContractCluster>;

/** One promise of the contract. */
export interface ContractCase {
  readonly name: string;
  /** Resolves when the promise is kept; rejects with what was seen instead. */
  run(): Promise<void>;
}

export interface ContractOptions {
  /** How long to wait for what must arrive. Default 5,000; a healthy adapter needs a few milliseconds. */
  readonly patienceMs?: number;
}

/** All cases for the adapter that `openNodes` opens. They may run in any order, and at once. */
export function pubsubContract(
  openNodes: OpenNodes,
  { patienceMs = 5_000 }: ContractOptions = {},
): readonly ContractCase[] {
  const promises = [
    ...deliveryCases,
    ...echoCases,
    ...nameCases,
    ...payloadCases,
    ...subscriptionCases,
    ...closingCases,
    ...reconnectCases,
    ...listeningCases,
    ...mendingCases,
  ];
  return promises.map(({ name, nodeNames, check }) => ({
    name,
    async run() {
      const cluster = await openNodes(nodeNames);
      try {
        await check(cluster, patienceMs);
      } finally {
        await cluster.end();
      }
    },
  }));
}
