/**
 * The pubsubs that are measured between processes: each as the adapter under test, and as the bare client
 * beneath it, which is the floor.
 */
import { connect as connectNats } from "@nats-io/transport-node";
import { createClient } from "redis";
import { clusterPubSub } from "../../src/adapters/cluster.js";
import { natsPubSub } from "../../src/adapters/nats.js";
import { redisPubSub } from "../../src/adapters/redis.js";
import type { PubSub } from "../../src/pubsub/pubsub.js";

export const transportKinds = ["cluster", "redis", "nats"] as const;
export type TransportKind = (typeof transportKinds)[number];

/** The client without the adapter: text to everybody, and nothing else. */
interface BareClient {
  publish(text: string): void;
  /** Hears what everybody publishes; with some clients also this process itself. */
  subscribe(receive: (text: string) => void): Promise<void>;
}

export interface Transport {
  readonly pubsub: PubSub;
  readonly bare: BareClient;
}

/** What a worker sends to the primary to have it relayed to the other workers, for the floor of the IPC. */
export interface BareRelayed {
  readonly bareText: string;
}

const bareChannel = "bench.bare";

/** @throws the client's error if the broker does not answer. */
export async function openTransport(kind: TransportKind, url: string, nodeName: string): Promise<Transport> {
  if (kind === "cluster") return { pubsub: clusterPubSub({ nodeName }), bare: bareIpc() };
  if (kind === "redis") return openRedis(url, nodeName);
  return openNats(url, nodeName);
}

function bareIpc(): BareClient {
  return {
    publish: (bareText) => void process.send?.({ bareText } satisfies BareRelayed),
    async subscribe(receive) {
      process.on("message", (message) => {
        if (isBareRelayed(message)) receive(message.bareText);
      });
    },
  };
}

export function isBareRelayed(message: unknown): message is BareRelayed {
  return typeof message === "object" && message !== null && "bareText" in message;
}

async function openRedis(url: string, nodeName: string): Promise<Transport> {
  const publisher = createClient({ url });
  const subscriber = publisher.duplicate();
  // The adapter reports what goes wrong; a client without a listener would end the process.
  for (const client of [publisher, subscriber]) client.on("error", () => undefined);
  await Promise.all([publisher.connect(), subscriber.connect()]);
  return {
    pubsub: redisPubSub({ publisher, subscriber, nodeName }),
    bare: {
      publish: (text) => void publisher.publish(bareChannel, text),
      subscribe: (receive) => subscriber.subscribe(bareChannel, receive),
    },
  };
}

async function openNats(url: string, nodeName: string): Promise<Transport> {
  const connection = await connectNats({ servers: url, maxReconnectAttempts: -1, noEcho: false });
  return {
    pubsub: natsPubSub({ connection, nodeName }),
    bare: {
      publish: (text) => connection.publish(bareChannel, text),
      async subscribe(receive) {
        connection.subscribe(bareChannel, {
          callback: (error, message) => {
            if (error === null) receive(message.string());
          },
        });
        await connection.flush();
      },
    },
  };
}
