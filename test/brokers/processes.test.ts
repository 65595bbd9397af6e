/** The cluster adapter over real processes and the broadcast-channel adapter over real threads. */
import { fork, spawn, type ChildProcess } from "node:child_process";
import cluster, { type Worker } from "node:cluster";
import { fileURLToPath } from "node:url";
import { Worker as Thread } from "node:worker_threads";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { setupPrimary, type Relay } from "../../src/adapters/cluster.js";
import { pubsubContract, type ContractNode, type OpenNodes } from "../../src/testing/pubsub-contract.js";
import { RemoteHost } from "../support/remote-node.js";

const childScript = fileURLToPath(new URL("cluster-child.ts", import.meta.url));
/** A thread does not take `--import`. */
const threadScript = `
  import("tsx/esm/api").then(({ register }) => {
    register();
    return import(${JSON.stringify(new URL("broadcast-channel-thread.ts", import.meta.url).href)});
  });
`;
const execArgv = ["--import", "tsx"];

/** As many as a case of the contract ever asks for. */
const hostsNeeded = 6;

interface Forked {
  readonly child: ChildProcess;
  readonly host: RemoteHost;
}

function forkChild(): Forked {
  const child = fork(childScript, { execArgv });
  const host = new RemoteHost({
    post: (message) => child.send(message),
    listen: (listener) => child.on("message", listener),
  });
  return { child, host };
}

async function ended(child: ChildProcess, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await exit;
}

/** Subscribes, and returns what is heard when there are that many payloads. */
async function hearing(
  node: ContractNode,
  channel: string,
  count: number,
): Promise<{ readonly all: Promise<string[]> }> {
  const payloads: string[] = [];
  let done: (payloads: string[]) => void = () => {};
  const all = new Promise<string[]>((resolve) => (done = resolve));
  await node.subscribe(channel, (payload) => {
    if (payloads.push(payload) === count) done(payloads);
  });
  return { all };
}

describe("cluster, children of fork()", () => {
  let relay: Relay;
  let children: Forked[];
  const detach = new Map<RemoteHost, () => void>();
  const hostOf = new Map<ContractNode, Forked>();

  beforeAll(() => {
    relay = setupPrimary();
    children = Array.from({ length: hostsNeeded }, forkChild);
    for (const { child, host } of children) detach.set(host, relay.attach(child));
  });
  afterAll(async () => {
    relay.close();
    await Promise.all(children.map(({ child }) => ended(child)));
  });

  const openNodes: OpenNodes = async (names) => {
    const nodes = await Promise.all(
      names.map(async (name, index) => {
        const forked = children[index];
        if (forked === undefined) throw new Error(`A case asks for ${names.length} nodes`);
        const node = await forked.host.open(name, { hasStatus: true });
        hostOf.set(node, forked);
        return node;
      }),
    );
    return {
      nodes,
      async cut(node) {
        const forked = hostOf.get(node);
        if (forked === undefined) throw new Error("Not one of ours");
        detach.get(forked.host)?.();
        return () => void detach.set(forked.host, relay.attach(forked.child));
      },
      end: async () => void (await Promise.all(nodes.map((node) => node.close?.()))),
    };
  };

  for (const { name, run } of pubsubContract(openNodes)) it(name, run);
});

