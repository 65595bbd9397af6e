import { WebSocket } from "ws";

/** Opens a socket at a path as no page would, and waits for its first message or its end. */
export async function knock(
  origin: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const socket = new WebSocket(origin.replace(/^http/, "ws") + path, { headers });
  await new Promise((resolve) => {
    for (const event of ["close", "error", "message"]) socket.once(event, resolve);
  });
  socket.terminate();
}
