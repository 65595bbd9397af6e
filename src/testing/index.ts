/**
 * What helps to test an application or an adapter that builds on rollcall. Depends on no test framework.
 */
export {
  pubsubContract,
  type ContractCase,
  type ContractCluster,
  type ContractNode,
  type ContractOptions,
  type OpenNodes,
} from "./pubsub-contract.js";
