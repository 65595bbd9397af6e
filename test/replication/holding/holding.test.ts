/** What is held of a life can be walked while it changes: nothing that stays is left out. */
import { describe, expect, it } from "vitest";
import { AuthoredShard } from "../../../src/replication/authoring/authored-shard.js";
import { Holding } from "../../../src/replication/holding/holding.js";
import { NO_CHANGE } from "../../../src/replication/holding/identity.js";
import { tellAll } from "./tell-all.js";

const life = { name: "a", incarnation: "00000000000001" };
const owner = { name: "a", departure: undefined };

function prepare(): { author: AuthoredShard; holding: Holding } {
  const author = new AuthoredShard(owner, "a@1", 0, "r.0.");
  for (const key of ["ann", "bo", "cy"]) author.add("t", key, `session-${key}`, {});
  const holding = new Holding(owner, life, "b@1");
  holding.slice(0).receiveDelta(author.flush()!, 1, false);
  return { author, holding };
}

describe("a walk through what is held", () => {
  it("meets what comes, and not what goes, before its turn", () => {
    const { author, holding } = prepare();
    const walk = holding.entries();
    expect(walk.next().value?.key).toBe("ann");
    author.remove([...author.entries.values()][1]!, false);
    author.add("t", "di", "session-di", {});
    holding.slice(0).receiveDelta(author.flush()!, 2, false);
    expect([...walk].map(({ key }) => key)).toEqual(["cy", "di"]);
  });

  it("meets all that a slice has which is replaced meanwhile", () => {
    const { author, holding } = prepare();
    const slice = holding.slice(0);
    const walk = holding.entries();
    walk.next();
    author.update([...author.entries.values()][2]!, { page: "new" });
    author.flush();
    slice.startRebuild(1, true);
    const request = slice.nextRequest();
    if (request?.type !== "pageRequest") throw new Error("no page is asked for");
    slice.receivePage(author.page(request), 2);
    expect(slice.clock).toBe(author.flushed.clock);
    tellAll(slice, NO_CHANGE);
    expect(new Set(walk)).toEqual(new Set(slice.entries.values()));
    expect(slice.entries.size).toBe(3);
  });
});
