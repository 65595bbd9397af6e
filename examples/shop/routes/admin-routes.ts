/** The back office: its page, its token, and the buttons on it. All of it behind Basic auth. */
import { readFileSync } from "node:fs";
import { Hono, type Context, type MiddlewareHandler } from "hono";
import type { AssetPath } from "../assets.ts";
import { adminPage } from "../pages/admin.ts";
import type { ClusterAnswer } from "../control.ts";
import type { NodeControl } from "../node.ts";
import { aboutFiles } from "../pages/about.ts";
import { enterByLink } from "../security/admin-guard.ts";
import { signAdminToken } from "../security/tokens.ts";
import type { StockPipeline } from "../stock-pipeline.ts";
import { productById, products } from "../store/catalogue.ts";
import type { Stock } from "../store/stock.ts";
import { nodeActions, type NodeAction } from "../wire.ts";

export interface AdminRouteParts {
  readonly node: string;
  /** The names of all nodes. */
  readonly nodes: readonly string[];
  readonly asset: AssetPath;
  readonly secret: string;
  readonly stock: Stock;
  readonly pipeline: StockPipeline;
  readonly control: Pick<NodeControl, "ask">;
}

const nodeNamePattern = /^node-\d{1,2}$/;

export function adminRoutes(parts: AdminRouteParts, guard: MiddlewareHandler): Hono {
  const { node, nodes, asset, secret, stock, pipeline, control } = parts;
  const app = new Hono();
  app.use((context, next) => {
    context.header("Cache-Control", "no-store");
    return next();
  });
  // In front of the guard: the link that `npm start` prints is how one gets in.
  app.get("/enter", async (context) => {
    const entered = await enterByLink(context, secret, context.req.query("key"));
    return entered
      ? context.redirect("/admin")
      : context.text("This link has ended. Sign in at /admin.", 403);
  });
  app.use(guard);

  app.get("/", async (context) => {
    const adminToken = await signAdminToken(secret, "admin socket", Date.now());
    return context.html(adminPage({ node, asset, adminToken }, nodes, stock.all()));
  });

  app.get("/token", async (context) =>
    context.text(await signAdminToken(secret, "admin socket", Date.now())),
  );

  /** 409 for what makes no sense now, with the reason. */
  const answered = (context: Context, { done, text }: ClusterAnswer): Response =>
    context.text(text, done ? 202 : 409);

  app.post("/nodes/:name/:action", async (context) => {
    const { name, action } = context.req.param();
    if (!nodeNamePattern.test(name) || !isNodeAction(action)) return context.notFound();
    return answered(context, await control.ask({ type: action, node: name }));
  });

  app.post("/restart", async (context) => answered(context, await control.ask({ type: "restart" })));
  app.post("/crowd/bring", async (context) => answered(context, await control.ask({ type: "bring" })));
  app.post("/crowd/home", async (context) => answered(context, await control.ask({ type: "home" })));

  app.post("/reset", (context) => {
    stock.reset();
    for (const product of products) pipeline.changed(product);
    return context.text("Stock and releases are as in a new shop.");
  });

  app.get("/source/:file{.+}", (context) => {
    const file = aboutFiles.find((each) => each === context.req.param("file"));
    if (file === undefined) return context.notFound();
    return context.text(readFileSync(new URL(`../${file}`, import.meta.url), "utf8"));
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

function isNodeAction(text: string): text is NodeAction {
  return (nodeActions as readonly string[]).includes(text);
}
