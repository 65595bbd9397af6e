/** Lives that somebody made up, clocks and counters that were ahead, and nodes of other periods. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/replication/limits.js";
import type { Life } from "../../../src/replication/life.js";
import { DOWN_MS, life, PERMDOWN_MS, Table } from "./table.js";

const HEARTBEAT_MS = 2_000;

/** Sends one heartbeat after the other until it is listened to. Returns after how long that was. */
function insist(table: Table, of: Life, fromCounter = 1, limitMs = 60_000): number {
  for (let passedMs = 0; passedMs < limitMs; passedMs += HEARTBEAT_MS) {
    if (table.hear(of, fromCounter + passedMs) === "up") return passedMs;
    table.pass(HEARTBEAT_MS);
  }
  return Infinity;
}

function end(table: Table, name: string): void {
  table.goodbye(name, 0);
}

describe("a clock that was ahead", () => {
  it("delays one start, which is told, and none after it", () => {
    const table = new Table();
    table.hear(life("a", 900), 1);
    end(table, "a");
    expect(insist(table, life("a", 1))).toBeGreaterThan(DOWN_MS);
    expect(table.take()).toEqual(["appeared a900", "ended a900", "ahead of a1", "appeared a1"]);
    for (let number = 2; number < 10; number += 1) {
      // With a goodbye, as a crash, and while the one before is up.
      if (number % 3 === 0) end(table, "a");
      if (number % 3 === 1) table.pass(DOWN_MS + 1);
      expect(insist(table, life("a", number))).toBe(0);
    }
    expect(table.take().filter((what) => what.startsWith("ahead"))).toEqual([]);
  });

  it("leaves the life that had it over: late frames of it bring it not back", () => {
    const table = new Table();
    table.hear(life("a", 900), 1);
    end(table, "a");
    insist(table, life("a", 1));
    expect(table.hear(life("a", 900), 9)).toBe("over");
    end(table, "a");
    expect(table.hear(life("a", 900), 10)).toBe("over");
    expect(insist(table, life("a", 2))).toBe(0);
  });

  it("is known of a life that was replaced by an earlier one while it was down", () => {
    const table = new Table();
    table.hear(life("a", 900), 1);
    table.pass(DOWN_MS + 1);
    expect(insist(table, life("a", 1))).toBeGreaterThan(DOWN_MS);
    end(table, "a");
    expect(insist(table, life("a", 2))).toBe(0);
  });

  it("delays a start only if the latest that ended has told nothing of its clock (law)", () => {
    const starts = fc.uniqueArray(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(starts, (numbers) => {
        const table = new Table();
        for (const [i, number] of numbers.entries()) {
          const isDelayed = numbers
            .slice(0, i)
            .some(
              (ahead, j) => ahead > number && numbers.slice(j + 1, i).every((between) => between > ahead),
            );
          const delayMs = insist(table, life("a", number));
          if (isDelayed) expect(delayMs).toBeGreaterThan(DOWN_MS);
          else expect(delayMs).toBe(0);
          expect(delayMs).toBeLessThan(2 * DOWN_MS);
          end(table, "a");
        }
      }),
    );
  });
});

