/**
 * Whether a web page of some origin may connect. A browser sends cookies with a WebSocket handshake to any
 * site, so without this check every page on the web could act as the visitor. Pure.
 */
import type { IncomingMessage } from "node:http";
import { looked, wrongOption } from "../checks.js";
import type { OriginCheck } from "./handlers.js";

/** What a browser sends for a page without an origin. */
const NO_ORIGIN = "null";

/** @throws TrackerError `INVALID_OPTION` for a check that could never match. */
export function validateOriginCheck(check: OriginCheck): OriginCheck {
  if (typeof check === "boolean" || typeof check === "function") return check;
  const isList = looked("INVALID_OPTION", "checkOrigin", () => Array.isArray(check));
  if (isList && check.every(isOriginPattern)) return check;
  const expected = 'a boolean, a function or a list of origins such as "https://shop.example" or "null"';
  throw wrongOption("checkOrigin", check, expected);
}

/**
 * Applies a check to a request. No `Origin` header means no browser, or one that asks its own server, and passes;
 * unless it says that another site asks, as with a picture whose address is that of a long poll. Returns what a check
 * that is a function returned, which only allows where it is `true`; throws what it throws.
 */
export function askOrigin(check: OriginCheck, request: IncomingMessage): unknown {
  const { origin, host } = request.headers;
  if (check === false) return true;
  if (origin === undefined) return request.headers["sec-fetch-site"] !== "cross-site";
  if (typeof check === "function") return check(origin, request) as unknown;
  if (origin === NO_ORIGIN) return check !== true && check.includes(NO_ORIGIN);
  const url = parseUrl(origin);
  if (!url) return false;
  if (check === true) {
    // A page that came unencrypted is another origin than this server, which somebody may have put in its place.
    if (isEncrypted(request) && url.protocol !== "https:") return false;
    // Read with the origin's scheme, so that `https://a` and `a:443` are the same host.
    return host !== undefined && parseUrl(`${url.protocol}//${host}`)?.host === url.host;
  }
  return check.some((pattern) => matches(pattern, url));
}

function matches(pattern: string, origin: URL): boolean {
  const wildcard = "://*.";
  const at = pattern.indexOf(wildcard);
  if (at < 0) {
    const exact = parseUrl(pattern);
    return exact !== undefined && exact.protocol === origin.protocol && exact.host === origin.host;
  }
  const base = parseUrl(`${pattern.slice(0, at)}://${pattern.slice(at + wildcard.length)}`);
  return (
    base !== undefined &&
    base.protocol === origin.protocol &&
    base.port === origin.port &&
    !origin.hostname.startsWith(".") &&
    origin.hostname.endsWith(`.${base.hostname}`)
  );
}

/** Any scheme: the pages of packed applications and extensions have their own. */
function isOriginPattern(value: unknown): boolean {
  if (value === NO_ORIGIN) return true;
  return (
    typeof value === "string" &&
    /^[a-z][a-z\d+.-]*:\/\/(\*\.)?[^/*?#@]+$/i.test(value) &&
    URL.canParse(value.replace("*.", ""))
  );
}

function isEncrypted(request: IncomingMessage): boolean {
  return (request.socket as { readonly encrypted?: boolean }).encrypted === true;
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}
