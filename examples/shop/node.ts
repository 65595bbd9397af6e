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
import { envelope, type NodeSays, type NodeStart } from "./control.ts";
import { openPubSub } from "./open-pubsub.ts";
import { hearOut, startCartTracker } from "./presence/cart-tracker.ts";
import { History } from "./presence/history.ts";
import { LocalShoppers } from "./presence/local-shoppers.ts";
import { Roster } from "./presence/roster.ts";
import { startViewers } from "./presence/viewers.ts";
import { isAdminToken } from "./security/tokens.ts";
import { StockNews } from "./stock-news.ts";
import { StockPipeline } from "./stock-pipeline.ts";
import { Carts } from "./store/carts.ts";
import { openDatabase } from "./store/database.ts";
import { Stock } from "./store/stock.ts";

export interface RunningNode {
  /**
   * Stops gracefully: says goodbye, sends the shoppers to the other nodes, and resolves when nothing is left.
   * For `handoffMs` the others keep the shoppers of this node on their lists until they have arrived.
   */
  stop(handoffMs: number): Promise<void>;
}

/** How long a new node may take to hear from all others before it serves with what it has. */
const catchUpMs = 5_000;

export async function startNode(config: NodeStart): Promise<RunningNode> {
  const { name: node, secret } = config;
  const { pubsub, close: closePubSub } = await openPubSub(config.pubsub, node);
  const tracker = await startCartTracker(pubsub);
  const history = new History(tracker);
  const arrivals = new Set<string>();
  const viewers = await startViewers(pubsub, (topic) => arrivals.add(topic));
  const shoppers = new LocalShoppers();
  const roster = await Roster.start(pubsub, () => shoppers.count);
  const news = await StockNews.open(pubsub);

  const database = openDatabase(config.dataFolder);
  const stock = new Stock(database);
  const carts = new Carts(database);
  const channels = new ChannelServer({ pubsub });
  const pipeline = new StockPipeline({ stock, viewers, arrivals, channels, news });
  const { served, path: asset } = loadAssets(config.assetFolder);

  channels
    .socket("/shop_socket")
    .channel("cart:*", cartChannel({ node, asset, carts, tracker, news, shoppers }))
    .channel("product:*", productChannel({ node, viewers, pipeline }));
  channels
    .socket("/admin_socket", {
      connect: async ({ authToken }) =>
        (await isAdminToken(secret, authToken)) ? { admin: true } : refuse(403),
    })
    .channel("admin:cart_tracker", cartTrackerChannel(node, tracker))
    .channel(
      "admin:cluster",
      clusterChannel(node, history, () => clusterView({ tracker, roster, pipeline, stock })),
    );

  const app = makeApp({
    node,
    asset,
    served,
    secret,
    database,
    stock,
    carts,
    channels,
    pipeline,
    admin: { user: config.adminUser, password: config.adminPassword },
    control: { ask: (request) => void process.send?.(envelope<NodeSays>(request)) },
  });
  const listener = getRequestListener(app.fetch);
  const servers = [createServer(listener), createServer(listener)] as const;
  for (const server of servers) channels.attach(server);

  // A list that is not complete would be shown to admins as if it were: hear the others out first.
  await hearOut(tracker, config.others, catchUpMs);
  await channels.whenReady();
  await listen(servers[0], { port: config.port, host: config.host });
  await listen(servers[1], { port: config.ownPort, host: config.host, exclusive: true });

  return {
    async stop(handoffMs) {
      // No new connections; then the goodbye, before the sockets close: what closes after it is a handoff.
      for (const server of servers) server.close();
      await Promise.all([tracker.stop({ handoffMs }), viewers.stop({ handoffMs }), roster.stop()]);
      await channels.stop({ graceMs: 1_000 });
      for (const server of servers) server.closeAllConnections();
      pipeline.stop();
      history.stop();
      await closePubSub();
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
