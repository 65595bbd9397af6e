/**
 * One of several Socket.IO servers that share a Redis, as its documentation sets them up: every socket is in
 * one room and carries its user. A process of its own, asked over IPC.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { serve } from "../harness/remote.js";
import { machineMs } from "../harness/machine-clock.js";
import { room, type OnlineUser } from "./online-user.js";

/** What came of asking who is online. */
export interface Who {
  readonly tookMs: number;
  readonly users: number | undefined;
  readonly error?: string;
}

let server: Server<never, never, never, { user: OnlineUser }> | undefined;

export const socketIoCommands = {
  /** Listens; returns the port. */
  async listen(redisUrl: string): Promise<number> {
    const publisher = createClient({ url: redisUrl });
    const subscriber = publisher.duplicate();
    await Promise.all([publisher.connect(), subscriber.connect()]);
    const http = createServer();
    server = new Server(http, { transports: ["websocket"], adapter: createAdapter(publisher, subscriber) });
    server.on("connection", (socket) => {
      socket.data.user = socket.handshake.auth as OnlineUser;
      void socket.join(room);
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    return (http.address() as AddressInfo).port;
  },

  /** Who is online, on all servers. */
  async who(): Promise<Who> {
    const startedMs = machineMs();
    try {
      const sockets = await server?.in(room).fetchSockets();
      const users = sockets?.map(({ data }) => data.user);
      return { tookMs: machineMs() - startedMs, users: users?.length };
    } catch (error) {
      return { tookMs: machineMs() - startedMs, users: undefined, error: String(error) };
    }
  },
};

serve(socketIoCommands);
