/** Rules of what is said, asked and answered, and when: each is needed, for an oracle sees when it is off. */
import type { Message } from "../../src/replication/message.js";
import { RULES, type Rules } from "../../src/replication/rules.js";
import { decodeFrame } from "../../src/replication/wire/codec.js";
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import { saysWhatIsNewOnce } from "./broken-replicators.js";
import {
  answersGoToWhoAsks,
  greetingsAreSpread,
  newcomersAreGreeted,
  requestsAreSpread,
  strangersFindEachOther,
} from "./runs.js";
import { busyClustersSayNoMore, busyTimesAreForgotten, quietClustersAreQuick } from "./runs-of-windows.js";
import { manyShards, manySlices, rebuilding, smallLimits, wideLetters } from "./schedules.js";

/** Whatever a message of this kind holds is taken to fit one frame. */
const fitsIfOf = (type: Message["type"]): Partial<Rules> => ({
  fitsFrame: (text, maxBytes) =>
    decodeFrame(text).frame?.message.type === type || RULES.fitsFrame(text, maxBytes),
});

const rules: readonly BrokenRule[] = [
  {
    rule: "R21 is missed: everybody says regularly that it is there",
    found: /not settled after/,
    run: strangersFindEachOther,
    broken: { rules: { heartbeatDueMs: () => Infinity, greetingDelayMs: () => Infinity } },
  },
  {
    rule: "R21 is missed: heartbeats come whatever else is sent",
    found: /no heartbeat for/,
    broken: { replicator: saysWhatIsNewOnce },
  },
  {
    rule: "R21 is missed: an unknown life is greeted",
    found: /does not know .* after 200 ms/,
    run: newcomersAreGreeted,
    broken: { rules: { greetingDelayMs: () => Infinity } },
  },
  {
    rule: "R21 is missed: not all greet at once",
    found: /greetings within 5 ms/,
    run: greetingsAreSpread,
    broken: { rules: { greetingDelayMs: () => 0 } },
  },
  {
    rule: "R20 is missed: the first change goes out at once",
    found: /a change has waited \d+ ms, longer than promised/,
    broken: { rules: { flushDueMs: (nowMs) => nowMs + 1_500 } },
  },
  {
    rule: "R20 is missed: further changes go out once in a period",
    found: /a flush [\d.]+ ms after one that was worth/,
    broken: { rules: { flushDueMs: (nowMs) => nowMs } },
  },
  {
    rule: "R89 is missed: further changes wait no longer than a period",
    found: /a change has waited \d+ ms, longer than promised/,
    broken: { rules: { quietUntilMs: (flushedMs, periodMs) => flushedMs + 2 * periodMs } },
  },
  {
    rule: "R89 is missed: what is said is to be paid",
    found: /a flush [\d.]+ ms after one that was worth/,
    broken: { rules: { paidUntilMs: (_, nowMs) => nowMs } },
  },
  {
    rule: "R89 is missed: a quiet cluster is quick",
    found: /half of all changes are seen after \d+ ms/,
    run: quietClustersAreQuick,
    broken: { rules: { quietUntilMs: (flushedMs, periodMs) => flushedMs + periodMs } },
  },
  {
    rule: "R89 is missed: a busy one says no more than one frame in a period",
    found: /frames in a busy time/,
    run: busyClustersSayNoMore,
    broken: {
      rules: {
        paidUntilMs: (_, nowMs, units, periodMs) => RULES.paidUntilMs(nowMs, nowMs, units, periodMs),
      },
    },
  },
  {
    rule: "R89 is missed: a busy time is forgotten",
    found: /after a busy time changes are seen after \d+ ms/,
    run: busyTimesAreForgotten,
    broken: {
      rules: {
        paidUntilMs: (paidUntilMs, nowMs, units) => Math.max(paidUntilMs, nowMs) + units,
      },
    },
  },
  {
    rule: "R20 is missed: who has nothing to say says nothing but that it is there",
    found: /frames in \d+ idle heartbeats/,
    broken: { rules: { heartbeatDueMs: (nowMs, heartbeatPeriodMs) => nowMs + heartbeatPeriodMs / 4 } },
  },
  {
    rule: "R14 is missed: what is missing is asked for",
    found: /not settled after/,
    broken: { rules: { requestDelayMs: () => Infinity } },
  },
  {
    rule: "R14 is missed: a gap is not asked for at once",
    found: /asks \d\.\d ms after it found/,
    broken: { rules: { requestDelayMs: () => 0 } },
  },
  {
    rule: "R14 is missed: not all ask at once",
    found: /requests within 5 ms/,
    run: requestsAreSpread,
    broken: { rules: { requestDelayMs: () => 20 } },
  },
  {
    rule: "R16 is missed: asking takes patience",
    found: /requests within a second/,
    firstSeed: 10,
    broken: { rules: { patienceMs: () => 5 } },
  },
  {
    rule: "R15 is missed: a few slices of a life are asked for at a time",
    found: /asks for \d+ slices of a life at a time/,
    firstSeed: 10,
    schedule: manySlices,
    broken: { rules: { requestPlaces: () => Infinity } },
  },
  {
    rule: "R19 is missed: one answer in one turn",
    found: /\d+ answers in one turn/,
    broken: { limits: { answersPerTurn: Infinity } },
  },
  {
    rule: "R19 is missed: a newer request takes the place of the one that waits",
    found: /answers a request in whose place a newer one has come/,
    broken: { rules: { isNewerRequest: () => true } },
  },
  {
    rule: "R19 is missed: an answer goes to who asks",
    found: /hears an answer that another has asked for/,
    run: answersGoToWhoAsks,
    broken: { rules: { answersAloud: () => true } },
  },
  {
    rule: "R29 is missed: a delta that does not fit is cut",
    found: /above the limit/,
    firstSeed: 78,
    broken: { rules: fitsIfOf("delta") },
  },
  {
    rule: "R29 is missed: a page is as long as fits",
    found: /above the limit/,
    schedule: (seed) => ({ ...rebuilding(seed), network: { maxPayloadBytes: 2_000 } }),
    limits: { ...smallLimits, pageItems: 500 },
    broken: { rules: fitsIfOf("page") },
  },
  {
    rule: "R29 is missed: a heartbeat that does not fit is split by shards",
    found: /above the limit/,
    schedule: manyShards,
    broken: { rules: fitsIfOf("heartbeat") },
  },
  {
    rule: "R29 is missed: limits are counted in bytes",
    found: /above the limit/,
    schedule: wideLetters,
    broken: { rules: { fitsFrame: (text, maxBytes) => text.length <= maxBytes } },
  },
];

describeBrokenRules("each rule of what is said and asked, switched off", rules);
