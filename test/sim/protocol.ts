/** How a test runs trackers otherwise: by the protocol, the replicator and the start that they are given. */
import type { Limits } from "../../src/replication/limits.js";
import { PROTOCOL, type Protocol, type Rules } from "../../src/replication/rules.js";
import { simulate, type SimulatedCluster, type StartTracker } from "../../src/testing/cluster.js";
import type { SimulateOptions } from "../../src/testing/cluster-options.js";
import { protocolOption, type SimulatedProtocol } from "../../src/tracker/options.js";

export interface Changes {
  readonly rules?: Partial<Rules> | undefined;
  readonly limits?: Partial<Limits> | undefined;
  /** The replicator that trackers run: one that does something else in a step. */
  readonly replicator?: SimulatedProtocol["replicator"];
  /** How trackers are started: what stands between them and their application, or their pubsub, may change what passes. */
  readonly startTracker?: StartTracker | undefined;
}

/** What a simulation runs by. */
export interface RunsBy extends SimulatedProtocol {
  readonly startTracker?: StartTracker | undefined;
}

/** A protocol with other rules or limits, or what else trackers run by. */
export function changed({ rules, limits, ...others }: Changes, protocol: Protocol = PROTOCOL): RunsBy {
  return {
    ...protocol,
    ...others,
    rules: { ...protocol.rules, ...rules },
    limits: { ...protocol.limits, ...limits },
  };
}

/** Options of a tracker that runs by a protocol. */
export function by<Options extends object>(protocol: Protocol, options: Options): Options {
  return { ...options, [protocolOption]: protocol };
}

/** A simulated cluster whose trackers run by a protocol. */
export function simulateBy(protocol: RunsBy, options: SimulateOptions): Promise<SimulatedCluster> {
  const { startTracker = options.startTracker } = protocol;
  return simulate({ ...options, startTracker, options: by(protocol, options.options ?? {}) });
}
