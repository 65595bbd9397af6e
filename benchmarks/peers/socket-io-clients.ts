/** Thousands of real Socket.IO clients, in a process of their own. */
import { io, type Socket } from "socket.io-client";
import { serve } from "../harness/remote.js";
import { onlineUser } from "./online-user.js";

const sockets: Socket[] = [];
/** Connecting at the same time; more would only wait for each other. */
const atOnce = 100;

export const socketIoClientCommands = {
  /** Connects users `from` to `to`, in turn to the given ports; returns when all are connected. */
  async connect(ports: readonly number[], from: number, to: number): Promise<void> {
    for (let first = from; first <= to; first += atOnce) {
      const last = Math.min(to, first + atOnce - 1);
      const connecting: Promise<void>[] = [];
      for (let i = first; i <= last; i++) connecting.push(connectOne(ports[i % ports.length] ?? 0, i));
      await Promise.all(connecting);
    }
  },
};

function connectOne(port: number, i: number): Promise<void> {
  const socket = io(`http://127.0.0.1:${port}`, {
    transports: ["websocket"],
    auth: { ...onlineUser(i) },
    forceNew: true,
  });
  sockets.push(socket);
  return new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  });
}

serve(socketIoClientCommands);
