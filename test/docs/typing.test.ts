/** The recipe of typing indicators, as it stands on its page. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { memoryPubSub } from "../../src/adapters/memory.js";
import { Presence, Session } from "../../src/index.js";
import { inFolder } from "./examples.js";
import { codeBlocks, section } from "./markdown.js";

interface Meta {
  readonly typing: boolean;
}

interface Recipe {
  isTyping(presence: Presence<Meta>, session: Session, room: string, user: string): void;
}

const page = readFileSync(fileURLToPath(new URL("../../docs/recipes/rooms.md", import.meta.url)), "utf8");
const [recipe = ""] = codeBlocks(section(page, "Typing indicators"), "ts");

// The recipe has its timers from the process.
beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

it("ends by itself, and costs nothing once the presence has stopped", async () => {
  const presence = await Presence.start<Meta>({ name: "typing", pubsub: memoryPubSub() });
  const session = new Session();
  await inFolder(new Map([["typing.ts", recipe]]), async (folder) => {
    const { isTyping } = (await import(/* @vite-ignore */ `${folder}/typing.ts`)) as Recipe;
    const typing = (): unknown => presence.getByKey("room", "ann")?.metas.map((meta) => meta.typing);
    isTyping(presence, session, "room", "ann");
    expect(typing()).toEqual([true]);
    vi.advanceTimersByTime(5_000);
    isTyping(presence, session, "room", "ann");
    vi.advanceTimersByTime(5_000);
    expect(typing()).toEqual([true]);
    vi.advanceTimersByTime(1_000);
    expect(typing()).toEqual([false]);
    isTyping(presence, session, "room", "ann");
    await presence.stop({ handoffMs: 0 });
    vi.advanceTimersByTime(10_000);
    isTyping(presence, session, "room", "ann");
  });
});
