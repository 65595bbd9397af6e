/** Who gets into the back office, and that nothing a shopper sends can do harm there. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sign } from "hono/jwt";
import { Socket } from "phoenix";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { newCart, Shopper } from "../../examples/shop/load/shopper.ts";
import { basicAuthorization } from "../../examples/shop/load/watcher.ts";
import { keyFor } from "../../examples/shop/security/keys.ts";
import { signAdminToken } from "../../examples/shop/security/tokens.ts";
import { openBrowser, openDashboard, withoutBrowser, soon } from "./browser.ts";
import { adminPassword, adminUser, Shop } from "./processes.ts";

let shop: Shop;

beforeAll(async () => {
  shop = await Shop.start();
});

afterAll(async () => {
  await shop?.stop();
});

const authorization = basicAuthorization(adminUser, adminPassword);

async function getAdmin(node: number, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${shop.urlOf(node)}/admin`, { headers });
}

/** The status with which the admin socket answers an upgrade. */
function upgradeStatus(token?: string): Promise<number> {
  const bearer =
    token === undefined ? [] : ["phoenix", `base64url.bearer.phx.${btoa(token).replaceAll("=", "")}`];
  const url = `${shop.urlOf(1).replace("http", "ws")}/admin_socket/websocket?vsn=2.0.0`;
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, bearer);
    socket.on("open", () => {
      socket.close();
      resolve(101);
    });
    socket.on("unexpected-response", (_request, response) => resolve(response.statusCode ?? 0));
    socket.on("error", (error) => reject(error));
  });
}

describe("the back office's door", () => {
  it("asks for a name and a password", async () => {
    const answer = await getAdmin(1);
    expect(answer.status).toBe(401);
    expect(answer.headers.get("www-authenticate")).toMatch(/^Basic /);
  });

  it("refuses wrong ones and lets the right ones in", async () => {
    for (const [user, password] of [
      [adminUser, "wrong"],
      ["wrong", adminPassword],
      [adminUser, ""],
      [adminUser, `${adminPassword} `],
    ] as const) {
      expect((await getAdmin(1, { authorization: basicAuthorization(user, password) })).status).toBe(401);
    }
    expect((await getAdmin(1, { authorization: "Bearer abc" })).status).toBe(401);
    expect((await getAdmin(1, { authorization })).status).toBe(200);
  });

  it("makes who fails too often wait, even with the right password", async () => {
    const wrong = basicAuthorization(adminUser, "guess");
    for (let attempt = 0; attempt < 10; attempt++) {
      expect((await getAdmin(3, { authorization: wrong })).status).toBe(401);
    }
    const answer = await getAdmin(3, { authorization });
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  });

  it("takes no post from another site", async () => {
    const post = (origin: string): Promise<Response> =>
      fetch(`${shop.urlOf(1)}/admin/products/8/release`, {
        method: "POST",
        headers: { authorization, origin, "content-type": "application/x-www-form-urlencoded" },
      });
    expect((await post("https://elsewhere.example")).status).toBe(403);
    expect((await post(shop.urlOf(2))).status).toBe(403);
    expect((await post(shop.urlOf(1))).status).toBe(200);
  });
});

describe("the link that npm start prints", () => {
  const kept = (): string => readFileSync(join(shop.dataFolder, "secret"), "utf8");
  const enter = (key: string): Promise<Response> =>
    fetch(`${shop.urlOf(1)}/admin/enter?key=${key}`, { redirect: "manual" });

  it("signs a browser in, on every node, and no other link does", async () => {
    const entered = await enter(await signAdminToken(kept(), "admin link", Date.now()));
    expect([entered.status, entered.headers.get("location")]).toEqual([302, "/admin"]);
    const set = entered.headers.get("set-cookie") ?? "";
    expect(set).toMatch(/HttpOnly/);
    expect(set).toMatch(/Path=\/admin/);
    const cookie = set.split(";")[0] ?? "";
    for (const node of [1, 2, 3]) expect((await getAdmin(node, { cookie })).status).toBe(200);

    const dayMs = 24 * 3_600_000;
    for (const key of [
      "",
      "nonsense",
      await signAdminToken(kept(), "admin link", Date.now() - dayMs),
      await signAdminToken(kept(), "admin socket", Date.now()),
      await signAdminToken(`${kept()}x`, "admin link", Date.now()),
    ]) {
      const refused = await enter(key);
      expect(refused.status).toBe(403);
      expect(refused.headers.get("set-cookie")).toBeNull();
    }
    const socketToken = await signAdminToken(kept(), "admin socket", Date.now());
    expect((await getAdmin(1, { cookie: `lacewing_admin=${socketToken}` })).status).toBe(401);
  });

  it("is not printed where the password is one's own", () => {
    expect(shop.program.output).not.toContain("/admin/enter");
  });
});

