/**
 * The driver of the chaos: commands and faults for a handful of processes, drawn from one seed, and the record
 * of what they must list when it is quiet again. The same seed gives the same plan; what becomes of it depends
 * on the machine too, since these are real processes.
 */
import type { ChildProcess } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { setupPrimary, type Relay } from "../../src/adapters/cluster.js";
import { SeededRandom } from "../../src/testing/random.js";
import { rollingDeploy, type Place } from "./deploy.js";
import { drawFault, drawOutageMs, type Fault } from "./faults.js";
import { Member, type MemberListener } from "./member.js";
import { machineMs, type Notice, type Step } from "./messages.js";
import type { ChaosOptions, ChaosOutcome } from "./options.js";
import { differences, type Listing } from "./settle.js";
import { watchStalls } from "./stalls.js";
import { everyone, lifeIdOf, Timeline, type DownReport, type Suspicion } from "./timeline.js";

const eventsKept = 400;
const failuresKept = 40;
/** From one burst of commands to the next. */
const burstPauseMs = { low: 5, high: 60 };
/** How long a cluster may take to be right when it is left alone, beside a few down periods: machines are busy. */
const settlePatienceMs = 60_000;
const settlePollMs = 100;
const poolSizes = [1, 4, 7];
const lingersMs = [0, 500, "auto"] as const;

/** Runs chaos. Every process has ended when this resolves. */
export async function runChaos(options: ChaosOptions): Promise<ChaosOutcome> {
  return new Chaos(options).run();
}

