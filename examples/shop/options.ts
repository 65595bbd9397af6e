/**
 * The shop's command line and environment. A flag wins over its variable; what is missing has the default
 * that the help text shows.
 */
import { randomBytes } from "node:crypto";
import { Command, InvalidArgumentError, Option } from "commander";

export interface ShopOptions {
  readonly port: number;
  readonly host: string;
  readonly nodes: number;
  /** `cluster`, `redis://…` or `nats://…`. */
  readonly pubsub: string;
  readonly dataFolder: string;
  /** How many visitors of its own the shop has. */
  readonly visitors: number;
  /** Whether it has none. */
  readonly quiet: boolean;
  readonly adminUser: string;
  readonly adminPassword: string;
  /** Whether the password was made up just now and therefore has to be shown. */
  readonly adminPasswordMade: boolean;
}

export const defaultPort = 4000;
const maxNodes = 16;

export function readOptions(argv: readonly string[]): ShopOptions {
  const command = new Command("npm start --")
    .description("The sample shop: several nodes behind one port, one list of who is here.")
    .addOption(
      new Option("-p, --port <number>", "the shop's port; node i also listens on this port plus i")
        .env("PORT")
        .default(defaultPort)
        .argParser(integerBetween(1, 65_535 - maxNodes)),
    )
    .addOption(
      new Option("--host <address>", "where to listen; 0.0.0.0 lets other machines in")
        .env("HOST")
        .default("127.0.0.1"),
    )
    .addOption(
      new Option("-n, --nodes <number>", "how many nodes").default(3).argParser(integerBetween(1, maxNodes)),
    )
    .addOption(
      new Option("--pubsub <kind>", "cluster (no broker), redis://host:port or nats://host:port")
        .env("PUBSUB")
        .default("cluster")
        .argParser(pubsubKind),
    )
    .addOption(
      new Option("--data-dir <folder>", "where the database is kept").env("DATA_DIR").default("data"),
    )
    .addOption(
      new Option("--visitors <number>", "how many visitors of the shop's own walk about")
        .default(60)
        .argParser(integerBetween(1, 2_000)),
    )
    .addOption(new Option("-q, --quiet", "no visitors of its own").default(false))
    .addOption(new Option("--admin-user <name>", "who may see /admin").env("ADMIN_USER").default("admin"))
    .addHelpText(
      "after",
      "\nThe admin's password comes from ADMIN_PASSWORD; without it a random one is made and printed, with a link" +
        "\nthat signs in. A broker's password belongs into PUBSUB, not into the command line, which others can read.",
    );
  command.parse(argv, { from: "user" });
  const given = command.opts<{
    port: number;
    host: string;
    nodes: number;
    pubsub: string;
    dataDir: string;
    visitors: number;
    quiet: boolean;
    adminUser: string;
  }>();
  const password = process.env["ADMIN_PASSWORD"];
  const made = password === undefined || password === "";
  return {
    port: given.port,
    host: given.host,
    nodes: given.nodes,
    pubsub: given.pubsub,
    dataFolder: given.dataDir,
    visitors: given.visitors,
    quiet: given.quiet,
    adminUser: given.adminUser,
    adminPassword: made ? randomBytes(9).toString("base64url") : password,
    adminPasswordMade: made,
  };
}

function integerBetween(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}

function pubsubKind(text: string): string {
  if (text === "cluster" || /^(rediss?|nats):\/\//.test(text)) return text;
  throw new InvalidArgumentError("Expected cluster, redis://… or nats://….");
}
