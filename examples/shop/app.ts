/** All addresses of a node together, and what holds for every one of them. */
import { Hono } from "hono";
import { csrf } from "hono/csrf";
import { HTTPException } from "hono/http-exception";
import { secureHeaders } from "hono/secure-headers";
import type { Asset } from "./assets.ts";
import { adminRoutes, type AdminRouteParts } from "./routes/admin-routes.ts";
import { inspectRoute, type InspectParts } from "./routes/inspect-route.ts";
import { shopRoutes, type ShopRouteParts } from "./routes/shop-routes.ts";
import { adminGuard, type Credentials } from "./security/admin-guard.ts";

export interface AppParts extends ShopRouteParts, AdminRouteParts, InspectParts {
  readonly served: ReadonlyMap<string, Asset>;
  readonly admin: Credentials;
}

export function makeApp(parts: AppParts): Hono {
  const app = new Hono();
  // One for all of the back office, so that failed attempts are counted together.
  const guard = adminGuard(parts.admin, parts.secret);
  // In front of what gives all other pages their policy: this one has its own.
  app.route("/admin/inspect", inspectRoute(parts, guard));
  app.use(
    secureHeaders({
      // Nothing but our own files runs or loads, so that no text that slips through could do anything.
      contentSecurityPolicy: {
        defaultSrc: ["'self'"],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
      // Set by whoever puts TLS in front.
      strictTransportSecurity: false,
    }),
  );
  // A form on another site can make a browser post here with its cookies and its Basic auth: such posts are
  // refused by where they come from.
  app.use(csrf());

  app.get("/assets/:name", (context) => {
    const asset = parts.served.get(context.req.param("name"));
    if (asset === undefined) return context.text("There is no such file.", 404);
    context.header("Content-Type", asset.type);
    context.header("Cache-Control", "public, max-age=31536000, immutable");
    return context.body(asset.body);
  });
  app.route("/admin", adminRoutes(parts, guard));
  app.route("/", shopRoutes(parts));

  app.onError((error, context) => {
    if (error instanceof HTTPException) return error.getResponse();
    console.error(`${parts.node}: ${context.req.method} ${context.req.path} failed:`, error);
    return context.text("Something broke on our side. Please try again.", 500);
  });
  return app;
}
