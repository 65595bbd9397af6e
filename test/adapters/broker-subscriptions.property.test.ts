/**
 * What is open at the broker follows from who receives, whatever begins and ends meanwhile, however slow the broker
 * is, and whatever it refuses.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Unsubscribe } from "../../src/pubsub/pubsub.js";
import { BrokerSubscriptions } from "../../src/pubsub/broker-subscriptions.js";

/** A broker that takes its time, and complains when it is asked for two things at once or for nonsense. */
class SlowBroker {
  readonly open = new Set<string>();
  readonly mistakes: string[] = [];
  readonly #busy = new Set<string>();
  readonly #scheduler: fc.Scheduler;
  refusesNext = false;

  constructor(scheduler: fc.Scheduler) {
    this.#scheduler = scheduler;
  }

  readonly channels = {
    open: (channel: string): Promise<void> => {
      const refused = this.refusesNext;
      this.refusesNext = false;
      return this.#work("open", channel, () => {
        if (refused) throw new Error("refused");
        if (this.open.has(channel)) this.mistakes.push(`${channel} is open already`);
        this.open.add(channel);
      });
    },
    close: (channel: string): Promise<void> =>
      this.#work("close", channel, () => {
        if (!this.open.delete(channel)) this.mistakes.push(`${channel} is not open`);
      }),
  };

  async #work(what: string, channel: string, done: () => void): Promise<void> {
    if (this.#busy.has(channel)) this.mistakes.push(`${what} ${channel} while it is busy`);
    this.#busy.add(channel);
    await this.#scheduler.schedule(Promise.resolve(), `${what} ${channel}`);
    this.#busy.delete(channel);
    done();
  }
}

const steps = fc.array(
  fc.record({
    channel: fc.constantFrom("a", "b"),
    what: fc.constantFrom("subscribe", "unsubscribe", "unsubscribe twice", "refuse", "let the broker work"),
  }),
  { maxLength: 40 },
);

describe("BrokerSubscriptions", () => {
  it("opens and closes channels one step at a time, and ends where the receivers are", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), steps, async (scheduler, plan) => {
        const broker = new SlowBroker(scheduler);
        const errors: unknown[] = [];
        const subscriptions = new BrokerSubscriptions(broker.channels, (error) => errors.push(error));
        const held: { channel: string; ended: Promise<Unsubscribe | undefined> }[] = [];
        const under: Promise<unknown>[] = [];
        for (const { channel, what } of plan) {
          if (what === "refuse") broker.refusesNext = true;
          else if (what === "let the broker work") {
            if (scheduler.count() > 0) await scheduler.waitOne();
            await new Promise((resolve) => setImmediate(resolve));
          } else if (what === "subscribe") {
            const ended = subscriptions.add(channel, () => {}).catch(() => undefined);
            held.push({ channel, ended });
            under.push(
              ended.then((unsubscribe) => {
                // A subscriber that was told that the subscription is in force must find it so.
                const wanted = held.some((each) => each.ended === ended);
                if (unsubscribe && wanted && !broker.open.has(channel))
                  broker.mistakes.push("told too early");
              }),
            );
          } else {
            const index = held.findIndex((each) => each.channel === channel);
            const [subscription] = index < 0 ? [] : held.splice(index, 1);
            const times = what === "unsubscribe twice" ? 2 : 1;
            for (let time = 0; time < times; time++) {
              under.push(Promise.resolve(subscription?.ended.then((unsubscribe) => unsubscribe?.())));
            }
          }
        }
        await scheduler.waitFor(Promise.all(under));
        const receiving = new Set<string>();
        for (const { channel, ended } of held) if ((await ended) !== undefined) receiving.add(channel);
        expect(broker.mistakes).toEqual([]);
        expect([...broker.open].sort()).toEqual([...receiving].sort());
        expect(errors).toEqual([]);
        // Whatever was refused before, the next attempt is a new one.
        broker.refusesNext = false;
        await scheduler.waitFor(
          Promise.all([subscriptions.add("a", () => {}), subscriptions.add("b", () => {})]),
        );
        expect([...broker.open].sort()).toEqual(["a", "b"]);
        await scheduler.waitFor(subscriptions.close());
        expect(broker.open.size).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it("opens a channel again for one that comes while it is being closed", async () => {
    const broker: string[] = [];
    let closed: () => void = () => {};
    const subscriptions = new BrokerSubscriptions(
      {
        open: async () => void broker.push("open"),
        close: () => new Promise((resolve) => (closed = resolve)),
      },
      () => {},
    );
    const unsubscribe = await subscriptions.add("room", () => {});
    const ending = unsubscribe();
    await new Promise((resolve) => setImmediate(resolve));
    const again = subscriptions.add("room", () => {});
    closed();
    await Promise.all([ending, again]);
    expect(broker).toEqual(["open", "open"]);
  });

  it("reports what the broker says to a close, and does not reject the unsubscribing", async () => {
    const errors: unknown[] = [];
    const mistake = new Error("a mistake");
    const subscriptions = new BrokerSubscriptions(
      { open: () => Promise.resolve(), close: () => Promise.reject(mistake) },
      (error) => errors.push(error),
    );
    const unsubscribe = await subscriptions.add("room", () => {});
    await unsubscribe();
    expect(errors).toEqual([mistake]);
  });
});
