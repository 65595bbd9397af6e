/** The contract itself under test: it passes what is sound, and each case finds just the adapter that breaks it. */
import { describe, expect, it } from "vitest";
import { pubsubContract, type OpenNodes } from "../../src/testing/pubsub-contract.js";
import { defects } from "./broken-adapters.js";
import { nodesWith } from "./sound-adapter.js";

/** A healthy MemoryHub needs far less than a millisecond. */
const patienceMs = 150;

/** The names of the cases that fail. */
async function failing(openNodes: OpenNodes): Promise<string[]> {
  const cases = pubsubContract(openNodes, { patienceMs });
  const outcomes = await Promise.allSettled(cases.map(({ run }) => run()));
  return cases.filter((_, index) => outcomes[index]?.status === "rejected").map(({ name }) => name);
}

describe("pubsubContract", () => {
  it("passes a sound adapter", async () => {
    expect(await failing(nodesWith())).toEqual([]);
  });

  it("has a broken adapter for every case, and no two cases of one name", () => {
    const names = pubsubContract(nodesWith()).map(({ name }) => name);
    expect([...defects.keys()].sort()).toEqual([...names].sort());
    expect(new Set(names).size).toBe(names.length);
  });

  it.each([...defects])("finds what breaks: %s", async (name, defect) => {
    expect(await failing(nodesWith(defect))).toEqual([name]);
  });

  it("ends every cluster that it opened, also when a case has failed", async () => {
    let open = 0;
    const deaf: OpenNodes = async (names) => {
      open++;
      const cluster = await nodesWith(() => ({ subscribe: () => () => {} }))(names);
      return { ...cluster, end: () => void open-- };
    };
    expect((await failing(deaf)).length).toBeGreaterThan(10);
    expect(open).toBe(0);
  });

  it("demands a way to break the connection of an adapter that tells its status", async () => {
    const uncut: OpenNodes = async (names) => {
      const { nodes, hang, end } = await nodesWith()(names);
      return { nodes, ...(hang && { hang }), end };
    };
    expect(await failing(uncut)).toHaveLength(10);
  });

  it("demands a way to let the connection of an adapter stand still that can reconnect", async () => {
    const neverHung: OpenNodes = async (names) => {
      const { nodes, cut, end } = await nodesWith()(names);
      return { nodes, ...(cut && { cut }), end };
    };
    expect(await failing(neverHung)).toHaveLength(4);
  });

  it("asks nothing about the connection of an adapter that is always connected", async () => {
    const always: OpenNodes = async (names) => {
      const { nodes, end } = await nodesWith()(names);
      return { nodes: nodes.map(({ onStatus: _, reconnect: __, ...node }) => node), end };
    };
    expect(await failing(always)).toEqual([]);
  });
});
