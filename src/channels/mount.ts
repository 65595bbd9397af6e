/**
 * One socket path: who may connect, and which channels its clients find there. Knows no HTTP and no connection.
 */
import { TrackerError } from "../errors.js";
import type { Ref } from "./frames.js";
import type { ChannelHandlers, SocketOptions } from "./handlers.js";
import { validateOriginCheck } from "./origin.js";
import {
  ServerChannel,
  type ChannelConnection,
  type ChannelContext,
  type Route,
  type RunningChannel,
} from "./server-channel.js";

type OpenRoute<SocketAssigns> = (
  topic: string,
  joinRef: Ref,
  connection: ChannelConnection<SocketAssigns>,
) => RunningChannel;

/** A socket path, to add channels to. Made by `ChannelServer.socket`. */
export class SocketMount<SocketAssigns> {
  /** @internal */
  readonly options: SocketOptions<SocketAssigns>;
  readonly #context: ChannelContext;
  readonly #exact = new Map<string, OpenRoute<SocketAssigns>>();
  readonly #prefixes: { readonly prefix: string; readonly open: OpenRoute<SocketAssigns> }[] = [];

  /** @internal */
  constructor(options: SocketOptions<SocketAssigns>, context: ChannelContext) {
    for (const name of ["connect", "id"] as const) {
      if (options[name] !== undefined && typeof options[name] !== "function") {
        throw new TrackerError("INVALID_OPTION", `${name} must be a function`, {
          option: name,
          value: options[name],
        });
      }
    }
    if (options.checkOrigin !== undefined) validateOriginCheck(options.checkOrigin);
    this.options = options;
    this.#context = context;
  }

  /**
   * Adds the channels of a topic (`"lobby"`) or of all topics with a prefix (`"room:*"`). An exact topic wins
   * over a prefix, an earlier prefix over a later one.
   *
   * @throws TrackerError `INVALID_ARGUMENT` for a pattern that is empty, was given before, or has a `*` anywhere
   *   but at its end, and for handlers without a `join`.
   */
  channel<Assigns = undefined>(
    pattern: string,
    handlers: ChannelHandlers<Assigns, SocketAssigns>,
  ): SocketMount<SocketAssigns> {
    const star = typeof pattern === "string" ? pattern.indexOf("*") : -1;
    const known = this.#exact.has(pattern) || this.#prefixes.some(({ prefix }) => `${prefix}*` === pattern);
    if (typeof pattern !== "string" || pattern === "" || known || (star >= 0 && star < pattern.length - 1)) {
      throw new TrackerError(
        "INVALID_ARGUMENT",
        'a channel pattern is a topic such as "lobby" or a prefix such as "room:*", and given once',
        { argument: "pattern", value: pattern },
      );
    }
    if (typeof handlers?.join !== "function") {
      throw new TrackerError("INVALID_ARGUMENT", "channel handlers need a join function", {
        argument: "handlers",
        pattern,
      });
    }
    const route: Route<Assigns, SocketAssigns> = {
      handlers,
      handleIn: new Map(Object.entries(handlers.handleIn ?? {})),
      handleBinary: new Map(Object.entries(handlers.handleBinary ?? {})),
      handleOut: new Map(Object.entries(handlers.handleOut ?? {})),
    };
    const open: OpenRoute<SocketAssigns> = (topic, joinRef, connection) =>
      new ServerChannel(topic, joinRef, connection, route, this.#context);
    if (star < 0) this.#exact.set(pattern, open);
    else this.#prefixes.push({ prefix: pattern.slice(0, -1), open });
    return this;
  }

  /** @internal Makes the channel for a topic, or `undefined` where no pattern matches. */
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
