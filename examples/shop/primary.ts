/**
 * The primary of the cluster: starts the nodes, replaces those that end, relays between them, does to them what
 * an admin asks, and knows how they are. It serves nothing itself.
 */
import { setupPrimary } from "rollcall/adapters/cluster";
import { Agreement } from "./agreement.ts";
import { awaitedOf, servedBy } from "./arrivals.ts";
import type { ClusterAnswer, ClusterRequest, NodeConfig, NodeReport } from "./control.ts";
import type { Crowd } from "./crowd-control.ts";
import { Happenings, seconds } from "./happenings.ts";
import { NodeProcess } from "./node-process.ts";
import { whyNoRestart, whyNot } from "./why-not.ts";
import {
  nodeActions,
  type ClusterStatus,
  type LinkStatus,
  type NodeAction,
  type NodeStatus,
} from "./wire.ts";

/** A node that ended on its own is missed for a while, so that one can watch: twice the trackers' downPeriodMs. */
const replaceAfterMs = 2 * 8_000;
const pauseMs = 20_000;
const broughtAtOnce = 1_000;
const mostBrought = 10_000;
/** How long a node may take to let its sockets go. */
const stopTimeoutMs = 60_000;
const shutdownTimeoutMs = 4_000;
const statusPeriodMs = 250;
/** Nobody has arrived for so long: who is still awaited has left. */
const nobodyComesMs = 8_000;
/** A new node that does not list what the others do is waited for so long: whoever moves to it would miss people. */
const caughtUpWithinMs = 60_000;

/**
 * How long those whom a node served may take to arrive elsewhere. A client reconnects within a second or two; a
 * machine that is busy takes in some fifty a second.
 */
const handoffMsFor = (shoppers: number): number => 8_000 + shoppers * 30;

export class Primary {
  readonly #nodes: ReadonlyMap<string, NodeProcess>;
  readonly #say: (line: string) => void;
  readonly #crowd: Crowd;
  readonly #happenings: Happenings;
  readonly #agreement = new Agreement();
  readonly #cut = new Set<string>();
  readonly #replacements = new Map<NodeProcess, ReturnType<typeof setTimeout>>();
  #healed: { readonly id: number; readonly sinceMs: number } | undefined;
  #ticker: ReturnType<typeof setInterval> | undefined;
  #stopping = false;
  #restarting: string | undefined;

