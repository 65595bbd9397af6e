/**
 * The checks of what channels are called with, beside those of the server's options: handlers, names, and what a channel
 * follows. Behind this border it is trusted. Pure.
 */
import {
  booleanOption,
  durationOption,
  functionOption,
  hasFunctions,
  isPlain,
  looked,
  requireFunction,
  requireText,
  wholeOption,
  wrongArgument,
  wrongOption,
} from "../checks.js";
import { requireKnownOptions } from "../known-names.js";
import type { ChannelHandlers, FollowCountsOptions, FollowOptions, SocketOptions } from "./handlers.js";
import { validateOriginCheck } from "./origin.js";

const socketOptionNames: Readonly<Record<keyof SocketOptions<unknown>, true>> = {
  connect: true,
  id: true,
  checkOrigin: true,
  longPoll: true,
};

const handlerNames: Readonly<Record<keyof ChannelHandlers, true>> = {
  join: true,
  joined: true,
  graceMs: true,
  handleIn: true,
  handleBinary: true,
  handleOut: true,
  handleInfo: true,
  terminate: true,
};

const followOptionNames: Readonly<Record<keyof FollowOptions, true>> = { events: true, limit: true };

const eventNames: Readonly<Record<keyof FollowEvents, true>> = {
  state: true,
  diff: true,
  rest: true,
};

const followCountOptionNames: Readonly<Record<keyof FollowCountsOptions, true>> = {
  event: true,
  periodMs: true,
};

/** @throws TrackerError `INVALID_OPTION` */
export function requireSocketOptions<SocketAssigns>(options: SocketOptions<SocketAssigns>): void {
  looked("INVALID_OPTION", "options", () => {
    requireKnownOptions(options, socketOptionNames);
    for (const name of ["connect", "id"] as const) functionOption(name, options[name]);
    if (options.checkOrigin !== undefined) validateOriginCheck(options.checkOrigin);
    if (options.longPoll !== undefined) booleanOption("longPoll", options.longPoll);
  });
}

/**
 * The handlers of events by name. A class instance may have other members beside the handlers; what was written for them
 * alone may not.
 *
 * @throws TrackerError `INVALID_ARGUMENT`, or `INVALID_OPTION` for a name that nobody calls and a `graceMs` that is no
 *   time.
 */
export function requireHandlers<Assigns, SocketAssigns>(handlers: ChannelHandlers<Assigns, SocketAssigns>) {
  return looked("INVALID_ARGUMENT", "handlers", () => {
    // A list has a `join` of its own.
    const isObject = typeof handlers === "object" && handlers !== null && !(Symbol.iterator in handlers);
    if (!isObject || typeof handlers.join !== "function")
      throw wrongArgument("handlers", handlers, "an object with at least the function `join`");
    if (isPlain(handlers)) requireKnownOptions(handlers, handlerNames);
    for (const name of ["joined", "handleInfo", "terminate"] as const)
      if (handlers[name] !== undefined) requireFunction(`handlers.${name}`, handlers[name]);
    if (handlers.graceMs !== undefined) durationOption("graceMs", handlers.graceMs, 0);
    return {
      handleIn: handlersByEvent("handlers.handleIn", handlers.handleIn),
      handleBinary: handlersByEvent("handlers.handleBinary", handlers.handleBinary),
      handleOut: handlersByEvent("handlers.handleOut", handlers.handleOut),
    };
  });
}

/** Of a Map, and of what has its functions from its class, none would be found. */
function handlersByEvent<Handler>(
  name: string,
  handlers: { readonly [event: string]: Handler } | undefined,
): ReadonlyMap<string, Handler> {
  if (handlers === undefined) return new Map();
  return looked("INVALID_ARGUMENT", name, () => {
    const isObject = typeof handlers === "object" && handlers !== null && !(Symbol.iterator in handlers);
    if (!isObject || !(isPlain(handlers) || Object.keys(handlers).length > 0))
      throw wrongArgument(name, handlers, "an object with a function of its own for each event");
    const found = Object.entries(handlers).filter(([, handler]) => handler !== undefined);
    for (const [event, handler] of found) requireFunction(`${name}.${event}`, handler);
    return new Map(found);
  });
}

/** What a channel follows, as it was when it was checked. @throws TrackerError `INVALID_ARGUMENT`, `INVALID_OPTION` */
export function checkFollow(presence: unknown, topic: unknown, options: FollowOptions): FollowOptions {
  requireSource(presence, "forward");
  requireText("topic", topic);
  return looked("INVALID_OPTION", "options", () => {
    requireKnownOptions(options, followOptionNames);
    const { events, limit } = options;
    if (limit !== undefined) wholeOption("limit", limit, 1, Infinity);
    return events === undefined ? { limit } : { limit, events: checkEvents(events) };
  });
}

type FollowEvents = NonNullable<FollowOptions["events"]>;

function checkEvents(events: FollowEvents): FollowEvents {
  return looked("INVALID_OPTION", "events", () => {
    if (typeof events !== "object" || events === null)
      throw wrongOption("events", events, "an object with the texts `state` and `diff`");
    const { state, diff, rest } = events;
    textOption("events.state", state);
    textOption("events.diff", diff);
    if (rest !== undefined) textOption("events.rest", rest);
    requireKnownOptions(events, eventNames);
    return { state, diff, rest };
  });
}

/** As {@link checkFollow}. */
export function checkFollowCount(
  presence: unknown,
  topic: unknown,
  options: FollowCountsOptions,
): FollowCountsOptions {
  requireSource(presence, "followCount");
  requireText("topic", topic);
  return looked("INVALID_OPTION", "options", () => {
    requireKnownOptions(options, followCountOptionNames);
    const { event, periodMs } = options;
    if (event !== undefined) textOption("event", event);
    if (periodMs !== undefined) durationOption("periodMs", periodMs, 0);
    return { event, periodMs };
  });
}

/** @throws TrackerError `INVALID_ARGUMENT` for what is no presence, nor anything like one. */
function requireSource(presence: unknown, method: "forward" | "followCount"): void {
  looked("INVALID_ARGUMENT", "presence", () => {
    const given = Object(presence) as Readonly<Record<string, unknown>>;
    if (typeof given[method] !== "function")
      throw wrongArgument("presence", presence, `a Presence, or what else has \`${method}\``);
  });
}

function textOption(option: string, value: unknown): void {
  if (typeof value !== "string") throw wrongOption(option, value, "a text");
}

/** @throws TrackerError `INVALID_ARGUMENT` for what does not emit requests as an HTTP server of Node does. */
export function requireServer(httpServer: unknown): void {
  looked("INVALID_ARGUMENT", "httpServer", () => {
    if (hasFunctions(httpServer, ["on", "off", "listeners"])) return;
    throw wrongArgument("httpServer", httpServer, "an HTTP server of Node, such as createServer() returns");
  });
}
