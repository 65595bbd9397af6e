/** The policy for missing tools, on which every broker and browser test relies. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { requireTool } from "../support/require-tool.js";

const missing = { name: "no-such-tool", install: "apt-get install no-such-tool" };

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

describe("requireTool", () => {
  it("fails with CI=true, saying what to install", () => {
    vi.stubEnv("CI", "true");
    expect(() => requireTool(missing)).toThrow(/no-such-tool is missing: apt-get install/);
  });

  it("warns otherwise, saying what to install", () => {
    vi.stubEnv("CI", "");
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    expect(requireTool(missing)).toBeUndefined();
    expect(warn).toHaveBeenCalledWith(expect.stringContaining("apt-get install no-such-tool"));
  });

  it("finds what is there", () => {
    expect(requireTool({ name: "sh", install: "an operating system" })).toMatch(/\/sh$/);
  });
});
