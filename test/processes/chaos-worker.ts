/** One process of a chaos run: a tracker on a real pubsub, that does what the driver says and shows what it has. */
import { connect as connectNats } from "@nats-io/transport-node";
import { createClient } from "redis";
import { clusterPubSub } from "../../src/adapters/cluster.js";
import { natsPubSub } from "../../src/adapters/nats.js";
import { redisPubSub } from "../../src/adapters/redis.js";
import { TrackerError } from "../../src/errors.js";
import type { PubSub } from "../../src/pubsub/pubsub.js";
import { DiffFold } from "../../src/testing/diff-fold.js";
import { foldEqualsList, listAll, readsAgree } from "../../src/testing/oracles.js";
import { Session } from "../../src/tracker/session.js";
import { Tracker } from "../../src/tracker/tracker.js";
import {
  entryText,
  sessionName,
  type ChaosCall,
  type ChaosReply,
  type ChaosRequest,
} from "./chaos-messages.js";
import { chaosOptions } from "./chaos-options.js";

interface ChaosMeta {
  readonly version: number;
  /** The session by the driver's name for it. */
  readonly session: string;
}

const name = process.env["CHAOS_NODE"] ?? "";
const life = Number(process.env["CHAOS_LIFE"]);
const url = process.env["CHAOS_PUBSUB"] ?? "cluster";

async function openPubSub(): Promise<PubSub> {
  if (url.startsWith("redis:")) {
    const publisher = createClient({ url }).on("error", () => undefined);
    const subscriber = publisher.duplicate().on("error", () => undefined);
    await Promise.all([publisher.connect(), subscriber.connect()]);
    return redisPubSub({ publisher, subscriber, nodeName: name });
  }
  if (url.startsWith("nats:")) {
    const connection = await connectNats({ servers: new URL(url).host, maxReconnectAttempts: -1 });
    return natsPubSub({ connection, nodeName: name });
  }
  return clusterPubSub({ nodeName: name });
}

const fold = new DiffFold<ChaosMeta>();
const wrong: string[] = [];
const sessions = new Map<number, Session>();

const tracker = await Tracker.start<ChaosMeta>(
  {
    handleDiff(diff) {
      wrong.push(...fold.apply(diff));
    },
  },
  { name: "chaos", pubsub: await openPubSub(), ...chaosOptions },
);
tracker.on("error", (error) => {
  // A pubsub may fail and a killed name may come back; nothing else may go wrong.
  const expected = ["PUBLISH_FAILED", "PUBSUB_UNAVAILABLE", "NAME_CONFLICT"];
  if (!(error instanceof TrackerError) || !expected.includes(error.code)) wrong.push(String(error));
});

function sessionOf(number: number): Session {
  const session = sessions.get(number) ?? new Session();
  sessions.set(number, session);
  return session;
}

function make(call: ChaosCall): Omit<ChaosReply, "chaosReply"> {
  switch (call.do) {
    case "set":
      tracker.set(sessionOf(call.session), call.topic, call.key, {
        version: call.version,
        session: sessionName(name, life, call.session),
      });
      return {};
    case "untrack":
      tracker.untrack(sessionOf(call.session), call.topic, call.key);
      return {};
    case "close":
      sessionOf(call.session).close();
      sessions.delete(call.session);
      return {};
    case "list":
      return {
        entries: listAll(tracker).map(({ topic, entry }) =>
          entryText(topic, entry.key, entry.meta.session, entry.node, entry.meta.version),
        ),
        wrong: [...wrong, ...foldEqualsList(fold, tracker), ...readsAgree(tracker, fold.topics())],
      };
    case "stop":
      void tracker.stop({ handoffMs: call.handoffMs }).then(() => process.exit(0));
      return {};
  }
}

process.on("message", (message: ChaosRequest | { readonly rollcall?: unknown }) => {
  if (!("chaosRequest" in message)) return;
  process.send?.({ chaosReply: message.chaosRequest, ...make(message.call) });
});
process.send?.({ chaosReady: true });
