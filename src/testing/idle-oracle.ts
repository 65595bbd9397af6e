/** What a cluster sends while nothing happens: heartbeats, and questions to those that are down; nothing else. */
import type { SimulatedCluster } from "./cluster.js";
import type { VersionedMeta } from "./metas.js";
import type { SimulatedNode } from "./simulated-node.js";

/** What a heartbeat says of one shard has at most so many bytes. */
const summaryBytesMax = 32;

/** Lets some heartbeats of a settled cluster pass, and returns which of the nodes have sent more than those. */
export async function idlesQuietly(
  cluster: SimulatedCluster<VersionedMeta>,
  running: readonly SimulatedNode<VersionedMeta>[],
  maxPayloadBytes = Infinity,
): Promise<string[]> {
  const periodMs = cluster.heartbeatPeriodMs;
  const periods = 3;
  const before = running.map((node) => {
    const down = node.tracker.health().replicas.filter(({ status }) => status === "down").length;
    return { node, down, ...node.endpoint.traffic };
  });
  await cluster.advance(periods * periodMs);
  return before.flatMap(({ node, down, broadcasts, sends, signs }) => {
    const { options, endpoint } = node;
    const { traffic } = endpoint;
    // A heartbeat of very many shards takes several frames.
    const summariesBytes = (options.poolSize ?? 1) * summaryBytesMax;
    const framesEach = Math.max(1, 2 * Math.floor(summariesBytes / maxPayloadBytes));
    const heartbeats = Math.ceil((periods * periodMs) / options.heartbeatPeriodMs);
    const wrong: string[] = [];
    // One that went down while its link was in doubt is asked twice in a down period, for it may live.
    const asked = down * Math.ceil((2 * periods * periodMs) / options.downPeriodMs);
    if (traffic.sends > sends + asked) {
      wrong.push(`${node.name} sent ${traffic.sends - sends} frames while idle`);
    }
    if (traffic.signs - signs > heartbeats + 1) {
      wrong.push(`${node.name} sent itself ${traffic.signs - signs} frames in ${heartbeats} idle heartbeats`);
    }
    if (traffic.broadcasts - broadcasts > (heartbeats + 1) * framesEach) {
      wrong.push(
        `${node.name} broadcast ${traffic.broadcasts - broadcasts} frames in ${heartbeats} idle heartbeats`,
      );
    }
    return wrong;
  });
}
