import { describe, expect, it } from "vitest";
import { RelayTable, type RelayPort } from "../../src/adapters/cluster-relay.js";
import {
  nodeMessageOf,
  relayMessageOf,
  toEnvelope,
  type RelayMessage,
} from "../../src/adapters/cluster-wire.js";
import { clusterPubSub, setupPrimary } from "../../src/adapters/cluster.js";

class RecordingPort implements RelayPort {
  readonly messages: RelayMessage[] = [];
  send(message: RelayMessage): void {
    this.messages.push(message);
  }
  take(): RelayMessage[] {
    return this.messages.splice(0);
  }
}

/** A table with two processes: one with the nodes a and b, one with the node c; ids are the names in capitals. */
function threeNodes(): { table: RelayTable; first: RecordingPort; second: RecordingPort } {
  const [table, first, second] = [new RelayTable(), new RecordingPort(), new RecordingPort()];
  table.attach(first);
  table.attach(second);
  table.receive(first, { type: "hello", id: "A", node: "a" });
  table.receive(first, { type: "hello", id: "B", node: "b" });
  table.receive(second, { type: "hello", id: "C", node: "c" });
  first.take();
  second.take();
  return { table, first, second };
}

describe("RelayTable", () => {
  it("announces itself to a process and welcomes its nodes", () => {
    const [table, port] = [new RelayTable(), new RecordingPort()];
    table.attach(port);
    table.attach(port);
    table.receive(port, { type: "hello", id: "A", node: "a" });
    expect(port.take()).toEqual([{ type: "relay" }, { type: "welcome", id: "A" }]);
  });

  it("relays a broadcast to every node, the sender included", () => {
    const { table, first, second } = threeNodes();
    table.receive(first, { type: "frame", id: "A", channel: "room", payload: "1" });
    expect(first.take()).toEqual([
      { type: "frame", id: "A", channel: "room", payload: "1" },
      { type: "frame", id: "B", channel: "room", payload: "1" },
    ]);
    expect(second.take()).toEqual([{ type: "frame", id: "C", channel: "room", payload: "1" }]);
  });

  it("relays a direct send to its target alone, and to nobody if there is none", () => {
    const { table, first, second } = threeNodes();
    table.receive(first, { type: "frame", id: "A", to: "c", channel: "room", payload: "1" });
    table.receive(first, { type: "frame", id: "A", to: "nobody", channel: "room", payload: "2" });
    expect(first.take()).toEqual([]);
    expect(second.take()).toEqual([{ type: "frame", id: "C", channel: "room", payload: "1" }]);
  });

  it("tells of all nodes of a process that ended, after what they sent", () => {
    const { table, first, second } = threeNodes();
    table.receive(first, { type: "frame", id: "A", channel: "room", payload: "last words" });
    table.ended(first);
    table.ended(first);
    table.receive(first, { type: "frame", id: "A", channel: "room", payload: "from the dead" });
    expect(second.take()).toEqual([
      { type: "frame", id: "C", channel: "room", payload: "last words" },
      { type: "nodeGone", id: "C", node: "a" },
      { type: "nodeGone", id: "C", node: "b" },
    ]);
  });

  it("does not call nodes gone that are only relayed to no longer", () => {
    const { table, first, second } = threeNodes();
    table.detach(first);
    table.detach(first);
    table.ended(first);
    expect(first.take()).toEqual([{ type: "relayGone" }]);
    expect(second.take()).toEqual([]);
  });

  it("does not call a node gone while its successor carries the name", () => {
    const { table, first, second } = threeNodes();
    table.receive(second, { type: "hello", id: "A2", node: "a" });
    second.take();
    table.receive(first, { type: "bye", id: "A" });
    expect(second.take()).toEqual([]);
    table.receive(second, { type: "bye", id: "A2" });
    expect(first.take()).toEqual([{ type: "nodeGone", id: "B", node: "a" }]);
  });

  it("does not relay for a node that it has not welcomed", () => {
    const { table, first, second } = threeNodes();
    table.receive(first, { type: "frame", id: "unknown", channel: "room", payload: "1" });
    table.receive(first, { type: "frame", id: "C", channel: "room", payload: "in another's name" });
    expect([...first.take(), ...second.take()]).toEqual([]);
  });
});

describe("the IPC envelope", () => {
  it("returns what was put in", () => {
    for (const message of [
      { type: "hello", id: "A", node: "a" },
      { type: "bye", id: "A" },
      { type: "frame", id: "A", channel: "room", payload: "1" },
      { type: "frame", id: "A", to: "b", channel: "room", payload: "1" },
    ] as const) {
      expect(nodeMessageOf(toEnvelope(message))).toEqual(message);
    }
    for (const message of [
      { type: "relay" },
      { type: "relayGone" },
      { type: "welcome", id: "A" },
      { type: "nodeGone", id: "A", node: "b" },
      { type: "frame", id: "A", channel: "room", payload: "1" },
    ] as const) {
      expect(relayMessageOf(toEnvelope(message))).toEqual(message);
    }
  });

  it.each([undefined, null, 7, "text", [], {}, { type: "hello", id: "A", node: "a" }])(
    "leaves what the application says alone: %j",
    (message) => {
      expect(nodeMessageOf(message)).toBeUndefined();
      expect(relayMessageOf(message)).toBeUndefined();
    },
  );

  it.each([
    {},
    { type: "hello" },
    { type: "hello", id: "A", node: 7 },
    { type: "hello", id: "", node: "a" },
    { type: "frame", id: "A", channel: "room", payload: { not: "text" } },
    { type: "constructor", id: "A" },
  ])("refuses what no node sends: %j", (message) => {
    expect(() => nodeMessageOf({ rollcall: 1, ...message })).toThrow(
      expect.objectContaining({ code: "INVALID_FRAME" }),
    );
    expect(() => relayMessageOf({ rollcall: 1, ...message })).toThrow(
      expect.objectContaining({ code: "INVALID_FRAME" }),
    );
  });

  it("refuses a target that is no name", () => {
    expect(() =>
      nodeMessageOf({ rollcall: 1, type: "frame", id: "A", to: ["b"], channel: "room", payload: "1" }),
    ).toThrow(expect.objectContaining({ code: "INVALID_FRAME" }));
  });

  it("refuses a message of another version", () => {
    expect(() => nodeMessageOf({ rollcall: 2, type: "bye", id: "A" })).toThrow(
      expect.objectContaining({ code: "UNKNOWN_PROTOCOL" }),
    );
  });
});

describe("setupPrimary", () => {
  it("gives the primary nodes of its own, and disconnects them when it is closed", async () => {
    const relay = setupPrimary();
    expect(setupPrimary()).toBe(relay);
    const [a, b] = [relay.pubSub({ nodeName: "a" }), relay.pubSub({ nodeName: "b" })];
    const steps: string[] = [];
    b.onStatus?.((status) => steps.push(status));
    const subscribed = await b.subscribe("room", (payload) => steps.push(payload));
    await a.broadcast("room", "1");
    await a.send("b", "room", "2");
    await new Promise((resolve) => setImmediate(resolve));
    relay.close();
    relay.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(steps).toEqual(["connected", "1", "2", "disconnected"]);
    await expect(b.broadcast("room", "3")).rejects.toMatchObject({ code: "NO_RELAY" });
    await subscribed();
    expect(setupPrimary()).not.toBe(relay);
    setupPrimary().close();
  });
});

describe("clusterPubSub", () => {
  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses relayTimeoutMs %d", (relayTimeoutMs) => {
    expect(() => clusterPubSub({ relayTimeoutMs })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION" }),
    );
  });
});
