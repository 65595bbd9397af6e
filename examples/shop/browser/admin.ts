/**
 * The dashboard: follows the presences of all carts. Changes only mark their shopper; once per frame the
 * marked ones are counted anew.
 */
import { PresenceClient } from "rollcall/client";
import type { CartMeta, ChartHistory, ClusterView } from "../wire.ts";
import { useAdminToken } from "./admin-token.ts";
import { Chart } from "./chart.ts";
import { ClusterPanel } from "./cluster-panel.ts";
import { join, openSocket, showSocketNode } from "./connection.ts";
import { Dashboard } from "./dashboard.ts";
import { Feed } from "./feed.ts";
import { Liveness } from "./liveness.ts";
import { startQuietForms } from "./quiet-forms.ts";
import { Readings } from "./readings.ts";
import { Totals } from "../presence/totals.ts";

const totals = new Totals();
const dashboard = new Dashboard(totals);
const feed = new Feed();
const readings = new Readings();
const changed = new Set<string>();
let framePending = false;
let hasState = false;

const presence = new PresenceClient<CartMeta>();
presence.onJoin((key, current, joined) => {
  changed.add(key);
  readings.changed(key, joined.metas);
  // What was there before this page looked has not come now.
  if (!hasState) return;
  if (current === undefined) {
    readings.came();
    feed.add({ key, text: `came to ${joined.metas[0]?.page}` });
  } else if (joined.metas.some((meta) => meta.phx_ref_prev === undefined)) {
    feed.add({ key, text: `opened ${joined.metas[0]?.page}` });
  }
});
presence.onUpdate((key, previous, current) => {
  const difference = current.items.length - previous.items.length;
  if (difference !== 0)
    feed.add({ key, text: difference > 0 ? "put a pair in the cart" : "took a pair out" });
});
presence.onLeave((key, current) => {
  changed.add(key);
  if (current.metas.length > 0) return;
  readings.left();
  feed.add({ key, text: "left" });
});
presence.onSync(() => {
  if (!hasState) readings.forgetClicks();
  hasState = true;
  if (framePending) return;
  framePending = true;
  requestAnimationFrame(() => {
    framePending = false;
    for (const key of changed) totals.set(key, presence.get(key)?.metas ?? []);
    changed.clear();
    dashboard.render();
    feed.render();
    readings.painted();
  });
});

const socket = openSocket("/admin_socket", useAdminToken);
const liveness = new Liveness(socket);
const carts = socket.channel("admin:cart_tracker");
for (const event of ["presence_state", "presence_diff"]) {
  carts.on(event, (payload: unknown) => presence.receive(event, payload));
}
// At each join, before its state comes: what an old connection still delivers is not to be mixed with it.
join(carts, () => {
  hasState = false;
  presence.reset();
});

const panel = new ClusterPanel();
const cluster = socket.channel("admin:cluster");
let chart: Chart | undefined;
cluster.on("cluster", (view: ClusterView) => {
  showSocketNode({ node: view.tells });
  liveness.heard(view.tells);
  panel.show(view);
  chart?.mark(view.status.happened);
});
join<{ history: ChartHistory }>(cluster, ({ history }) => {
  chart ??= new Chart(history, () => {
    const second = readings.takeSecond();
    return liveness.isLive ? { shoppers: totals.shoppers, items: totals.itemsInCarts, ...second } : undefined;
  });
});

startQuietForms();
