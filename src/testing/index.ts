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
export {
  heartbeatsToSettle,
  simulate,
  SimulatedCluster,
  SimulationError,
  type RestartOptions,
  type SimulatedTrackerOptions,
  type SimulateOptions,
  type StartTracker,
} from "./cluster.js";
export { DiffFold } from "./diff-fold.js";
export { type Latency, type RangeMs } from "./latencies.js";
export { Machine, type Stall, type StallOrder } from "./machine.js";
export {
  faultless,
  FaultyNetwork,
  type Delivery,
  type Endpoint,
  type Lane,
  type NetworkFaults,
  type Outage,
  type Traffic,
} from "./network.js";
export {
  convergence,
  foldEqualsList,
  membershipIsRight,
  noDivergence,
  payloadsFit,
  readsAgree,
} from "./oracles.js";
export { adapterManners, type AdapterManner } from "./adapter-manners.js";
export { metaShapes, type MetaShape } from "./metas.js";
export { profileOf, profiles, seedOf, type Profile } from "./profiles.js";
export { SeededRandom } from "./random.js";
export { randomSchedule } from "./random-schedule.js";
export { runSchedule, type RunHooks, type RunResult } from "./run-schedule.js";
export type { VersionedMeta } from "./history-oracles.js";
export { NaiveModel, type Ending, type ModelEntry } from "./naive-model.js";
export { SimulatedNode, type LifeState, type RecordedDiff, type RecordedEvent } from "./simulated-node.js";
export type { ApplicationStep, FaultStep, Habit, Schedule, Step } from "./steps.js";
export { VirtualTime } from "./virtual-time.js";
