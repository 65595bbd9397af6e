/** A node that does not hear itself and is given new connections: each has the time to be heard. Virtual time. */
import { describe, expect, it } from "vitest";
import { Lanes } from "../support/lanes.js";

describe("a deaf node", () => {
  it.each([["inbox"], ["broadcasts"], ["both"]])(
    "R54: gives no new connection up before a down period, where its %s come late",
    async (late) => {
      const lanes = new Lanes(1);
      const a = await lanes.start("a");
      await lanes.advance(3_000);
      lanes.mutes = () => true;
      await lanes.advance(6_000);
      expect(a.reconnects).toBe(1);
      // What it asks for comes, again and again, and what it says comes back a while after that.
      lanes.mutes = (_, lane) => late === "both" || (lane === "direct") === (late === "inbox");
      const reconnect = async (): Promise<void> => {
        a.setConnected(false);
        await lanes.advance(100);
        a.setConnected(true);
      };
      await reconnect();
      for (let asked = a.reconnects, ms = 0; ms < 7_000; ms += 50) {
        if (a.reconnects > asked) await reconnect();
        asked = a.reconnects;
        await lanes.advance(50);
      }
      expect(a.reconnects).toBe(1);
      lanes.mutes = () => false;
      await lanes.advance(3_000);
      expect(a.tracker.health()).toMatchObject({ connection: "connected" });
      expect(a.reconnects).toBe(1);
    },
  );

  it("R54: asks for another one after that", async () => {
    const lanes = new Lanes(2);
    const a = await lanes.start("a");
    await lanes.advance(3_000);
    lanes.mutes = () => true;
    await lanes.advance(6_000);
    a.setConnected(false);
    a.setConnected(true);
    await lanes.advance(9_000);
    expect(a.reconnects).toBe(2);
  });
});
