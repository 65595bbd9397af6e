/** The shopper's addresses. A signed cookie holds the cart's id; everything else is in the database. */
import { randomBytes } from "node:crypto";
import { Hono, type Context } from "hono";
import { getSignedCookie, setSignedCookie } from "hono/cookie";
import type { ChannelServer } from "rollcall/channels";
import type { AssetPath } from "../assets.ts";
import { cartChannelTopic } from "../channels/cart-channel.ts";
import { checkoutPage, thanksPage } from "../pages/checkout.ts";
import type { PageFrame } from "../pages/layout.ts";
import { messagePage } from "../pages/message.ts";
import { productPage, productsPage } from "../pages/products.ts";
import type { StockPipeline } from "../stock-pipeline.ts";
import { isCartId, type Carts } from "../store/carts.ts";
import { productBySlug } from "../store/catalogue.ts";
import { checkout, findOrder } from "../store/checkout.ts";
import type { Database } from "../store/database.ts";
import type { Stock } from "../store/stock.ts";

export interface ShopRouteParts {
  readonly node: string;
  readonly asset: AssetPath;
  readonly secret: string;
  readonly database: Database;
  readonly stock: Stock;
  readonly carts: Carts;
  readonly channels: ChannelServer;
  readonly pipeline: StockPipeline;
}

const cookieName = "lacewing_cart";
const cookieSeconds = 7 * 24 * 3_600;

export function shopRoutes(parts: ShopRouteParts): Hono {
  const { node, asset, secret, database, stock, carts, channels, pipeline } = parts;
  const app = new Hono();

  const frameOf = async (context: Context): Promise<PageFrame & { cartId: string }> => {
    const known = await getSignedCookie(context, secret, cookieName);
    const cartId = isCartId(known) ? known : randomBytes(48).toString("base64url");
    await setSignedCookie(context, cookieName, cartId, secret, {
      httpOnly: true,
      sameSite: "Lax",
      path: "/",
      maxAge: cookieSeconds,
    });
    // Pages carry the cart's id and live numbers: nobody keeps them.
    context.header("Cache-Control", "no-store");
    return { node, asset, cartId };
  };

  const missing = async (context: Context): Promise<Response> => {
    const frame = await frameOf(context);
    return context.html(messagePage(frame, "Not here", "There is no page of that name in the shop."), 404);
  };

  app.get("/", async (context) => context.html(productsPage(await frameOf(context), stock.all())));

  app.get("/shoes/:slug", async (context) => {
    const frame = await frameOf(context);
    const product = productBySlug(context.req.param("slug"));
    if (product === undefined) return missing(context);
    return context.html(productPage(frame, product, stock.of(product)));
  });

  app.get("/checkout", async (context) => {
    const frame = await frameOf(context);
    return context.html(checkoutPage(frame, carts.lines(frame.cartId)));
  });

  app.post("/checkout", async (context) => {
    const frame = await frameOf(context);
    const result = checkout(database, frame.cartId, Date.now());
    if (result.status !== "placed") {
      const problem = { status: result.status, items: result.status === "empty" ? [] : result.items };
      return context.html(checkoutPage(frame, carts.lines(frame.cartId), problem), 409);
    }
    channels.broadcast(cartChannelTopic(frame.cartId), "cart_updated", {});
    for (const product of new Set(result.items.map((item) => item.product))) pipeline.changed(product);
    return context.redirect(`/thanks/${result.orderId}`, 303);
  });

  app.get("/thanks/:order", async (context) => {
    const frame = await frameOf(context);
    const order = findOrder(database, frame.cartId, context.req.param("order"));
    return order === undefined ? missing(context) : context.html(thanksPage(frame, order));
  });

  /** What the load generator may put into carts. */
  app.get("/items.json", (context) => context.json({ items: stock.onSale() }));

  app.all("*", missing);

  return app;
}