describe("the admin socket", () => {
  const kept = (): string => readFileSync(join(shop.dataFolder, "secret"), "utf8");
  const secret = (): string => keyFor(kept(), audience);
  const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;
  const audience = "admin socket";

  it("opens to the token of the admin's page", async () => {
    const page = await (await getAdmin(1, { authorization })).text();
    const token = page.match(/data-admin-token="([^"]+)"/)?.[1];
    expect(await upgradeStatus(token)).toBe(101);
    expect(shop.program.output).not.toContain(token);
  });

  it("refuses everything else with 403", async () => {
    const valid = { aud: audience, exp: inSeconds(600) };
    // The counter-check: this is how a token is made.
    expect(await upgradeStatus(await sign(valid, secret(), "HS256"))).toBe(101);
    const tokens: Record<string, string | undefined> = {
      none: undefined,
      nonsense: "nonsense",
      expired: await sign({ ...valid, exp: inSeconds(-1) }, secret(), "HS256"),
      "without an end": await sign({ aud: audience }, secret(), "HS256"),
      "for another purpose": await sign({ ...valid, aud: "cart" }, secret(), "HS256"),
      "for no purpose": await sign({ exp: valid.exp }, secret(), "HS256"),
      "signed with the key of the cart's cookie": await sign(valid, keyFor(kept(), "cart cookie"), "HS256"),
      "signed with the secret itself": await sign(valid, kept(), "HS256"),
      "of another shop": await sign(valid, `${secret()}x`, "HS256"),
      "of another algorithm": await sign(valid, secret(), "HS512"),
      unsigned: `${btoa('{"alg":"none","typ":"JWT"}')}.${btoa(JSON.stringify(valid))}.`,
    };
    for (const [name, token] of Object.entries(tokens)) {
      expect(await upgradeStatus(token), name).toBe(403);
    }
  });

  it("is the only way to the presences", async () => {
    const socket = new Socket(`${shop.urlOf(1).replace("http", "ws")}/shop_socket`, { transport: WebSocket });
    socket.connect();
    const channel = socket.channel("admin:cart_tracker");
    const answer = await new Promise((resolve) => {
      channel.join().receive("ok", resolve).receive("error", resolve);
    });
    channel.leave();
    socket.disconnect();
    expect(answer).toEqual({ reason: "unmatched topic" });
  });
});

describe("what shoppers send", () => {
  const shopperOn = async (page: string): Promise<Shopper> =>
    new Shopper({
      socketUrl: `ws://localhost:${shop.port}/shop_socket`,
      page,
      itemId: 203,
      cart: await newCart(new URL(shop.url)),
    });

  it("is refused if it is not a page", async () => {
    for (const page of ["", "no slash", `/${"x".repeat(200)}`, "/a\nb", "/a\u2028b", 7, null, {}]) {
      const shopper = await shopperOn(page as string);
      await expect(shopper.enter(), JSON.stringify(page)).rejects.toThrow("invalid_page");
      shopper.leave();
    }
  });

  it("concerns a cart only that the shop has made, on a few tabs of one node", async () => {
    const cart = await newCart(new URL(shop.url));
    const another = await newCart(new URL(shop.url));
    const socketUrl = `${shop.urlOf(1).replace("http", "ws")}/shop_socket`;
    for (const key of ["", "x", another.key]) {
      const stranger = new Shopper({ socketUrl, page: "/", itemId: 203, cart: { id: cart.id, key } });
      await expect(stranger.enter(), key).rejects.toThrow("unknown_cart");
      stranger.leave();
    }
    const tabs = Array.from({ length: 30 }, () => new Shopper({ socketUrl, page: "/", itemId: 203, cart }));
    const results = await Promise.allSettled(tabs.map((tab) => tab.enter()));
    const reasons = results.map((result) => (result.status === "fulfilled" ? "in" : String(result.reason)));
    // All but the first have the pair in their cart already.
    expect(reasons.filter((reason) => reason === "in" || reason.includes("duplicate_item"))).toHaveLength(20);
    expect(reasons.filter((reason) => reason.includes("too_many_tabs"))).toHaveLength(10);
    for (const tab of tabs) tab.leave();
  });

  it("is small: the lists of admins are long, and only theirs", async () => {
    const socket = new WebSocket(`${shop.urlOf(1).replace("http", "ws")}/shop_socket/websocket?vsn=2.0.0`);
    const closed = new Promise<number>((resolve) => socket.on("close", resolve));
    await new Promise((resolve) => socket.on("open", resolve));
    socket.send(JSON.stringify(["1", "1", "cart:x", "phx_join", { page: "x".repeat(70_000) }]));
    expect(await closed).toBe(1009);
  });

  it.skipIf(withoutBrowser)("is shown to the admin as text, whatever it is", async () => {
    const browser: Browser = await openBrowser();
    const paths = [
      `/<img src=x onerror="document.title='owned'">`,
      "/<script>document.title='owned'</script>",
      `/"><b data-testid="shopper-count">9</b>`,
      "/__proto__",
      "/constructor",
    ];
    try {
      const dashboard = await openDashboard(browser, shop, shop.urlOf(2));
      const shoppers = await Promise.all(paths.map(shopperOn));
      await Promise.all(shoppers.map((shopper) => shopper.enter()));
      await soon(async () => (await dashboard.shown()).shoppers).toBe(paths.length);
      const shown = await dashboard.page
        .locator("[data-pages] .page-row span")
        .evaluateAll((all) => all.map((row) => row.textContent));
      expect(shown.sort()).toEqual([...paths].sort());
      const strange = await dashboard.page.locator("[data-pages] img, [data-feed] img, main script").count();
      expect(strange).toBe(0);
      expect(await dashboard.page.locator('[data-testid="shopper-count"]').count()).toBe(1);
      expect(await dashboard.page.title()).not.toBe("owned");
      for (const shopper of shoppers) shopper.leave();
      await soon(async () => (await dashboard.shown()).pages).toEqual({});
    } finally {
      await browser.close();
    }
  });
});
