/** The back office: its page, its token, and the buttons on it. All of it behind Basic auth. */
import { Hono } from "hono";
import type { AssetPath } from "../assets.ts";
import { adminPage } from "../pages/admin.ts";
import { adminGuard, type Credentials } from "../security/admin-guard.ts";
import { signAdminToken } from "../security/tokens.ts";
import type { StockPipeline } from "../stock-pipeline.ts";
import { productById } from "../store/catalogue.ts";
import type { Stock } from "../store/stock.ts";

/** What the primary does for an admin. */
export interface ClusterControl {
  /** Asks the primary; it decides whether there is such a node. */
  ask(request: ClusterRequest): void;
}

export type ClusterRequest =
  { readonly type: "stop" | "kill"; readonly node: string } | { readonly type: "restart" };

export interface AdminRouteParts {
  readonly node: string;
  readonly asset: AssetPath;
  readonly secret: string;
  readonly admin: Credentials;
  readonly stock: Stock;
  readonly pipeline: StockPipeline;
  readonly control: ClusterControl;
}

const nodeNamePattern = /^node-\d{1,2}$/;

export function adminRoutes(parts: AdminRouteParts): Hono {
  const { node, asset, secret, admin, stock, pipeline, control } = parts;
  const app = new Hono();
  app.use(adminGuard(admin));
  app.use((context, next) => {
    context.header("Cache-Control", "no-store");
    return next();
  });

  app.get("/", async (context) => {
    const adminToken = await signAdminToken(secret, Date.now());
    return context.html(adminPage({ node, asset, adminToken }, stock.all()));
  });

  app.get("/token", async (context) => context.text(await signAdminToken(secret, Date.now())));

  app.post("/nodes/:name/:verb", (context) => {
    const { name, verb } = context.req.param();
    if (!nodeNamePattern.test(name) || (verb !== "stop" && verb !== "kill")) return context.notFound();
    control.ask({ type: verb, node: name });
    return context.text(verb === "stop" ? `${name} says goodbye.` : `${name} is killed.`, 202);
  });

  app.post("/restart", (context) => {
    control.ask({ type: "restart" });
    return context.text("Replacing one node after another.", 202);
  });

  app.post("/products/:id/release", (context) => {
    const product = productById(Number(context.req.param("id")));
    if (product === undefined) return context.notFound();
    if (!stock.release(product)) return context.text(`${product.name} is on sale already.`);
    pipeline.changed(product);
    return context.text(`${product.name} is on sale now.`);
  });

  return app;
}
