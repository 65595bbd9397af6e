/**
 * What a tracker counts, as metrics: plain data with names, units and words, for any monitoring system. Names and units
 * are those of Prometheus: base units, `_total` for what only grows. Reads `health()` and nothing else.
 */
import { requireTracker } from "../checks.js";
import type { DurationCounts } from "../durations.js";
import type { Health } from "../tracker/health.js";
import type { MetricsSource } from "./source.js";

/** What tells samples of one metric apart. Every sample has `tracker` and `node`. */
export type MetricLabels = Readonly<Record<string, string>>;

interface MetricWords {
  /** Letters, digits and `_`. What only grows ends in `_total`. */
  readonly name: string;
  readonly help: string;
  /** Of the values: `seconds`, `bytes`, or what is counted. */
  readonly unit: string;
}

/** A number that goes up and down (`gauge`), or only up (`counter`) until the node restarts. */
export interface NumberMetric extends MetricWords {
  readonly kind: "gauge" | "counter";
  readonly samples: readonly { readonly labels: MetricLabels; readonly value: number }[];
}

/** How long something took: how often it was within each bound, how often in all, and the sum. */
export interface HistogramMetric extends MetricWords {
  readonly kind: "histogram";
  readonly samples: readonly {
    readonly labels: MetricLabels;
    readonly buckets: readonly { readonly bound: number; readonly count: number }[];
    readonly count: number;
    readonly sum: number;
  }[];
}

export type Metric = NumberMetric | HistogramMetric;

type Counters = Health["counters"];

/** What one source has of a metric: values by the labels of their own. */
type Values = readonly (readonly [value: number, labels?: MetricLabels])[];

interface NumberDefinition extends MetricWords {
  readonly kind: "gauge" | "counter";
  readonly values: (health: ReturnType<MetricsSource["health"]>) => Values;
}

interface HistogramDefinition extends MetricWords {
  readonly kind: "histogram";
  readonly durations: (health: ReturnType<MetricsSource["health"]>) => DurationCounts | undefined;
}

const one = (value: boolean | number): Values => [[Number(value)]];

/** How many have each value, and 0 for those of `known` that nobody has: a series that vanishes fires no alert. */
function countBy(label: string, values: Iterable<string>, known: readonly string[] = []): Values {
  const counts = new Map<string, number>(known.map((value) => [value, 0]));
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return Array.from(counts, ([value, count]) => [count, { [label]: value }] as const);
}

function gauge(
  name: string,
  unit: string,
  help: string,
  values: NumberDefinition["values"],
): NumberDefinition {
  return { name: `rollcall_${name}`, unit, help, kind: "gauge", values };
}

function counter(
  name: string,
  unit: string,
  help: string,
  counters: (each: Counters) => Values,
): NumberDefinition {
  const values: NumberDefinition["values"] = (health) => counters(health.counters);
  return { name: `rollcall_${name}_total`, unit, help, kind: "counter", values };
}

const DROPPED: Readonly<Record<string, keyof Counters>> = {
  refused: "framesRefused",
  unread: "framesUnread",
  unknownKind: "framesOfUnknownKind",
  late: "framesLate",
  over: "framesOver",
  superseded: "framesSuperseded",
  misaddressed: "framesMisaddressed",
  crowded: "framesCrowded",
  implausible: "framesImplausible",
};

