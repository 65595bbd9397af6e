/** How a test runs trackers by another rule or limit: by the protocol that they are given, and by no patch. */
import type { Limits } from "../../src/replication/limits.js";
import { PROTOCOL, type Protocol, type Rules } from "../../src/replication/rules.js";
import { simulate, type SimulatedCluster } from "../../src/testing/cluster.js";
import type { SimulateOptions } from "../../src/testing/cluster-options.js";
import { protocolOption } from "../../src/tracker/options.js";

export interface Changes {
  readonly rules?: Partial<Rules> | undefined;
  readonly limits?: Partial<Limits> | undefined;
}

/** A protocol with other rules or limits. */
export function changed({ rules, limits }: Changes, protocol: Protocol = PROTOCOL): Protocol {
  return { rules: { ...protocol.rules, ...rules }, limits: { ...protocol.limits, ...limits } };
}

/** Options of a tracker that runs by a protocol. */
export function by<Options extends object>(protocol: Protocol, options: Options): Options {
  return { ...options, [protocolOption]: protocol };
}

/** A simulated cluster whose trackers run by a protocol. */
export function simulateBy(protocol: Protocol, options: SimulateOptions): Promise<SimulatedCluster> {
  return simulate({ ...options, options: by(protocol, options.options ?? {}) });
}
