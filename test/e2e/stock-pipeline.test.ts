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
        const [viewers, news] = await Promise.all([startViewers(pubsub), StockNews.open(pubsub)]);
        const stock = new WatchedStock(database);
        const channels = new ChannelServer({ pubsub });
        return { viewers, stock, pipeline: new StockPipeline({ stock, viewers, channels, news }) };
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
  const counts = (): number[] => nodes.map(({ viewers }) => viewers.count(topic));

  it("is shut while nobody looks, open while somebody does, and read by one node", async () => {
    expect(readsOf(10_000)).toEqual([[], []]);

    // The viewer is on one node, the reader is the other: it knows from the tracker alone.
    const session = new Session();
    nodes[1]?.viewers.track(session, topic, "somebody", {});
    await vi.waitFor(() => expect(counts()).toEqual([1, 1]));
    expect(readsOf(3_000)).toEqual([["stairwell-high", "stairwell-high", "stairwell-high"], []]);
    expect(nodes.map(({ pipeline }) => pipeline.state().watched)).toEqual([1, 1]);

    session.close();
    await vi.waitFor(() => expect(counts()).toEqual([0, 0]), { timeout: 5_000 });
    expect(readsOf(10_000)).toEqual([[], []]);
  });

  it("is taken over when the reader ends", async () => {
    const session = new Session();
    nodes[1]?.viewers.track(session, topic, "somebody", {});
    await vi.waitFor(() => expect(counts()).toEqual([1, 1]));
    nodes[0]?.pipeline.stop();
    await nodes[0]?.viewers.stop({ handoffMs: 0 });
    await vi.waitFor(() =>
      expect(nodes[1]?.viewers.health().replicas.some(({ status }) => status === "up")).toBe(false),
    );
    expect(readsOf(2_000)).toEqual([[], ["stairwell-high", "stairwell-high"]]);
  });
});
