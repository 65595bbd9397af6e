/** A quick way to know a frame of one life among many others. */
import type { Life } from "../life.js";
import { decodeFrame } from "./codec.js";

/** Whether a payload is a frame of that life. Never throws. */
export function isFrameOf({ name, incarnation }: Life, payload: unknown): payload is string {
  if (typeof payload !== "string" || !payload.includes(incarnation)) return false;
  const { frame } = decodeFrame(payload);
  return frame?.from.incarnation === incarnation && frame.from.name === name;
}
