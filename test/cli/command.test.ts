/** What the command line says, and what it says to one that is wrong. */
import { describe, expect, it } from "vitest";
import { HELP, UsageError, parseCommand } from "../../src/cli/command.js";

const redis = ["--redis", "redis://localhost"];

describe("the command line", () => {
  it("says what to do, where, and how", () => {
    expect(
      parseCommand(["explain", "room", "ann", ...redis, "--name", "shop", "--json", "--wait", "10"]),
    ).toEqual({
      kind: "explain",
      topic: "room",
      key: "ann",
      broker: "redis",
      url: "redis://localhost",
      name: "shop",
      prefix: "rollcall",
      json: true,
      waitMs: 10,
    });
    expect(parseCommand(["watch", "--nats=nats://n", "--prefix", "test"])).toMatchObject({
      kind: "watch",
      topic: undefined,
      broker: "nats",
      prefix: "test",
      json: false,
      waitMs: 5_000,
    });
    expect(parseCommand(["list", "room", ...redis])).toMatchObject({ kind: "list", topic: "room" });
    expect(parseCommand(["top", "--once", ...redis])).toMatchObject({ kind: "top", once: true });
    expect(parseCommand(["list", ...redis, "--", "--room"])).toMatchObject({ topic: "--room" });
  });

  it.each([[[]], [["--help"]], [["-h", "top"]], [["top", "--help", ...redis]]])(
    "%j asks for help",
    (argv) => {
      expect(parseCommand(argv)).toEqual({ kind: "help" });
    },
  );

  it("tells its version", () => {
    expect(parseCommand(["--version"])).toEqual({ kind: "version" });
  });

  it.each([
    [["tpo", ...redis], /no command tpo; there are top, list/],
    [["top"], /Which broker/],
    [["top", ...redis, "--nats", "nats://n"], /one broker/],
    [["top", "room", ...redis], /takes no words/],
    [["list", "room", "ann", ...redis], /takes 1 words/],
    [["explain", "room", ...redis], /needs a TOPIC and a KEY/],
    [["list", "--once", ...redis], /--once is for top/],
    [["top", "--redsi", "x"], /no option --redsi; did you mean --redis\?/],
    [["top", "--jsn"], /did you mean --json/],
    [["top", "-x"], /no option -x/],
    [["top", "--redis", "localhost:6379"], /redis:\/\/ or rediss:\/\/, such as redis:\/\/localhost:6379$/],
    [["top", "--redis", "redis:localhost"], /redis:\/\/ or rediss:/],
    [["top", "--redis"], /--redis/],
    [["top", "--json=yes", ...redis], /--json/],
    [["top", "--wait", "soon", ...redis], /--wait takes milliseconds/],
    [["top", "--wait", "-1", ...redis], /wait/],
  ])("%j is wrong", (argv, message) => {
    expect(() => parseCommand(argv)).toThrow(UsageError);
    expect(() => parseCommand(argv)).toThrow(message);
  });

  it("has help that fits a screen of 120 columns and names every option", () => {
    expect(HELP.split("\n").filter((line) => line.length > 120)).toEqual([]);
    for (const option of [
      "redis",
      "nats",
      "postgres",
      "name",
      "prefix",
      "wait",
      "once",
      "json",
      "help",
      "version",
    ]) {
      expect(HELP).toContain(`--${option}`);
    }
  });
});
