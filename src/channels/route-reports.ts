/**
 * The errors that the routes of broadcasts report: their codes, texts and details. Knows nothing of when they occur, and not how
 * often each is told, which the reports decide.
 */
import { isTrackerError } from "../errors.js";
import type { ErrorReports } from "./error-reports.js";

export function reportTooManyTopics(reports: ErrorReports): void {
  const message =
    "a broadcast went to all nodes: too many topics are broadcast in that have no subscriber here";
  reports.remark("LIMIT_REACHED", message, { limit: "sentTopics" });
}

export function reportForgotten(reports: ErrorReports): void {
  const message = "a broadcast is not kept for nodes that are listed late: too many are routed";
  reports.remark("LIMIT_REACHED", message, { limit: "keptBroadcasts" });
}

export function reportStray(reports: ErrorReports, node: string): void {
  const message =
    "the tracker of `route` does not hear that of another node, whose channel server is heard: they are on different pubsubs; all broadcasts go to all nodes";
  reports.remark("LINK_BROKEN", message, { option: "route", node }, { kind: "route" });
}

export function reportFailure(reports: ErrorReports, cause: unknown): void {
  const code = isTrackerError(cause) ? cause.code : "TRACKER_STOPPED";
  const message = "the tracker of `route` takes nothing any more: all broadcasts go to all nodes";
  reports.report(code, message, { option: "route" }, cause);
}
