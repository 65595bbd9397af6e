/** A look inside the carts' tracker, for the back office: the library's own page, under its own policy. */
import { Hono, type MiddlewareHandler } from "hono";
import { inspectFetch, type Inspected } from "rollcall/inspect";

export interface InspectParts {
  readonly tracker: Inspected;
}

export function inspectRoute({ tracker }: InspectParts, guard: MiddlewareHandler): Hono {
  const inspect = inspectFetch(tracker);
  const app = new Hono();
  app.use(guard);
  app.get("/", ({ req }) => inspect(req.raw));
  return app;
}
