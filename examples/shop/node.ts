/** One node of the shop: puts the parts together, serves, and goes when the primary says so. */
import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { ChannelServer, refuse } from "rollcall/channels";
import { makeApp } from "./app.ts";
import { loadAssets } from "./assets.ts";
import { cartTrackerChannel, clusterChannel } from "./channels/admin-channels.ts";
import { cartChannel } from "./channels/cart-channel.ts";
import { productChannel } from "./channels/product-channel.ts";
import { clusterView } from "./cluster-view.ts";
import type { ClusterAnswer, ClusterRequest, MoveOutcome, NodeReport, NodeStart } from "./control.ts";
import { openPubSub } from "./open-pubsub.ts";
import { Partition } from "./partition.ts";
import { hearOut, startCartTracker } from "./presence/cart-tracker.ts";
import { History } from "./presence/history.ts";
import { LocalShoppers } from "./presence/local-shoppers.ts";
import { startViewers } from "./presence/viewers.ts";
import { adminTokenEndMs } from "./security/tokens.ts";
import { Governed } from "./governed.ts";
import { StockNews } from "./stock-news.ts";
import { StockPipeline } from "./stock-pipeline.ts";
import { Carts } from "./store/carts.ts";
import { openDatabase } from "./store/database.ts";
import { Stock } from "./store/stock.ts";
import type { ClusterStatus } from "./wire.ts";

/** What a node needs of the primary. */
export interface NodeControl {
  ask(request: ClusterRequest): Promise<ClusterAnswer>;
  moved(outcome: MoveOutcome): void;
}

export interface RunningNode {
  /**
   * Stops gracefully: says goodbye, sends the shoppers to the other nodes, and resolves when nothing is left.
   * For `handoffMs` the others keep the shoppers of this node on their lists until they have arrived.
   */
  stop(handoffMs: number): Promise<void>;
  report(): NodeReport;
  /** Only these nodes are cut off from now on. */
  cut(nodes: readonly string[]): void;
  statusTold(status: ClusterStatus): void;
}

/**
 * How long a new node may take to hear from all others before it serves with what it has. A busy machine takes
 * its time; who is named here serves, so that only a death makes it wait so long.
 */
const catchUpMs = 30_000;
const prunePeriodMs = 60_000;
/**
 * The dashboard counts who is on its list, so that a list in pieces would look like people who leave and come back.
 * A shopper takes some 280 bytes of it: there is room for more than the shop ever has.
 */
const wholeListBytes = 16 * 1024 * 1024;
/** Sockets are let go in batches, so that those who come back do not overrun the other nodes. */
const drain = { batchSize: 100, batchPeriodMs: 100, graceMs: 1_000 };

export async function startNode(config: NodeStart, control: NodeControl): Promise<RunningNode> {
  const { name: node, run, secret } = config;
  const opened = await openPubSub(config.pubsub, node);
  const partition = new Partition(node, config.cut);
  const pubsub = partition.wrap(opened.pubsub);
  const tracker = await startCartTracker(pubsub);
  const history = new History(tracker, (happenedId, outcome) => control.moved({ happenedId, ...outcome }));
  const arrivals = new Set<string>();
  const viewers = await startViewers(pubsub, (topic) => arrivals.add(topic));
  const shoppers = new LocalShoppers();
  const news = await StockNews.open(pubsub);
  const governed = new Governed(history);

  const database = openDatabase(config.dataFolder);
  const stock = new Stock(database);
  const carts = new Carts(database);
  const channels = new ChannelServer({ pubsub });
  // A server of its own: what admins may send and be sent is nothing to shoppers, and shoppers who fill the limits of
  // theirs keep no admin out.
  const adminChannels = new ChannelServer({ pubsub, name: "admin channels", maxPieceBytes: wholeListBytes });
  const pipeline = new StockPipeline({ stock, viewers, arrivals, channels, news });
  const { served, path: asset } = loadAssets(config.assetFolder);

  channels
    .socket("/shop_socket")
    .channel("cart:*", cartChannel({ node, run, secret, asset, carts, tracker, news, shoppers }))
    .channel("product:*", productChannel({ node, viewers, pipeline }));
  adminChannels
    .socket("/admin_socket", {
      connect: async ({ authToken }) => {
        const endsMs = await adminTokenEndMs(secret, "admin socket", authToken);
        return endsMs !== undefined ? { endsMs } : refuse(403);
      },
    })
    .channel("admin:cart_tracker", cartTrackerChannel(node, tracker))
    .channel(
      "admin:cluster",
      clusterChannel(node, history, () => clusterView({ tracker, status: governed.status, pipeline, stock })),
    );

  const app = makeApp({
    node,
    nodes: config.nodes,
    asset,
    served,
    secret,
    database,
    stock,
    carts,
    channels,
    pipeline,
    tracker,
    admin: { user: config.adminUser, password: config.adminPassword },
    control,
  });
  const answer = getRequestListener(app.fetch);
  const listener = (...exchange: Parameters<typeof answer>): void => void answer(...exchange);
  const servers = [createServer(listener), createServer(listener)] as const;
  const channelServers = [channels, adminChannels];
  for (const server of servers) for (const each of channelServers) each.attach(server);

  // A list that is not complete would be shown to admins as if it were: hear the others out first.
  await hearOut(tracker, config.others, catchUpMs);
  await Promise.all(channelServers.map((each) => each.whenReady()));
  await listen(servers[0], { port: config.port, host: config.host });
  await listen(servers[1], { port: config.ownPort, host: config.host, exclusive: true });
  const pruning = setInterval(() => carts.prune(Date.now()), prunePeriodMs);

  return {
    report: () => ({
      shoppers: history.totals.shoppers,
      serves: shoppers.count,
      homes: [...history.totals.homes],
      frames: partition.framesPerSecond(),
      complete: tracker.health().complete,
      largestDiff: history.largestDiff,
    }),
    cut: (nodes) => partition.cut(nodes),
    statusTold: (status) => governed.told(status),
    async stop(handoffMs) {
      // No new connections; then the goodbye, before the sockets close: what closes after it is a handoff.
      for (const server of servers) server.close();
      await Promise.all([tracker.stop({ handoffMs }), viewers.stop({ handoffMs })]);
      await Promise.all(channelServers.map((each) => each.stop(drain)));
      for (const server of servers) server.closeAllConnections();
      clearInterval(pruning);
      pipeline.stop();
      history.stop();
      await opened.close();
      database.close();
    },
  };
}

function listen(server: Server, options: { port: number; host: string; exclusive?: boolean }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
