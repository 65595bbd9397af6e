/**
 * One socket path: who may connect, and which channels its clients find there. Knows no HTTP and no connection.
 */
import { TrackerError } from "../errors.js";
import type { ChannelConnection, ChannelContext, Route, RunningChannel } from "./channel-context.js";
import { requireHandlers, requireSocketOptions } from "./checks.js";
import type { Ref } from "./frames.js";
import type { ChannelSource } from "./connection.js";
import type { ChannelHandlers, SocketMount, SocketOptions } from "./handlers.js";
import { ServerChannel } from "./server-channel.js";

type OpenRoute<SocketAssigns> = (
  topic: string,
  joinRef: Ref,
  connection: ChannelConnection<SocketAssigns>,
) => RunningChannel;

export class Mount<SocketAssigns> implements SocketMount<SocketAssigns>, ChannelSource<SocketAssigns> {
  readonly options: SocketOptions<SocketAssigns>;
  readonly #context: ChannelContext;
  readonly #exact = new Map<string, OpenRoute<SocketAssigns>>();
  readonly #prefixes: { readonly prefix: string; readonly open: OpenRoute<SocketAssigns> }[] = [];

  /** @throws TrackerError `INVALID_OPTION`. */
  constructor(options: SocketOptions<SocketAssigns>, context: ChannelContext) {
    requireSocketOptions(options);
    this.options = options;
    this.#context = context;
  }

  channel<Assigns = undefined>(
    pattern: string,
    handlers: ChannelHandlers<Assigns, SocketAssigns>,
  ): Mount<SocketAssigns> {
    const star = typeof pattern === "string" ? pattern.indexOf("*") : -1;
    const known = this.#exact.has(pattern) || this.#prefixes.some(({ prefix }) => `${prefix}*` === pattern);
    if (typeof pattern !== "string" || pattern === "" || known || (star >= 0 && star < pattern.length - 1)) {
      throw new TrackerError(
        "INVALID_ARGUMENT",
        'a channel pattern is a topic such as "lobby" or a prefix such as "room:*", and given once',
        { argument: "pattern", value: pattern },
      );
    }
    const route: Route<Assigns, SocketAssigns> = { handlers, ...requireHandlers(handlers) };
    const open: OpenRoute<SocketAssigns> = (topic, joinRef, connection) =>
      new ServerChannel(topic, joinRef, connection, route, this.#context);
    if (star < 0) this.#exact.set(pattern, open);
    else this.#prefixes.push({ prefix: pattern.slice(0, -1), open });
    return this;
  }

  open(
    topic: string,
    joinRef: Ref,
    connection: ChannelConnection<SocketAssigns>,
  ): RunningChannel | undefined {
    const open =
      this.#exact.get(topic) ?? this.#prefixes.find(({ prefix }) => topic.startsWith(prefix))?.open;
    return open?.(topic, joinRef, connection);
  }
}
