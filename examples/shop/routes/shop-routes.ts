/** The shopper's addresses. A signed cookie holds the cart's id; everything else is in the database. */
import { randomBytes } from "node:crypto";
import { Hono, type Context } from "hono";
import { getSignedCookie, setSignedCookie } from "hono/cookie";
import type { ChannelServer } from "rollcall/channels";
import type { AssetPath } from "../assets.ts";
import { cartChannelTopic } from "../channels/cart-channel.ts";
import { readItemId } from "../channels/read-input.ts";
import { checkoutPage, thanksPage } from "../pages/checkout.ts";
import type { FrameCart, PageFrame } from "../pages/layout.ts";
import { messagePage } from "../pages/message.ts";
import { productPage, productsPage } from "../pages/products.ts";
import { isEncrypted } from "../security/admin-guard.ts";
import { cartKey, keyFor } from "../security/keys.ts";
import type { StockPipeline } from "../stock-pipeline.ts";
import { isCartId, type CartLine, type CartRefusal, type Carts } from "../store/carts.ts";
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

interface ShopFrame extends PageFrame {
  readonly cart: FrameCart;
  readonly lines: readonly CartLine[];
}

const cookieName = "lacewing_cart";
const cookieSeconds = 7 * 24 * 3_600;

export function shopRoutes(parts: ShopRouteParts): Hono {
  const { node, asset, secret, database, stock, carts, channels, pipeline } = parts;
  const app = new Hono();

  const cookieKey = keyFor(secret, "cart cookie");

  const frameOf = async (context: Context): Promise<ShopFrame> => {
    const known = await getSignedCookie(context, cookieKey, cookieName);
    const id = isCartId(known) ? known : randomBytes(48).toString("base64url");
    await setSignedCookie(context, cookieName, id, cookieKey, {
      httpOnly: true,
      sameSite: "Lax",
      path: "/",
      maxAge: cookieSeconds,
      secure: isEncrypted(context),
    });
    // Pages carry the cart's id and live numbers: nobody keeps them.
    context.header("Cache-Control", "no-store");
    const lines = carts.lines(id);
    const items = new Set(lines.map(({ item }) => item.id));
    return { node, asset, lines, cart: { id, key: cartKey(secret, id), items } };
  };

  /** All open tabs of the cart show what is in it now. */
  const cartChanged = (cartId: string): void =>
    channels.broadcast(cartChannelTopic(cartId), "cart_updated", {});

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
    return context.html(checkoutPage(frame, frame.lines));
  });

  app.post("/checkout", async (context) => {
    const frame = await frameOf(context);
    const result = checkout(database, frame.cart.id, Date.now());
    if (result.status !== "placed") {
      const problem = { status: result.status, items: result.status === "empty" ? [] : result.items };
      return context.html(checkoutPage(frame, frame.lines, problem), 409);
    }
    cartChanged(frame.cart.id);
    for (const product of new Set(result.items.map((item) => item.product))) pipeline.changed(product);
    return context.redirect(`/thanks/${result.orderId}`, 303);
  });

  // What the sockets do for a page that is live, for one that is not.
  app.post("/cart/add", async (context) => {
    const frame = await frameOf(context);
    const refusal = carts.add(frame.cart.id, await readItem(context), Date.now());
    if (refusal !== undefined && refusal !== "duplicate_item") {
      return context.html(messagePage(frame, ...refusalWords[refusal]), 409);
    }
    cartChanged(frame.cart.id);
    return context.redirect("/checkout", 303);
  });

  app.post("/cart/remove", async (context) => {
    const frame = await frameOf(context);
    carts.remove(frame.cart.id, await readItem(context));
    cartChanged(frame.cart.id);
    return context.redirect("/checkout", 303);
  });

  app.get("/thanks/:order", async (context) => {
    const frame = await frameOf(context);
    const order = findOrder(database, frame.cart.id, context.req.param("order"));
    return order === undefined ? missing(context) : context.html(thanksPage(frame, order));
  });

  /** What the load generator may put into carts, and a cart for one of its shoppers. */
  app.get("/items.json", (context) => context.json({ items: stock.onSale() }));
  app.get("/cart.json", async (context) => {
    const { cart } = await frameOf(context);
    return context.json({ id: cart.id, key: cart.key });
  });

  app.all("*", missing);

  return app;
}

async function readItem(context: Context): Promise<number> {
  return readItemId(await context.req.parseBody());
}

const refusalWords: Readonly<Record<Exclude<CartRefusal, "duplicate_item">, [title: string, text: string]>> =
  {
    unknown_item: ["Not here", "There is no such size in the shop."],
    not_released: ["Not yet", "This pair is not on sale yet."],
    sold_out: ["Sold out", "Somebody was faster: this size has just sold out."],
    cart_full: ["Your cart is full", "Take something out of it first, or check out."],
  };
