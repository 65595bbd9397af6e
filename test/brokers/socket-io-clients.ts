/** Servers of Socket.IO on its adapter for Redis, with each of the two clients. */
import { createAdapter as redisAdapter } from "@socket.io/redis-adapter";
import { Redis as Ioredis } from "ioredis";
import { Server } from "socket.io";
import { socketIoPubSub } from "../../src/adapters/socket-io.js";
import { connectNodeRedis6 } from "./clients.js";
import type { OpenNode } from "./contract-nodes.js";

const retryMs = 30;

export const openSocketIoOverNodeRedis: OpenNode = async (url, nodeName, prefix) => {
  const [publisher, subscriber] = [await connectNodeRedis6(url), await connectNodeRedis6(url)];
  const io = new Server({ adapter: redisAdapter(publisher, subscriber, { key: prefix }) });
  await subscriber.ping();
  const end = async () => [publisher.destroy(), subscriber.destroy()];
  return { node: socketIoPubSub(io, { nodeName }), end };
};

export const openSocketIoOverIoredis: OpenNode = async (url, nodeName, prefix) => {
  const client = () => new Ioredis(url, { retryStrategy: () => retryMs, lazyConnect: true });
  const [publisher, subscriber] = [client(), client()];
  await Promise.all([publisher.connect(), subscriber.connect()]);
  const io = new Server({ adapter: redisAdapter(publisher, subscriber, { key: prefix }) });
  await subscriber.ping();
  const end = async () => [publisher.disconnect(), subscriber.disconnect()];
  return { node: socketIoPubSub(io, { nodeName }), end };
};