class Chaos {
  readonly #options: ChaosOptions;
  readonly #random: SeededRandom;
  readonly #commandRandom: SeededRandom;
  readonly #timeline = new Timeline();
  readonly #downs: DownReport[] = [];
  readonly #suspicions: Suspicion[] = [];
  readonly #failures: string[] = [];
  readonly #events: string[] = [];
  readonly #stop = new AbortController();
  readonly #places: Place[];
  readonly #children = new Set<ChildProcess>();
  readonly #processes: number[] = [];
  readonly #starting = new Set<Promise<unknown>>();
  readonly #prefix = `chaos-${process.pid}`;
  readonly #beganMs = machineMs();
  readonly #counts = {
    commands: 0,
    kill: 0,
    killAndRename: 0,
    freeze: 0,
    longFreeze: 0,
    leave: 0,
    leaveAtOnce: 0,
    brokerKill: 0,
    checkpoint: 0,
    deploy: 0,
    moves: 0,
    entries: 0,
    follows: 0,
  };
  readonly #listener: MemberListener;
  #relay: Relay | undefined;
  #outage: Promise<void> | undefined;
  #chaosMs = 0;
  #isEnding = false;
  #revisions = 0;
  #logged = { text: "", times: 0 };

  constructor(options: ChaosOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#commandRandom = this.#random.fork("commands");
    this.#places = Array.from({ length: options.nodes }, (_, index) => {
      return { index, member: undefined, isDisturbed: false, nodeName: `node-${index + 1}` };
    });
    this.#listener = {
      forked: (child) => this.#forked(child),
      said: (member, notice) => this.#said(member, notice),
      died: (_member, why) => this.#fail(why),
    };
  }

  async run(): Promise<ChaosOutcome> {
    const { signal, durationMs, checkpointPeriodMs, broker } = this.#options;
    const abort = (): void => {
      this.#isEnding = true;
      this.#stop.abort();
      // Also those that are being started: nobody waits for them.
      this.#endAll();
    };
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted === true) abort();
    process.on("exit", this.#endAll);
    const unwatch = watchStalls((fromMs, untilMs) => this.#timeline.silentSpan(everyone, fromMs, untilMs));
    if (broker === undefined) this.#relay = setupPrimary();
    try {
      await Promise.all(this.#places.map((place) => this.#start(place)));
      while (this.#chaosMs < durationMs && !this.#stop.signal.aborted) {
        await this.#segment(Math.min(checkpointPeriodMs, durationMs - this.#chaosMs));
        await this.#settle();
        this.#compared();
        const { deployEvery } = this.#options;
        if (deployEvery > 0 && this.#counts.checkpoint % deployEvery === 0) await this.#deploy();
      }
    } catch (error) {
      this.#failedBy(error);
    } finally {
      this.#isEnding = true;
      this.#stop.abort();
      await Promise.all([...this.#children].map(ended));
      process.off("exit", this.#endAll);
      signal?.removeEventListener("abort", abort);
      unwatch();
      this.#relay?.close();
    }
    return {
      failures: this.#failures,
      events: this.#events,
      counts: this.#counts,
      processes: this.#processes,
    };
  }

  /** Chaos for a while; when it resolves every place has its process, which runs, and no command is on its way. */
  async #segment(durationMs: number): Promise<void> {
    const untilMs = machineMs() + durationMs;
    const baseMs = this.#chaosMs;
    const { progress } = this.#options;
    const bar = setInterval(() => {
      progress?.(baseMs + durationMs - Math.max(0, untilMs - machineMs()), this.#counts);
    }, 250);
    // All are waited for, also when the run is given up: none may start a process afterwards.
    const work = [this.#command(untilMs), this.#disturb(untilMs), this.#breakBroker(durationMs)];
    await Promise.all(work.map((each) => each.catch((error: unknown) => this.#failedBy(error))));
    clearInterval(bar);
    this.#stop.signal.throwIfAborted();
    await this.#commandAll();
    this.#chaosMs += durationMs;
    progress?.(this.#chaosMs, this.#counts);
  }

  /** Random changes on random nodes, in bursts, one at a time per node. */
  async #command(untilMs: number): Promise<void> {
    const random = this.#commandRandom;
    while (machineMs() < untilMs) {
      const { member } = random.pick(this.#places);
      const count = random.chance(0.1) ? random.integer(10, 40) : random.integer(1, 4);
      if (member !== undefined && !member.isBusy) this.#burst(member, count);
      await this.#pause(random.between(burstPauseMs.low, burstPauseMs.high));
    }
    for (const { member } of this.#places) await member?.answered();
  }

  /** A life that began a moment ago has something to be compared by, too. */
  async #commandAll(): Promise<void> {
    const members = this.#places.flatMap(({ member }) => member ?? []);
    for (const member of members) this.#burst(member, this.#commandRandom.integer(20, 40));
    for (const member of members) await member.answered();
  }

  #burst(member: Member, count: number): void {
    const steps = member.record.plan(this.#commandRandom, count, this.#nextRevision);
    this.#perform(member, steps).catch((error: Error) => this.#fail(error.message));
  }

  async #perform(member: Member, steps: readonly Step[]): Promise<void> {
    const results = await member.run(steps);
    if (results === undefined) return;
    this.#counts.commands += results.length;
    for (const wrong of member.record.confirm(results)) this.#fail(wrong);
  }

  /** No fault is at work. */
  async #deploy(): Promise<void> {
    this.#log("a rolling deploy");
    await rollingDeploy({
      places: this.#places,
      holds: this.#options.holds,
      random: this.#random.fork(`deploy ${this.#counts.deploy}`),
      perform: (member, steps) => this.#perform(member, steps),
      leave: (place, handoffMs) => this.#leave(place, handoffMs),
      start: (place) => this.#start(place),
      settle: () => this.#settle(),
      pause: (durationMs) => this.#pause(durationMs),
      nextRevision: this.#nextRevision,
      moved: (count) => (this.#counts.moves += count),
      fail: (text) => this.#fail(text),
    });
    this.#counts.deploy += 1;
  }

  readonly #nextRevision = (): number => (this.#revisions += 1);

  /** Random faults on random nodes, at most on a few at once. */
  async #disturb(untilMs: number): Promise<void> {
    const random = this.#random.fork(`faults ${this.#counts.checkpoint}`);
    const { periods, nodes } = this.#options;
    const active = new Set<Promise<void>>();
    try {
      while (machineMs() < untilMs) {
        await this.#pause(random.between(0.3, 1.3) * periods.downPeriodMs);
        const calm = this.#places.filter(({ isDisturbed }) => !isDisturbed);
        const fault = drawFault(random, periods);
        if (nodes - calm.length >= Math.ceil(nodes / 2) || machineMs() > untilMs) continue;
        const inflicted = this.#inflict(random.pick(calm), fault);
        active.add(inflicted);
        void inflicted.finally(() => active.delete(inflicted));
      }
    } finally {
      await Promise.all(active);
    }
  }

  async #inflict(place: Place, fault: Fault): Promise<void> {
    const { member } = place;
    if (member === undefined) return;
    place.isDisturbed = true;
    try {
      this.#counts[fault.kind] += 1;
      this.#log(`${fault.kind} of ${member.nodeName} for ${Math.round(fault.durationMs)} ms`);
      switch (fault.kind) {
        case "freeze":
        case "longFreeze":
          await this.#freeze(member, fault.durationMs);
          break;
        case "leave":
        case "leaveAtOnce":
          await this.#leave(place, fault.kind === "leave" ? undefined : 0);
          await this.#restart(place, fault.durationMs);
          break;
        case "kill":
        case "killAndRename":
          place.member = undefined;
          this.#timeline.ended(member.lifeId, machineMs());
          await member.kill();
          if (fault.kind === "killAndRename") place.nodeName = this.#nextName(place);
          await this.#restart(place, fault.durationMs);
          break;
        default:
          fault.kind satisfies never;
      }
    } catch (error) {
      this.#failedBy(error);
    } finally {
      place.isDisturbed = false;
    }
  }

  async #freeze(member: Member, durationMs: number): Promise<void> {
    const goesOn = this.#timeline.silentFrom(member.lifeId, machineMs());
    member.freeze();
    try {
      await this.#pause(durationMs);
    } finally {
      member.thaw();
      goesOn(machineMs());
    }
    this.#log(`${member.nodeName} goes on`);
  }

  async #leave(place: Place, handoffMs: number | undefined): Promise<void> {
    const { member } = place;
    if (member === undefined) return;
    place.member = undefined;
    await member.answered();
    this.#timeline.ended(member.lifeId, machineMs());
    await member.leave(handoffMs);
  }

  async #restart(place: Place, afterMs: number): Promise<void> {
    await this.#pause(afterMs);
    await this.#start(place);
  }

  #nextName({ index, nodeName }: Place): string {
    const generation = Number(/^node-\d+-(\d+)$/.exec(nodeName)?.[1] ?? 1);
    return `node-${index + 1}-${generation + 1}`;
  }

  /** Waits for the broker if that is down: a client cannot begin without it. */
  async #start(place: Place): Promise<void> {
    while (this.#outage !== undefined) await this.#outage;
    this.#stop.signal.throwIfAborted();
    const { periods, clients, broker, holds } = this.#options;
    const random = this.#random.fork(`${place.nodeName} ${this.#revisions}`);
    const started = Member.start(
      {
        nodeName: place.nodeName,
        client: clients[place.index % clients.length] ?? "cluster",
        url: broker?.url.href ?? "",
        prefix: this.#prefix,
        holds,
        poolSize: random.pick(poolSizes),
        followLingerMs: random.pick(lingersMs),
        periods,
      },
      this.#listener,
    );
    this.#starting.add(started);
    try {
      place.member = await started;
    } finally {
      this.#starting.delete(started);
    }
    this.#log(`${place.nodeName} runs: ${place.member.lifeId}, process ${place.member.pid}`);
  }

  /** Kills the broker once in each segment, for longer than a down period. */
  async #breakBroker(durationMs: number): Promise<void> {
    const { broker, periods } = this.#options;
    if (broker?.ours !== true) return;
    const random = this.#random.fork(`broker ${this.#counts.checkpoint}`);
    await this.#pause(random.between(0.2, 0.5) * durationMs);
    while (this.#starting.size > 0) await Promise.allSettled(this.#starting);
    let over: () => void = () => {};
    this.#outage = new Promise((resolve) => (over = resolve));
    try {
      const outageMs = drawOutageMs(random, periods);
      this.#log(`the broker is killed for ${Math.round(outageMs)} ms`);
      this.#counts.brokerKill += 1;
      await broker.kill();
      await this.#pause(outageMs);
      await broker.start();
      this.#log("the broker is back");
    } finally {
      this.#outage = undefined;
      over();
    }
  }

  /** Nobody disturbs any more: all lists must become the record, and stay so. */
  async #settle(): Promise<void> {
    const { periods } = this.#options;
    const untilMs = machineMs() + settlePatienceMs + 4 * periods.downPeriodMs;
    this.#log("quiet");
    for (;;) {
      const listing = await this.#listing();
      const wrong = differences(listing);
      if (wrong.length === 0) {
        // Quiet is quiet: two heartbeats later nobody has been told of any change.
        await this.#pause(2 * periods.heartbeatPeriodMs);
        const later = await this.#listing();
        const changed = differences(later);
        const diffs = (each: Listing): string => each.reports.map(({ report }) => report.diffs).join();
        if (changed.length > 0) this.#fail(`Right, and wrong two heartbeats later:\n${changed.join("\n")}`);
        else if (diffs(listing) === diffs(later)) break;
        wrong.push("diffs are still delivered");
      }
      if (machineMs() > untilMs) this.#fail(`Not settled:\n${wrong.join("\n")}`);
      await this.#pause(settlePollMs);
    }
    for (const report of this.#downs.splice(0)) {
      const complaint = this.#timeline.complaint(report, periods);
      if (complaint !== undefined) this.#fail(`${this.#secondsAt(report.atMs)} ${complaint}`);
    }
    for (const suspicion of this.#suspicions.splice(0)) {
      const alarm = this.#timeline.falseAlarm(suspicion, periods);
      if (alarm !== undefined) this.#fail(`${this.#secondsAt(suspicion.atMs)} ${alarm}`);
    }
    this.#log("all lists equal the record");
  }

  #compared(): void {
    const records = this.#places.flatMap(({ member }) => member?.record ?? []);
    this.#counts.checkpoint += 1;
    this.#counts.entries = records.flatMap((record) => record.lines()).length;
    this.#counts.follows = records.flatMap((record) => record.follows).length;
  }

  async #listing(): Promise<Listing> {
    this.#stop.signal.throwIfAborted();
    const members = this.#places.flatMap(({ member }) => member ?? []);
    const truth = members.flatMap(({ record }) => record.lines());
    const holdsEverything = this.#options.holds === "everything";
    const reports = await Promise.all(
      members.map(async (member) => {
        const { follows } = member.record;
        const listed = new Set(follows);
        const expected = truth.filter(({ topic }) => holdsEverything || listed.has(topic));
        return {
          nodeName: member.nodeName,
          expected: expected.map(({ line }) => line),
          follows,
          report: await member.report(),
        };
      }),
    );
    return { reports };
  }

  #forked(child: ChildProcess): void {
    this.#children.add(child);
    if (child.pid !== undefined) this.#processes.push(child.pid);
    child.once("exit", () => this.#children.delete(child));
    this.#relay?.attach(child);
  }

  #said(member: Member, notice: Notice): void {
    switch (notice.notice) {
      case "ready":
        return;
      case "violation":
        return this.#fail(`${member.nodeName}: ${notice.text}`);
      case "pubsubError":
        if (this.#options.broker === undefined) this.#fail(`${member.nodeName}: ${notice.text}`);
        else this.#log(`${member.nodeName}: ${notice.text}`);
        return;
      case "suspicion":
        this.#log(`${member.nodeName}: ${notice.text}`, notice.atMs);
        this.#suspicions.push({ text: `${member.nodeName}: ${notice.text}`, atMs: notice.atMs });
        return;
      case "stalled":
        return this.#timeline.silentSpan(member.lifeId, notice.fromMs, notice.untilMs);
      case "status":
        this.#log(`${member.nodeName} is ${notice.connected ? "connected" : "disconnected"}`, notice.atMs);
        return this.#timeline.status(member.lifeId, notice.connected, notice.atMs);
      case "replicaDown": {
        const lifeId = lifeIdOf(notice.name, notice.incarnation);
        this.#log(`${member.nodeName} calls ${lifeId} down`, notice.atMs);
        this.#downs.push({ observer: member.lifeId, lifeId, atMs: notice.atMs });
        return;
      }
      default:
        notice satisfies never;
    }
  }

  /** The first failure ends the run: what follows from it would only hide it. */
  #fail(text: string): void {
    if (this.#isEnding) return;
    this.#log(`FAILED: ${text.split("\n")[0]}`);
    if (this.#failures.length < failuresKept) this.#failures.push(text);
    this.#stop.abort();
  }

  /** That the run was given up is no failure of its own. */
  #failedBy(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  /** What is said many times in a row, as by a client whose broker is gone, stands there once. */
  #log(text: string, atMs = machineMs()): void {
    if (text === this.#logged.text) {
      this.#events.pop();
      this.#logged.times += 1;
    } else this.#logged = { text, times: 1 };
    const { times } = this.#logged;
    this.#events.push(`${this.#secondsAt(atMs)} ${text}${times > 1 ? ` (${times} times)` : ""}`);
    if (this.#events.length > eventsKept) this.#events.shift();
  }

  #secondsAt(atMs: number): string {
    return `${((atMs - this.#beganMs) / 1_000).toFixed(3)} s`;
  }

  async #pause(durationMs: number): Promise<void> {
    await pause(durationMs, undefined, { signal: this.#stop.signal });
  }

  /** Does not wait. */
  readonly #endAll = (): void => {
    for (const child of this.#children) child.kill("SIGKILL");
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exit;
}