describe("a table that is full", () => {
  /** Knows as many as it can, of which each `known`th has sent an entry. */
  function full(known: number): Table {
    const table = new Table();
    for (let number = 0; number < LIMITS.knownLives; number += 1) {
      table.hear(life(`n${number}`, 1), 1);
      if (number % known === 0) table.give(`n${number}`);
    }
    table.take();
    return table;
  }

  it("R42: has no room for a life that was taken for over, however long it insists", () => {
    const table = new Table();
    table.hear(life("a", 1), 1);
    table.goodbye("a", 0);
    for (let number = 0; number < LIMITS.knownLives; number += 1) {
      table.hear(life(`n${number}`, 1), 1);
      table.give(`n${number}`);
    }
    for (let counter = 2; counter < 30; counter += 1) {
      table.hear(life("a", 1), counter);
      table.pass(DOWN_MS / 10);
      expect(table.membership.size).toBe(LIMITS.knownLives);
    }
    expect(table.hear(life("a", 1), 30)).toBe("crowded");
  });

  it("forgets lives that never sent an entry and are silent, for those that come", () => {
    const table = full(2);
    expect(table.hear(life("good", 1), 1)).toBe("crowded");
    expect(table.take()).toEqual(["crowded lives"]);
    table.pass(DOWN_MS / 2 + 1);
    // Half of what is left proves to be there.
    for (let number = 1; number < LIMITS.knownLives; number += 4) table.hear(life(`n${number}`, 1), 2);
    for (let number = 0; number < LIMITS.knownLives / 4; number += 1) {
      expect(table.hear(life(`good ${number}`, 1), 1)).toBe("up");
    }
    const news = table.take();
    const forgotten = news
      .filter((what) => what.startsWith("ended"))
      .map((what) => Number(/n(\d+)1$/.exec(what)?.[1]));
    expect(forgotten).toHaveLength(LIMITS.knownLives / 4);
    expect(forgotten.every((number) => number % 4 === 3)).toBe(true);
    expect(table.hear(life("one more", 1), 1)).toBe("crowded");
    expect(table.membership.size).toBe(LIMITS.knownLives);
  });

  it("forgets those that are down first", () => {
    const table = full(LIMITS.knownLives);
    table.pass(DOWN_MS / 2 + 1);
    table.membership.gone("n77", table.nowMs);
    table.take();
    expect(table.hear(life("good", 1), 1)).toBe("up");
    expect(table.take()).toEqual(["ended n771", "appeared good1"]);
  });

  it("forgets nobody who has sent an entry", () => {
    const table = full(1);
    table.pass(DOWN_MS + 1);
    table.take();
    expect(table.hear(life("good", 1), 1)).toBe("crowded");
    table.pass(PERMDOWN_MS);
    expect(table.hear(life("good", 1), 1)).toBe("up");
  });

  it("is not filled above its limit by one name that begins again and again", () => {
    const table = full(1);
    for (let number = 2; number < 100; number += 1) {
      expect(table.hear(life("n0", number), 1)).toBe("up");
      table.give("n0");
    }
    expect(table.membership.size).toBe(LIMITS.knownLives);
  });

  it("is not filled above its limit by one name that says goodbye again and again", () => {
    const table = new Table();
    for (let number = 1; number <= LIMITS.knownLives + 100; number += 1) {
      expect(table.hear(life("n", number), 1)).toBe("up");
      table.give("n");
      table.goodbye("n", PERMDOWN_MS);
    }
    expect(table.membership.size).toBe(LIMITS.knownLives);
    const news = table.take();
    // What finds no place ends at once, as what it is: a departure.
    expect(news.filter((what) => what.startsWith("ended"))).toHaveLength(100);
    expect(news.filter((what) => what === "crowded lives")).toHaveLength(100);
    expect(table.hear(life("good", 1), 1)).toBe("crowded");
    table.pass(PERMDOWN_MS);
    expect(table.hear(life("good", 1), 1)).toBe("up");
  });

  it("of lives that are over forgets those first that never sent an entry, and tells of one that ended lately", () => {
    const table = new Table();
    table.hear(life("good", 2), 1);
    table.give("good");
    end(table, "good");
    const made = (number: number): Life => life(`n${number}`, 1);
    for (let number = 0; number < 3 * LIMITS.livesOver; number += 1) {
      table.hear(made(number), 1);
      end(table, `n${number}`);
    }
    expect(table.hear(life("good", 2), 2)).toBe("over");
    expect(table.take()).toContain("crowded livesOver");
    table.pass(3 * DOWN_MS);
    table.hear(life("later", 1), 1);
    end(table, "later");
    expect(table.take()).not.toContain("crowded livesOver");
  });
});