  constructor(configs: readonly NodeConfig[], crowd: Crowd, say: (line: string) => void) {
    this.#say = say;
    this.#crowd = crowd;
    this.#happenings = new Happenings(say);
    this.#nodes = new Map(
      configs.map((config) => [
        config.name,
        new NodeProcess(config, {
          said: (node, message) => {
            if (message.type === "moved") this.#happenings.moved(message.outcome);
            else node.tell({ type: "answer", id: message.id, answer: this.#asked(message.request) });
          },
          ended: (node, cause, expected) => this.#ended(node, cause, expected),
        }),
      ]),
    );
    // One that stands still would not hear that its primary is gone.
    process.once("exit", () => this.#nodes.forEach((node) => node.goOn()));
    setupPrimary().onError((error) => say(`The relay reports: ${String(error)}`));
  }

  /** The process of a node that runs. */
  processId(name: string): number | undefined {
    return this.#nodes.get(name)?.processId;
  }

  /** Starts all nodes and resolves when all of them serve. Rejects with the first failure. */
  async start(): Promise<void> {
    await Promise.all([...this.#nodes.values()].map((node) => this.#fork(node)));
    this.#ticker = setInterval(() => this.#tick(), statusPeriodMs);
    this.#crowd.start();
  }

  /** Ends all nodes, gracefully if they manage it in time. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#ticker);
    this.#crowd.stop();
    for (const timer of this.#replacements.values()) clearTimeout(timer);
    await Promise.all([...this.#nodes.values()].map((node) => node.stop(0, shutdownTimeoutMs)));
  }

  /** Resolves when the node serves. */
  #fork(node: NodeProcess): Promise<void> {
    const heard = [...this.#nodes.values()].filter(
      ({ state, name }) => state === "up" && !this.#cut.has(name),
    );
    return node.start(
      heard.map(({ name }) => name),
      [...this.#cut],
    );
  }

  #ended(node: NodeProcess, cause: string, expected: boolean): void {
    const { name, run } = node;
    if (this.#cut.delete(name)) this.#tellCut();
    if (this.#stopping) return;
    if (!expected) {
      node.expectMoves(handoffMsFor(0));
      const killed = cause === "SIGKILL";
      this.#happenings.add(
        killed ? "killed" : "ended",
        killed ? `${name} killed` : `${name} ended (${cause})`,
        {
          node: name,
          run,
        },
      );
    }
    // The rolling restart starts the next one itself.
    if (this.#restarting !== undefined && expected) return;
    this.#say(`${name} ended (${cause}). It is replaced in ${replaceAfterMs / 1000} s.`);
    this.#replaceLater(node);
    this.#tellStatus();
  }

  #replaceLater(node: NodeProcess): void {
    node.replacedMs = performance.now() + replaceAfterMs;
    const timer = setTimeout(() => {
      this.#replacements.delete(node);
      this.#forkOrRetry(node).then(
        () => {
          this.#happenings.add("back", `${node.name} is back`, { node: node.name });
          this.#say(`${node.name} is back, as process ${node.processId}.`);
        },
        (error: unknown) => this.#say(String(error)),
      );
    }, replaceAfterMs);
    this.#replacements.set(node, timer);
  }

  /** As {@link #fork}; one that fails is tried again later, whoever else hears of the failure. */
  async #forkOrRetry(node: NodeProcess): Promise<void> {
    try {
      await this.#fork(node);
    } catch (error) {
      if (!this.#stopping) this.#replaceLater(node);
      throw error;
    }
  }

  #asked(request: ClusterRequest): ClusterAnswer {
    switch (request.type) {
      case "restart": {
        const why = whyNoRestart(this.#status().nodes, this.#restarting);
        if (why !== undefined) return { done: false, text: why };
        void this.#restart();
        return { done: true, text: "Replacing one node after another." };
      }
      case "bring":
        if (this.#crowd.wanted + broughtAtOnce > mostBrought) {
          return { done: false, text: `${mostBrought} is the most that this button brings.` };
        }
        this.#crowd.bring(broughtAtOnce);
        return { done: true, text: `${broughtAtOnce} shoppers are on their way.` };
      case "home":
        if (this.#crowd.wanted === 0) return { done: false, text: "Nobody was brought in by the button." };
        this.#crowd.sendHome();
        return { done: true, text: "They go home." };
      default: {
        const node = this.#nodes.get(request.node);
        const status = this.#status().nodes.find(({ name }) => name === request.node);
        if (node === undefined || status === undefined) {
          return { done: false, text: `There is no ${request.node}.` };
        }
        const why = status.off[request.type];
        return why === undefined
          ? { done: true, text: this.#do(request.type, node) }
          : { done: false, text: why };
      }
    }
  }

  #do(action: NodeAction, node: NodeProcess): string {
    const { name, run } = node;
    switch (action) {
      case "stop":
        this.#happenings.add("stopped", `${name} stopped`, { node: name, run });
        this.#tellStatus();
        void node.stop(handoffMsFor(this.#servedBy(node)), stopTimeoutMs);
        return `${name} says goodbye.`;
      case "kill":
        node.kill();
        return `${name} is killed.`;
      case "pause":
        this.#happenings.add("paused", `${name} paused for ${pauseMs / 1_000} s`, { node: name });
        node.pause(pauseMs, () => this.#happenings.add("resumed", `${name} goes on`, { node: name }));
        return `${name} stands still for ${pauseMs / 1_000} s.`;
      case "cut":
        this.#cut.add(name);
        this.#tellCut();
        this.#healed = undefined;
        this.#happenings.add("cut", `${name} cut off`, { node: name });
        return `${name} is cut off from the others.`;
      case "heal": {
        this.#cut.delete(name);
        const id = this.#happenings.add("healed", `${name} healed`, { node: name });
        this.#healed = { id, sinceMs: performance.now() };
        this.#agreement.startAnew();
        this.#tellStatus();
        this.#tellCut();
        return `${name} hears the others again.`;
      }
    }
  }

  /**
   * Replaces one node after another. The next one goes when the last one's shoppers have arrived elsewhere, or
   * have left.
   */
  async #restart(): Promise<void> {
    this.#restarting = "";
    this.#say("Rolling restart:");
    this.#happenings.add("restarting", "Rolling restart begins");
    try {
      for (const node of this.#nodes.values()) {
        // One that has ended meanwhile is about to be replaced anyway.
        if (node.state !== "up") continue;
        const moving = this.#servedBy(node);
        this.#restarting = `${node.name} says goodbye to ${moving} shoppers`;
        await node.stop(handoffMsFor(moving), stopTimeoutMs);
        if (this.#stopping) return;
        this.#restarting = `${node.name} starts`;
        await this.#forkOrRetry(node);
        this.#say(`  ${node.name} is new.`);
        await this.#arrivals(node, moving);
        if (this.#stopping) return;
      }
      this.#say("  All nodes are new.");
      this.#happenings.add("restarted", "All nodes are new");
    } catch (error) {
      this.#say(`  The restart stopped: ${String(error)}`);
      this.#happenings.add("restarted", "The restart stopped");
    } finally {
      this.#restarting = undefined;
    }
  }

  /** Resolves when all whom the node's last life served are back, or the rest of them has left. */
  async #arrivals(node: NodeProcess, moving: number): Promise<void> {
    let least = Infinity;
    let leastMs = performance.now();
    const patientUntilMs = leastMs + caughtUpWithinMs;
    for (;;) {
      const awaited = this.#awaited(node);
      const caughtUp = this.#isCaughtUp(node) || performance.now() > patientUntilMs;
      if ((awaited === 0 && caughtUp) || this.#stopping) return;
      // Who hears nothing does not know that nobody comes.
      if (awaited === undefined || awaited === 0 || awaited < least) {
        least = awaited ?? least;
        leastMs = performance.now();
      }
      if (performance.now() - leastMs > nobodyComesMs) return;
      this.#restarting = `${node.name} is new; ${awaited ?? "some"} of ${moving} shoppers are on their way`;
      await new Promise((resolve) => setTimeout(resolve, statusPeriodMs));
    }
  }

  /** Whether the node lists what the others do. */
  #isCaughtUp({ name, report }: NodeProcess): boolean {
    return report?.complete === true && this.#agreement.differsBy(name) === 0;
  }

  /** How many whom the node's past life served are waited for; `undefined` while nobody says. */
  #awaited(node: NodeProcess): number | undefined {
    const { past, name } = node;
    return past === undefined ? 0 : awaitedOf(past.home, name, this.#connectedReports());
  }

  #servedBy(node: NodeProcess): number {
    return servedBy(node.home, node.lastReport?.serves ?? 0, this.#connectedReports());
  }

  #connectedReports(): Map<string, NodeReport> {
    return this.#reports(({ name }) => !this.#cut.has(name));
  }

  #reports(which: (node: NodeProcess) => boolean = () => true): Map<string, NodeReport> {
    const reports = new Map<string, NodeReport>();
    for (const node of this.#nodes.values()) {
      if (node.state === "up" && node.report !== undefined && which(node))
        reports.set(node.name, node.report);
    }
    return reports;
  }

  #tick(): void {
    const reports = this.#reports();
    this.#agreement.read(new Map([...reports].map(([name, { homes }]) => [name, new Map(homes)])));
    if (this.#healed !== undefined && this.#cut.size === 0) this.#lookWhetherHealed(this.#healed, reports);
    this.#tellStatus();
  }

  #lookWhetherHealed(
    { id, sinceMs }: { id: number; sinceMs: number },
    reports: Map<string, NodeReport>,
  ): void {
    const all = [...reports.values()];
    const largest = Math.max(0, ...all.map(({ largestDiff }) => largestDiff));
    const tookMs = performance.now() - sinceMs;
    // A report of before tells nothing.
    if (tookMs < 2 * statusPeriodMs || !this.#agreement.agrees || all.some(({ complete }) => !complete))
      return;
    this.#healed = undefined;
    this.#happenings.conclude(
      id,
      `all nodes agree again after ${seconds(tookMs)}; the largest diff brought ${largest} shoppers at once`,
    );
  }

  #tellCut(): void {
    for (const node of this.#nodes.values()) node.tell({ type: "cut", nodes: [...this.#cut] });
  }

  #tellStatus(): void {
    const status = this.#status();
    for (const node of this.#nodes.values()) {
      if (node.state === "up" || node.state === "departing") node.tell({ type: "status", status });
    }
  }

  #status(): ClusterStatus {
    const restarting = this.#restarting;
    const plain = [...this.#nodes.values()].map((node): NodeStatus => {
      const differsBy = this.#agreement.differsBy(node.name);
      const lacks = this.#agreement.lacks(node.name);
      const awaited = this.#awaited(node);
      return {
        name: node.name,
        run: node.run,
        state: node.state,
        cutOff: this.#cut.has(node.name),
        serves: node.lastReport?.serves ?? 0,
        ...(node.endsInMs !== undefined && { endsInMs: node.endsInMs }),
        ...(node.report !== undefined && { shoppers: node.report.shoppers }),
        ...(differsBy !== undefined && { differsBy, differsNowBy: this.#agreement.differsNowBy(node.name) }),
        ...(lacks !== undefined && { lacks }),
        ...(awaited !== undefined &&
          awaited > 0 &&
          node.past && { awaited: { shoppers: awaited, forgottenInMs: node.past.forgottenInMs } }),
        off: {},
      };
    });
    const nodes = plain.map((node) => {
      const off: Partial<Record<NodeAction, string>> = {};
      for (const action of nodeActions) {
        const why = whyNot(action, node, plain, restarting !== undefined);
        if (why !== undefined) off[action] = why;
      }
      return { ...node, off };
    });
    const noRestart = whyNoRestart(nodes, restarting);
    return {
      nodes,
      links: this.#links(),
      happened: this.#happenings.all,
      ...(restarting !== undefined && { restart: restarting }),
      ...(noRestart !== undefined && { noRestart }),
      ...this.#crowd.present,
    };
  }

  #links(): LinkStatus[] {
    const names = [...this.#nodes.keys()];
    const reports = this.#reports();
    return names.flatMap((one, index) =>
      names.slice(index + 1).map((other): LinkStatus => {
        const frames = (reports.get(one)?.frames[other] ?? 0) + (reports.get(other)?.frames[one] ?? 0);
        const cut = this.#cut.has(one) || this.#cut.has(other);
        return { nodes: [one, other], cut, framesPerSecond: frames };
      }),
    );
  }
}