const definitions: readonly (NumberDefinition | HistogramDefinition)[] = [
  gauge("ready", "", "Whether the node has been complete since it started (1 or 0).", ({ ready }) =>
    one(ready),
  ),
  gauge("complete", "", "Whether the node has caught up with every node that is up (1 or 0).", (health) =>
    one(health.complete),
  ),
  gauge("connected", "", "Whether the node is connected and hears itself (1 or 0).", (health) =>
    one(health.connected),
  ),
  gauge(
    "deaf",
    "",
    "Whether the node does not hear itself though the pubsub is connected (1 or 0).",
    (health) => one(health.connection === "deaf"),
  ),
  gauge("replicas", "replicas", "Lives of other nodes that are known, by status.", ({ replicas }) =>
    countBy(
      "status",
      replicas.map(({ status }) => status),
      ["up", "down", "returning", "departing"],
    ),
  ),
  gauge("links", "replicas", "Nodes that are up, by how frames get through.", ({ replicas }) =>
    countBy(
      "link",
      replicas.filter(({ status }) => status === "up").map(({ link }) => link),
      ["whole", "noBroadcasts", "noDirect", "oneWay"],
    ),
  ),
  gauge("versions", "replicas", "Nodes that are up, by the version of their library.", ({ replicas }) =>
    countBy(
      "version",
      replicas.filter(({ status }) => status === "up").map(({ version }) => version ?? "unknown"),
    ),
  ),
  gauge(
    "foreign_nodes",
    "nodes",
    "Nodes that are heard, and of which nothing can be listed: they speak no common version of the protocol, or hold otherwise.",
    ({ foreignNodes }) => one(foreignNodes.length),
  ),
  gauge("lag_dots", "dots", "Changes of nodes that are up, known of and not held yet.", ({ replicas }) =>
    one(replicas.reduce((sum, { status, lagDots }) => (status === "up" ? sum + lagDots : sum), 0)),
  ),
  gauge(
    "silence_seconds",
    "seconds",
    "Time since the most silent node that is up was heard.",
    ({ replicas }) =>
      one(
        replicas.reduce(
          (most, { status, silentMs }) => (status === "up" ? Math.max(most, silentMs) : most),
          0,
        ) / 1_000,
      ),
  ),
  gauge("entries", "entries", "Entries held of other nodes, shown or hidden.", ({ replicas }) =>
    one(replicas.reduce((sum, { entries }) => sum + entries, 0)),
  ),
  gauge("own_entries", "entries", "Entries that this node has tracked.", ({ own }) => one(own.entries)),
  gauge("own_sessions", "sessions", "Sessions of this node that have entries.", ({ own }) =>
    one(own.sessions),
  ),
  gauge("followers", "followers", "Followers of topics, counts and diffs.", ({ followers }) =>
    one(followers),
  ),
  gauge("info", "", "1, labelled with the version of the library and of the protocol.", (health) => [
    [1, { version: health.version, protocol: String(health.protocolVersion) }],
  ]),
  {
    name: "rollcall_self_blamed_seconds_total",
    unit: "seconds",
    help: "Time that the node left out of the silence of others, because it could not hear.",
    kind: "counter",
    values: ({ selfBlamed }) => one(selfBlamed.durationMs / 1_000),
  },
  counter("frames_sent", "frames", "Frames handed to the pubsub.", ({ framesSent }) => one(framesSent)),
  counter("sent_bytes", "bytes", "Bytes of these frames.", ({ bytesSent }) => one(bytesSent)),
  counter("publish_failures", "frames", "Frames that the pubsub refused.", (each) =>
    one(each.publishFailures),
  ),
  counter("frames_received", "frames", "Frames received of other nodes.", (each) => one(each.framesReceived)),
  counter("frames_dropped", "frames", "Frames received and not listened to, by reason.", (each) =>
    Object.entries(DROPPED).map(([reason, name]) => [each[name], { reason }]),
  ),
  counter("frames_with_further_fields", "frames", "Frames that say more than this version reads.", (each) =>
    one(each.framesWithFurtherFields),
  ),
  counter("claims_crowded", "shards", "Shards that were claimed and had no room.", (each) =>
    one(each.claimsCrowded),
  ),
  counter("deltas_merged", "deltas", "Deltas merged.", ({ deltasMerged }) => one(deltasMerged)),
  counter("pages_merged", "pages", "Pages merged.", ({ pagesMerged }) => one(pagesMerged)),
  counter("requests_sent", "requests", "Questions to other nodes.", ({ requestsSent }) => one(requestsSent)),
  counter("rebuilds", "shards", "Slices that were fetched anew.", ({ rebuilds }) => one(rebuilds)),
  counter("divergences", "shards", "Slices that differed from their author's.", (each) =>
    one(each.divergences),
  ),
  counter("closed_session_calls", "calls", "Changes with a session that had closed.", (each) =>
    one(each.closedSessionCalls),
  ),
  counter("invalid_metas", "metas", "Metas of other nodes that did not pass the schema.", (each) =>
    one(each.invalidMetas),
  ),
  {
    name: "rollcall_fetch_failures_total",
    unit: "fetches",
    help: "Fetches of a presence that failed or took too long.",
    kind: "counter",
    values: ({ fetchFailures }) => (fetchFailures === undefined ? [] : one(fetchFailures)),
  },
  {
    name: "rollcall_change_seen_seconds",
    unit: "seconds",
    help: "Time from a change on this node until it was heard again through the pubsub; a sample.",
    kind: "histogram",
    durations: ({ changeToSeen }) => changeToSeen,
  },
  {
    name: "rollcall_fetch_seconds",
    unit: "seconds",
    help: "Time that fetches of a presence took.",
    kind: "histogram",
    durations: ({ fetches }) => fetches,
  },
];

/**
 * All metrics of trackers and presences, as they are now. A presence has all of its tracker's and those of its fetches.
 * It asks each for its `health()`, which costs a few steps for each node that is known and each of its shards.
 *
 * @throws TrackerError `INVALID_ARGUMENT` for a source that is neither.
 */
export function metricsOf(...sources: readonly MetricsSource[]): readonly Metric[] {
  for (const source of sources) requireTracker("source", source);
  const asked = sources.map((source) => ({
    health: source.health(),
    labels: { tracker: source.name, node: source.nodeName },
  }));
  const metrics: Metric[] = [];
  for (const definition of definitions) {
    const { name, unit, help } = definition;
    if (definition.kind === "histogram") {
      const samples = asked.flatMap(({ health, labels }) => {
        const counts = definition.durations(health);
        return counts === undefined ? [] : [{ labels, ...inSeconds(counts) }];
      });
      if (samples.length > 0) metrics.push({ name, unit, help, kind: "histogram", samples });
      continue;
    }
    const samples = asked.flatMap(({ health, labels }) =>
      definition.values(health).map(([value, own]) => ({ labels: { ...labels, ...own }, value })),
    );
    if (samples.length > 0) metrics.push({ name, unit, help, kind: definition.kind, samples });
  }
  return metrics;
}

/** The words of all metrics that there are, without values. */
export function allMetrics(): readonly (MetricWords & { readonly kind: Metric["kind"] })[] {
  return definitions.map(({ name, unit, help, kind }) => ({ name, unit, help, kind }));
}

function inSeconds({
  count,
  totalMs,
  within,
}: DurationCounts): Omit<HistogramMetric["samples"][number], "labels"> {
  const buckets = within.map(({ boundMs, count: atMost }) => ({ bound: boundMs / 1_000, count: atMost }));
  return { buckets, count, sum: totalMs / 1_000 };
}