describe("cluster, ends and beginnings", () => {
  let forked: Forked[] = [];
  beforeEach(() => {
    forked = [forkChild(), forkChild()];
  });
  afterEach(async () => {
    setupPrimary().close();
    await Promise.all(forked.map(({ child }) => ended(child)));
  });

  it("tells of a node's SIGKILL after everything that it sent", async () => {
    const relay = setupPrimary();
    const [doomed, other] = forked as [Forked, Forked];
    for (const { child } of forked) relay.attach(child);
    const sender = await doomed.host.open("doomed", { hasStatus: true });
    const witness = await other.host.open("witness", { hasStatus: true });
    const steps: string[] = [];
    const gone = new Promise<string>((resolve) => witness.onNodeGone?.(resolve));
    await witness.subscribe("room", (payload) => steps.push(payload));
    const payloads = Array.from({ length: 200 }, (_, index) => `${index}`);
    await Promise.all(payloads.map((payload) => sender.broadcast("room", payload)));
    await ended(doomed.child);
    expect(await gone).toBe("doomed");
    expect(steps).toEqual(payloads);
  });

  it("tells of a node's SIGKILL though a grandchild keeps its channel open", async () => {
    const relay = setupPrimary();
    const [doomed, other] = forked as [Forked, Forked];
    for (const { child } of forked) relay.attach(child);
    await doomed.host.open("doomed", { hasStatus: true, texts: ["", "heir"] });
    const witness = await other.host.open("witness", { hasStatus: true });
    const gone = new Promise<string>((resolve) => witness.onNodeGone?.(resolve));
    await ended(doomed.child);
    expect(await gone).toBe("doomed");
    expect(doomed.child.connected).toBe(true);
  });

  it("has NO_RELAY until a relay comes, and again when it goes", async () => {
    const [first, second] = forked as [Forked, Forked];
    const a = await first.host.open("a", { hasStatus: true, texts: ["50"] });
    const b = await second.host.open("b", { hasStatus: true, texts: ["50"] });
    const heard = await hearing(b, "room", 1);
    expect(await new Promise((resolve) => b.onError?.(resolve))).toBe("NO_RELAY");
    expect(await new Promise((resolve) => b.onStatus?.(resolve))).toBe("disconnected");
    await expect(a.broadcast("room", "into nothing")).rejects.toMatchObject({ code: "NO_RELAY" });

    const statuses: string[] = [];
    let wake: () => void = () => {};
    const bothConnected = new Promise<void>((resolve) => (wake = resolve));
    for (const node of [a, b]) {
      node.onStatus?.((status) => {
        statuses.push(`${node.nodeName} ${status}`);
        if (statuses.includes("a connected") && statuses.includes("b connected")) wake();
      });
    }
    const relay = setupPrimary();
    for (const { child } of forked) relay.attach(child);
    await bothConnected;
    await a.broadcast("room", "over the relay");
    expect(await heard.all).toEqual(["over the relay"]);

    const disconnected = new Promise((resolve) => {
      b.onStatus?.((status) => status === "disconnected" && resolve(status));
    });
    relay.close();
    await disconnected;
    await expect(b.broadcast("room", "into nothing")).rejects.toMatchObject({ code: "NO_RELAY" });
  });

  it("carries on when a child sends junk in rollcall's name, and reports it", async () => {
    const relay = setupPrimary();
    const [first, second] = forked as [Forked, Forked];
    for (const { child } of forked) relay.attach(child);
    const errors: unknown[] = [];
    relay.onError((error) => errors.push(error));
    const a = await first.host.open("a", { hasStatus: true });
    const b = await second.host.open("b", { hasStatus: true });
    const childErrors: string[] = [];
    const reported = new Promise<void>((resolve) => {
      b.onError?.((error) => childErrors.push(String(error)) === 2 && resolve());
    });
    const heard = await hearing(b, "room", 1);
    second.child.send({ rollcall: 1, type: "frame", id: 7 });
    second.child.send({ rollcall: 99 });
    // As if the child had sent it.
    first.child.emit("message", { rollcall: 1, type: "hello", id: {} });
    await a.broadcast("room", "still here");
    expect(await heard.all).toEqual(["still here"]);
    expect(errors).toEqual([expect.objectContaining({ code: "INVALID_FRAME" })]);
    await reported;
    expect(childErrors).toEqual(["INVALID_FRAME", "UNKNOWN_PROTOCOL"]);
  });

  it("reports a child that is stopped and reads nothing, and goes on with the others", async () => {
    const relay = setupPrimary();
    const [first, stopped] = forked as [Forked, Forked];
    for (const { child } of forked) relay.attach(child);
    const errors: unknown[] = [];
    relay.onError((error) => errors.push(error));
    const listener = await first.host.open("listener", { hasStatus: true });
    await stopped.host.open("stopped", { hasStatus: true });
    const sender = relay.pubSub({ nodeName: "sender" });
    await sender.subscribe("any", () => {});
    stopped.child.kill("SIGSTOP");
    let heard = 0;
    await listener.subscribe("room", () => heard++);
    for (let sent = 1; sent <= 50; sent++) {
      await sender.broadcast("room", "x".repeat(1024 * 1024));
      while (heard < sent) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(errors).toEqual([expect.objectContaining({ code: "PUBLISH_FAILED" })]);
  });
});

describe("cluster, workers of node:cluster", () => {
  let workers: Worker[] = [];
  afterEach(async () => {
    setupPrimary().close();
    await Promise.all(workers.map(({ process }) => ended(process)));
  });

  it("relays without being told of the workers, before and after setupPrimary()", async () => {
    cluster.setupPrimary({ exec: childScript, execArgv });
    const early = cluster.fork();
    setupPrimary();
    const late = cluster.fork();
    workers = [early, late];
    const [a, b] = await Promise.all(
      [early, late].map((worker, index) => {
        const host = new RemoteHost({
          post: (message) => worker.send(message),
          listen: (listener) => worker.on("message", listener),
        });
        return host.open(`worker ${index}`, { hasStatus: true });
      }),
    );
    if (a === undefined || b === undefined) throw new Error("There are two workers");
    const [byA, byB] = [await hearing(a, "room", 2), await hearing(b, "room", 1)];
    await a.broadcast("room", "from a");
    await b.send(a.nodeName, "room", "from b");
    expect([(await byA.all).sort(), await byB.all]).toEqual([["from a", "from b"], ["from a"]]);
    const gone = new Promise((resolve) => a.onNodeGone?.(resolve));
    late.process.kill("SIGKILL");
    expect(await gone).toBe("worker 1");
  });
});

describe("cluster, without an IPC channel", () => {
  it("reports NO_RELAY at once and rejects what is sent", async () => {
    const adapter = new URL("../../src/adapters/cluster.ts", import.meta.url).href;
    const script = `
      const { clusterPubSub } = await import(${JSON.stringify(adapter)});
      const pubsub = clusterPubSub({ nodeName: "alone" });
      pubsub.onStatus((status) => console.log(status));
      pubsub.onError(({ code }) => console.log(code));
      await pubsub.subscribe("room", () => {});
      await pubsub.broadcast("room", "x").catch(({ code }) => console.log("rejected", code));
      pubsub.close();
    `;
    const child = spawn(process.execPath, [...execArgv, "--input-type=module", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    expect(await new Promise((resolve) => child.once("close", resolve))).toBe(0);
    expect(output.trim().split("\n").sort()).toEqual(["NO_RELAY", "disconnected", "rejected NO_RELAY"]);
  });
});

describe("broadcast-channel, threads", () => {
  let threads: { thread: Thread; host: RemoteHost }[];
  let channels = 0;

  beforeAll(() => {
    threads = Array.from({ length: hostsNeeded }, () => {
      const thread = new Thread(threadScript, { eval: true });
      const host = new RemoteHost({
        post: (message) => thread.postMessage(message),
        listen: (listener) => thread.on("message", listener),
      });
      return { thread, host };
    });
  });
  afterAll(async () => {
    await Promise.all(threads.map(({ thread }) => thread.terminate()));
  });

  const openNodes: OpenNodes = async (names) => {
    const channelName = `contract-${++channels}`;
    const nodes = await Promise.all(
      names.map((name, index) => {
        const host = threads[index]?.host;
        if (host === undefined) throw new Error(`A case asks for ${names.length} nodes`);
        return host.open(name, { hasStatus: false, texts: [channelName] });
      }),
    );
    return { nodes, end: async () => void (await Promise.all(nodes.map((node) => node.close?.()))) };
  };

  for (const { name, run } of pubsubContract(openNodes)) it(name, run);
});
