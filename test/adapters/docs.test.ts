/** The adapter that docs/adapters.md shows is one that keeps the contract. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { pubsubContract, type OpenNodes } from "../../src/testing/pubsub-contract.js";
import { codeBlocks } from "../docs/markdown.js";
import { busPubSub, type Bus } from "./bus-adapter.js";

const page = readFileSync(new URL("../../docs/adapters.md", import.meta.url), "utf8");

describe("docs/adapters.md", () => {
  it("shows the adapter that is tested here", () => {
    const source = readFileSync(new URL("bus-adapter.ts", import.meta.url), "utf8");
    expect(codeBlocks(page, "ts").map((block) => block.trim())).toContain(source.trim());
  });
});

/** A bus in memory, as the template's adapter wants it. */
class MemoryBus implements Bus {
  static topics(): Map<string, Set<(payload: string) => void>> {
    return new Map();
  }

  connected = true;
  readonly #topics: Map<string, Set<(payload: string) => void>>;
  readonly #listeners = new Set<() => void>();

  constructor(topics: Map<string, Set<(payload: string) => void>>) {
    this.#topics = topics;
  }

  async publish(topic: string, payload: string): Promise<void> {
    if (!this.connected) throw new Error("not connected");
    await Promise.resolve();
    for (const receive of [...(this.#topics.get(topic) ?? [])]) receive(payload);
  }

  async subscribe(topic: string, receive: (payload: string) => void): Promise<() => Promise<void>> {
    const receivers = this.#topics.get(topic) ?? new Set();
    this.#topics.set(topic, receivers);
    const hear = (payload: string): void => {
      if (this.connected) receive(payload);
    };
    receivers.add(hear);
    return async () => void receivers.delete(hear);
  }

  onChange(listener: () => void): () => void {
    const held = (): void => listener();
    this.#listeners.add(held);
    return () => void this.#listeners.delete(held);
  }

  become(connected: boolean): void {
    this.connected = connected;
    for (const listener of [...this.#listeners]) listener();
  }
}

describe("the template adapter", () => {
  const openNodes: OpenNodes = (names) => {
    const topics = MemoryBus.topics();
    const buses = names.map(() => new MemoryBus(topics));
    const nodes = names.map((nodeName, index) => {
      const bus = buses[index] ?? new MemoryBus(topics);
      return busPubSub({ bus, nodeName });
    });
    return {
      nodes,
      cut: async (node) => {
        const bus = buses[nodes.indexOf(node)];
        bus?.become(false);
        return () => bus?.become(true);
      },
      end: () => {},
    };
  };

  for (const { name, run } of pubsubContract(openNodes)) it(name, run);
});
