/** What the commands beside the shop need of it first, with a clear word where it is not there. */

/** The password of the environment; an empty one is none. */
export function adminPasswordIn(environment: NodeJS.ProcessEnv): string | undefined {
  const password = environment["ADMIN_PASSWORD"];
  return password === "" ? undefined : password;
}

/** What is on sale. Rejects, with what to do, where nobody or somebody else answers. */
export async function itemsOnSale(shopUrl: URL): Promise<readonly number[]> {
  let response: Response;
  try {
    response = await fetch(new URL("/items.json", shopUrl), { signal: AbortSignal.timeout(10_000) });
  } catch (error) {
    throw new Error(`There is no shop at ${shopUrl.href}: start it with npm start.`, { cause: error });
  }
  const answer: unknown = await response.json().catch(() => undefined);
  const items = typeof answer === "object" && answer !== null && "items" in answer ? answer.items : undefined;
  if (!response.ok || !Array.isArray(items) || !items.every((item) => Number.isInteger(item))) {
    throw new Error(
      `Something answers at ${shopUrl.href}, but it is not the shop: name the shop's address by --url.`,
    );
  }
  if (items.length === 0) throw new Error("The shop has nothing on sale.");
  return items as number[];
}