describe("a counter that was ahead", () => {
  const a = life("a", 1);

  it("by more than a life can have sent is not believed, and changes nothing", () => {
    const table = new Table();
    table.hear(a, 100);
    for (const ahead of [2 ** 32 - 1, 2 ** 32, 2 ** 52])
      expect(table.hear(a, 100 + ahead)).toBe("implausible");
    table.pass(HEARTBEAT_MS);
    expect(table.hear(a, 101)).toBe("up");
  });

  it("is believed after as much time as it takes to send so many", () => {
    const table = new Table();
    table.hear(a, 1);
    table.nowMs += 24 * 3_600_000;
    expect(table.hear(a, 2 ** 32)).toBe("up");
  });

  it.each([[[50]], [[1_000_000]], [[50, 90]], [[1_000_000, 1_900_000]]])(
    "by what may be is doubted when lower ones go on (%s)",
    (forged) => {
      const table = new Table();
      for (let counter = 1; counter <= 10; counter += 1) table.hear(a, counter);
      for (const ahead of forged) table.hear(a, 10 + ahead);
      const heard: string[] = [];
      for (let counter = 11; counter < 25; counter += 1) {
        table.pass(HEARTBEAT_MS);
        heard.push(table.hear(a, counter));
      }
      const first = heard.findIndex((status) => status !== "late");
      expect(first * HEARTBEAT_MS).toBeGreaterThan(DOWN_MS);
      expect(first * HEARTBEAT_MS).toBeLessThanOrEqual(DOWN_MS + 2 * HEARTBEAT_MS);
      expect(heard.slice(first).every((status) => status === "returning")).toBe(true);
      expect(table.take().filter((what) => what === "insisted a1")).toHaveLength(1);
    },
  );

  it("of direct frames does not close the ears to them, while broadcasts are heard", () => {
    const table = new Table();
    table.hear(a, 1);
    table.hear(a, 500, true);
    let heard = "";
    for (let counter = 2; counter < 20 && heard !== "up"; counter += 2) {
      table.pass(HEARTBEAT_MS);
      expect(table.hear(a, counter)).toBe("up");
      heard = table.hear(a, counter + 1, true);
    }
    expect(heard).toBe("up");
    expect(table.take()).toEqual(["appeared a1", "insisted a1"]);
  });

  it("does not close the ears either where another one goes on below it", () => {
    const table = new Table();
    const other = 6_000;
    table.hear(a, 10, true);
    table.hear(a, 60_000, true);
    let counter = 10;
    const next = (): string => {
      table.pass(HEARTBEAT_MS);
      table.hear(a, counter + 1);
      return table.hear(a, (counter += 2), true);
    };
    const believed = (): number => table.membership.presentOf("a")?.directCounter ?? 0;
    for (let i = 0; i < 10 && (believed() < other || believed() === 60_000); i++) {
      next();
      table.hear(a, other + i, true);
    }
    expect(believed() - other).toBeGreaterThan(0);
    expect(believed() - other).toBeLessThan(10);
    let heard = "late";
    for (let i = 0; i < 10 && heard !== "up"; i++) heard = next();
    expect(heard).toBe("up");
  });

  it("is not concluded from frames that are repeated, however often", () => {
    const table = new Table();
    for (let counter = 1; counter <= 40; counter += 1) {
      if (counter % 5 !== 0) table.hear(a, counter);
      table.pass(500);
    }
    table.take();
    // The life has died, and a broker says again what it said, in its order.
    for (let counter = 1; counter < 40; counter += 1) {
      table.pass(HEARTBEAT_MS);
      if (counter % 5 !== 0) expect(table.hear(a, counter)).toBe("late");
    }
    expect(table.take()).toEqual(["down a1"]);
  });

  it("is not concluded from late frames beside ones that are in time", () => {
    const table = new Table();
    for (let counter = 20; counter < 100; counter += 1) {
      table.pass(HEARTBEAT_MS);
      expect(table.hear(a, counter)).toBe("up");
      expect(table.hear(a, counter - 19)).toBe("late");
    }
  });
});

describe("a life of another period", () => {
  it("goes down by its own, and not later than it would be forgotten", () => {
    for (const [periodMs, downMs] of [
      [500, DOWN_MS],
      [2_000, DOWN_MS],
      [10_000, 30_000],
      [10_000_000, PERMDOWN_MS],
    ] as const) {
      const table = new Table();
      table.hear(life("a", 1), 1, false, periodMs);
      table.pass(downMs);
      expect(table.take()).toEqual(["appeared a1"]);
      table.pass(1);
      expect(table.take()).toEqual(["down a1"]);
    }
  });

  it("leaves a successor what is left of its own", () => {
    const table = new Table();
    table.hear(life("a", 1), 1, false, 10_000);
    table.pass(20_000);
    table.hear(life("a", 2), 1, false, 10_000);
    table.pass(9_999);
    expect(table.take()).toEqual(["appeared a1", "departs a1", "appeared a2"]);
  });

  it("is heard when it insists, though its heartbeats come less often than others are patient", () => {
    const table = new Table();
    table.hear(life("a", 9), 1, false, 10_000);
    end(table, "a");
    const heard: string[] = [];
    for (let counter = 1; counter < 8; counter += 1) {
      heard.push(table.hear(life("a", 1), counter, false, 10_000));
      table.pass(10_000);
    }
    expect(heard).toEqual(["over", "over", "over", "up", "up", "up", "up"]);
  });
});

describe("a silence", () => {
  it("is asked about when half of its time is over, and at three quarters, and not again", () => {
    const table = new Table();
    table.hear(life("a", 1), 1);
    const asked: number[] = [];
    for (let passedMs = 500; passedMs <= DOWN_MS + 500; passedMs += 500) {
      table.pass(500);
      if (table.asked.splice(0).length > 0) asked.push(passedMs);
    }
    expect(asked).toEqual([4_500, 6_500]);
  });

  it("that was forgiven is asked about when the connection is back again", () => {
    const table = new Table();
    table.hear(life("a", 1), 1);
    table.forgiveSilence();
    expect(table.asked).toEqual([]);
    table.pass(1_000);
    table.forgiveSilence();
    expect(table.asked).toEqual(["a1"]);
    table.hear(life("a", 1), 2);
    table.forgiveSilence();
    expect(table.asked).toEqual(["a1"]);
  });

  it("that is forgiven again and again keeps no conflict from being told", () => {
    const table = new Table();
    for (let counter = 1; counter < 30; counter += 1) {
      table.hear(life("a", 2), counter);
      table.hear(life("a", 1), counter);
      table.hear(life("self", 9), counter);
      table.pass(HEARTBEAT_MS);
      table.forgiveSilence();
    }
    expect(table.take()).toEqual(["appeared a2", "conflict a 1 2", "conflict self 9 1"]);
  });
});
