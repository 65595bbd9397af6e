/** Rules of what is said, asked and answered, and when: each is needed, for an oracle sees when it is off. */
import { Answers, type Asked } from "../../src/replication/answers.js";
import { Authorship } from "../../src/replication/authorship.js";
import { Greetings } from "../../src/replication/greetings.js";
import { Outbox } from "../../src/replication/outbox.js";
import { Requests } from "../../src/replication/requests.js";
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import {
  answersGoToWhoAsks,
  greetingsAreSpread,
  newcomersAreGreeted,
  otherVersionsAreReported,
  requestsAreSpread,
} from "./runs.js";
import { manyShards, manySlices, rebuilding, smallLimits, wideLetters } from "./schedules.js";
import { instead, wrapGetter } from "./wrap.js";

const rules: readonly BrokenRule[] = [
  {
    rule: "everybody says regularly that he is there",
    found: /not settled after/,
    break: () => [instead(Outbox.prototype, "sendHeartbeat", () => undefined)],
  },
  {
    rule: "heartbeats come whatever else is sent",
    found: /no heartbeat for/,
    break: () => {
      const saidBefore = new WeakMap<Authorship, number>();
      return [
        instead(Authorship.prototype, "sendHeartbeat", function (original, to) {
          const said = this.shards.reduce((clocks, { flushed }) => clocks + flushed.clock, 0);
          const isNews = said !== saidBefore.get(this);
          if (to === undefined) saidBefore.set(this, said);
          if (to !== undefined || !isNews) original(to);
        }),
      ];
    },
  },
  {
    rule: "an unknown life is greeted",
    found: /does not know .* after 200 ms/,
    run: newcomersAreGreeted,
    break: () => [instead(Greetings.prototype, "want", () => Infinity)],
  },
  {
    rule: "not all greet at once",
    found: /greetings within 5 ms/,
    run: greetingsAreSpread,
    break: () => [
      instead(Greetings.prototype, "want", (original, replica, nowMs) => original(replica, nowMs - 60)),
    ],
  },
  {
    rule: "the first change goes out at once",
    found: /a change has waited \d+ ms, longer than promised/,
    break: () => [
      instead(Authorship.prototype, "flushDue", (original, nowMs) => original(nowMs - 1_500) + 1_500),
    ],
  },
  {
    rule: "further changes go out once in a period",
    found: /flushes in \d+ ms, where/,
    break: () => [
      instead(Authorship.prototype, "flushDue", function (original, nowMs) {
        this.flushAll(nowMs);
        return original(nowMs);
      }),
    ],
  },
  {
    rule: "who has nothing to say says nothing but that he is there",
    found: /frames in \d+ idle heartbeats/,
    break: () => [
      instead(Authorship.prototype, "flushDue", function (original, nowMs) {
        this.sendHeartbeat();
        return original(nowMs);
      }),
    ],
  },
  {
    rule: "what is missing is asked for",
    found: /not settled after/,
    break: () => [instead(Requests.prototype, "want", () => Infinity)],
  },
  {
    rule: "a gap is not asked for at once",
    found: /asks \d\.\d ms after it found/,
    break: () => [
      instead(Requests.prototype, "want", (original, replica, slice, nowMs) =>
        original(replica, slice, nowMs - 60),
      ),
    ],
  },
  {
    rule: "not all ask at once",
    found: /requests within 5 ms/,
    run: requestsAreSpread,
    break: () => [
      instead(Requests.prototype, "want", function (original, replica, slice, nowMs) {
        original(replica, slice, nowMs - 60);
        return nowMs + 20;
      }),
    ],
  },
  {
    rule: "asking takes patience",
    found: /requests within a second/,
    break: () => {
      // Patience always runs out at once.
      let aheadMs = 0;
      return [
        instead(Requests.prototype, "advance", function (original, nowMs, send) {
          aheadMs += 100_000;
          original(nowMs + aheadMs, send);
          return this.size === 0 ? undefined : nowMs + 5;
        }),
      ];
    },
  },
  {
    rule: "a few slices of a life are asked for at a time",
    found: /asks for \d+ slices of a life at a time/,
    schedule: manySlices,
    break: () => [instead(Requests.prototype, "placesOf", () => Infinity)],
  },
  {
    rule: "one answer in one turn",
    found: /\d+ answers in one turn/,
    break: () => [
      instead(Authorship.prototype, "answerOne", function (original, nowMs) {
        do original(nowMs);
        while (this.hasQuestions);
      }),
    ],
  },
  {
    rule: "a newer request takes the place of the one that waits",
    found: /answers a request in whose place a newer one has come/,
    break: () => {
      const queues = new WeakMap<Answers, Asked[]>();
      return [
        instead(Answers.prototype, "add", function (_, by, request) {
          const queue = queues.get(this) ?? [];
          queues.set(this, queue);
          queue.push({ by, request });
        }),
        instead(Answers.prototype, "take", function () {
          return queues.get(this)?.shift();
        }),
        wrapGetter(Answers.prototype, "isEmpty", function () {
          return (queues.get(this)?.length ?? 0) === 0;
        }),
      ];
    },
  },
  {
    rule: "an answer goes to who asks",
    found: /hears an answer that another has asked for/,
    run: answersGoToWhoAsks,
    break: () => [instead(Outbox.prototype, "sendDelta", (original, delta) => original(delta))],
  },
  {
    rule: "a delta that does not fit is cut",
    found: /above the limit/,
    break: () => [
      instead(Outbox.prototype, "sendDelta", function (_, delta, to) {
        this.send(delta, to);
      }),
    ],
  },
  {
    rule: "a page is as long as fits",
    found: /above the limit/,
    schedule: (seed) => ({ ...rebuilding(seed), network: { maxPayloadBytes: 2_000 } }),
    limits: { ...smallLimits, pageItems: 500 },
    break: () => [
      instead(Outbox.prototype, "sendPage", function (_, makePage, to) {
        const page = makePage();
        this.send(page, to);
        return page.births.length;
      }),
    ],
  },
  {
    rule: "a heartbeat that does not fit is split by shards",
    found: /above the limit/,
    schedule: manyShards,
    break: () => [
      instead(Outbox.prototype, "sendHeartbeat", function (_, heartbeat, to) {
        this.send(heartbeat, to);
      }),
    ],
  },
  {
    rule: "limits are counted in bytes",
    found: /above the limit/,
    schedule: wideLetters,
    break: () => [instead(Outbox.prototype, "fits", (_, text) => text.length <= 2_000)],
  },
  {
    rule: "another protocol version is reported, not guessed",
    found: /guesses what another protocol version says/,
    run: otherVersionsAreReported,
    break: () => [
      instead(JSON, "parse", (original, text, reviver) => {
        const parsed: unknown = original(text, reviver);
        return Array.isArray(parsed) && parsed[0] === 2 ? [1, ...(parsed.slice(1) as unknown[])] : parsed;
      }),
    ],
  },
];

describeBrokenRules("each rule of what is said and asked, switched off", rules);
