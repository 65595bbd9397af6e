/** The stock is read from the database only while somebody, on any node, looks at the product. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryHub } from "rollcall/adapters/memory";
import { ChannelServer } from "rollcall/channels";
import { Session } from "rollcall";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startViewers, viewersTopic, type Viewers } from "../../examples/shop/presence/viewers.ts";
import { StockNews } from "../../examples/shop/stock-news.ts";
import { StockPipeline } from "../../examples/shop/stock-pipeline.ts";
import { productBySlug, type Product } from "../../examples/shop/store/catalogue.ts";
import { openDatabase, prepareDatabase, type Database } from "../../examples/shop/store/database.ts";
import { Stock, type ProductStock } from "../../examples/shop/store/stock.ts";
import type { StockView } from "../../examples/shop/wire.ts";

/** Notes which products were read. */
class WatchedStock extends Stock {
  reads: string[] = [];

  override of(product: Product): ProductStock {
    this.reads.push(product.slug);
    return super.of(product);
  }
}

interface Node {
  readonly viewers: Viewers;
  readonly stock: WatchedStock;
  readonly pipeline: StockPipeline;
  /** How many look at the product, as the node has told pages, each time that it did. */
  readonly told: number[];
}

const stairwell = productBySlug("stairwell-high") as Product;
const topic = viewersTopic(stairwell);

describe("the stock pipeline", () => {
  let folder: string;
  let database: Database;
  let nodes: Node[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "lacewing-"));
    database = openDatabase(folder);
    prepareDatabase(database);
    // Only the pipeline's own timer is held: the trackers run in real time.
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const hub = new MemoryHub();
    nodes = await Promise.all(
      ["node-1", "node-2"].map(async (name) => {
        const pubsub = hub.node(name);
        const arrivals = new Set<string>();
        const [viewers, news] = await Promise.all([
          startViewers(pubsub, (arrivedAt) => arrivals.add(arrivedAt)),
          StockNews.open(pubsub),
        ]);
        const stock = new WatchedStock(database);
        const channels = new ChannelServer({ pubsub });
        const told: number[] = [];
        vi.spyOn(channels, "broadcast").mockImplementation((_topic, _event, payload) => {
          told.push((payload as unknown as StockView).looking);
        });
        const pipeline = new StockPipeline({ stock, viewers, arrivals, channels, news });
        return { viewers, stock, pipeline, told };
      }),
    );
    await Promise.all(nodes.map(({ viewers }) => viewers.whenComplete({ timeoutMs: 5_000 })));
  });

  afterEach(async () => {
    for (const { pipeline, viewers } of nodes) {
      pipeline.stop();
      await viewers.stop({ handoffMs: 0 });
    }
    vi.useRealTimers();
    database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const readsOf = (periodMs: number): string[][] => {
    for (const { stock } of nodes) stock.reads = [];
    vi.advanceTimersByTime(periodMs);
    return nodes.map(({ stock }) => stock.reads);
  };
  /** The trackers send in real time, on machines that are slow too. */
  const soon = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 10_000 });
  const counts = (): number[] => nodes.map(({ viewers }) => viewers.count(topic));

  it("is shut while nobody looks, open while somebody does, and read by one node", async () => {
    expect(readsOf(10_000)).toEqual([[], []]);

    // The viewer is on one node, the reader is the other: it knows from the tracker alone.
    const session = new Session();
    nodes[1]?.viewers.track(session, topic, "somebody", {});
    await soon(() => expect(counts()).toEqual([1, 1]));
    expect(readsOf(3_000)).toEqual([["stairwell-high", "stairwell-high", "stairwell-high"], []]);
    expect(nodes.map(({ pipeline }) => pipeline.state().watched)).toEqual([1, 1]);

    session.close();
    await soon(() => expect(counts()).toEqual([0, 0]));
    expect(readsOf(10_000)).toEqual([[], []]);
  });

  it("tells how many look when somebody has come, though as many look as before", async () => {
    const [first, second] = [new Session(), new Session()];
    nodes[1]?.viewers.track(first, topic, "first", {});
    await soon(() => expect(counts()).toEqual([1, 1]));
    readsOf(1_000);
    expect(nodes[0]?.told.splice(0).at(-1)).toBe(1);
    readsOf(3_000);
    expect(nodes.map(({ told }) => told)).toEqual([[], []]);

    // A page that opens now has been told of whoever its own node knew.
    first.close();
    nodes[1]?.viewers.track(second, topic, "second", {});
    await soon(() => expect(nodes.map(({ viewers }) => viewers.has(topic, "second"))).toEqual([true, true]));
    expect(counts()).toEqual([1, 1]);
    readsOf(1_000);
    expect(nodes[0]?.told.at(-1)).toBe(1);
    second.close();
  });

  it("is taken over when the reader ends", async () => {
    const session = new Session();
    nodes[1]?.viewers.track(session, topic, "somebody", {});
    await soon(() => expect(counts()).toEqual([1, 1]));
    nodes[0]?.pipeline.stop();
    await nodes[0]?.viewers.stop({ handoffMs: 0 });
    await soon(() =>
      expect(nodes[1]?.viewers.health().replicas.some(({ status }) => status === "up")).toBe(false),
    );
    expect(readsOf(2_000)).toEqual([[], ["stairwell-high", "stairwell-high"]]);
  });
});
