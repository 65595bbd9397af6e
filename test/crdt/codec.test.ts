import { describe, expect, it } from "vitest";
import { Orswot, decode, encode } from "../../src/crdt/index.js";

describe("encode", () => {
  it("is compact JSON with a version", () => {
    const ann = new Orswot<string>("ann");
    const bob = new Orswot<string>("bob");
    const dot = ann.add("home");
    bob.merge(ann.delta());
    const before = bob.context.clone();
    const latest = bob.update(bob.update(dot, "photos"), "cart");
    bob.remove(bob.add("away"));
    expect(latest.clock).toBe(4);
    expect(encode(bob.delta(before))).toBe('[1,[["bob",0,6,[[4,"cart",1,"ann"]],[[1,1,"ann"]]]]]');
    expect(encode({ parts: [] })).toBe("[1,[]]");
  });

  it("refuses what JSON cannot say", () => {
    for (const value of [Number.NaN, Infinity, () => 1, Symbol("x"), 1n]) {
      const set = new Orswot<unknown>("ann");
      set.add(value);
      expect(() => encode(set.delta())).toThrow(TypeError);
    }
  });

  it("keeps keys that would pollute a prototype as plain keys", () => {
    const set = new Orswot<unknown>("__proto__");
    set.add(JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'));
    const text = encode(set.delta());
    const [part] = decode<object>(text).parts;
    expect(part?.replica).toBe("__proto__");
    expect(Object.keys(part?.births[0]?.value ?? {})).toEqual(["__proto__", "constructor"]);
    expect(encode(decode(text))).toBe(text);
    expect("polluted" in {}).toBe(false);
  });
});

describe("decode", () => {
  it.each<[string, string, RegExp]>([
    ["nothing", "", /not JSON/],
    ["half a text", '[1,[["a",0,1,[', /not JSON/],
    ["null", "null", /the delta must be an array, got null/],
    ["an object", '{"parts":[]}', /the delta must be an array, got object/],
    ["a later version", "[2,[]]", /version 2 is not known/],
    ["a version that is a text", '["1",[]]', /version "1" is not known/],
    ["no parts", "[1]", /the delta has 1 fields/],
    ["a part that is a number", "[1,[7]]", /part 0 must be an array, got number/],
    ["a part with too much", '[1,[["a",0,1,[],[],[]]]]', /part 0 has 6 fields/],
    ["a replica that is a number", "[1,[[7,0,1,[],[]]]]", /the replica of part 0 must be a string/],
    ["a clock that is a text", '[1,[["a","0",1,[],[]]]]', /"since" of part 0 must be a number, got string/],
    ["a clock that is null", '[1,[["a",0,null,[],[]]]]', /"upTo" of part 0 must be a number, got null/],
    ["a negative clock", '[1,[["a",-1,1,[],[]]]]', /range \(-1, 1\]/],
    ["a broken clock", '[1,[["a",0,1.5,[],[]]]]', /range \(0, 1.5\]/],
    ["a clock beyond the safe integers", '[1,[["a",0,9007199254740992,[],[]]]]', /range/],
    ["a range backwards", '[1,[["a",2,1,[],[]]]]', /range \(2, 1\]/],
    [
      "a birth outside the range",
      '[1,[["a",0,1,[[2,"x"]],[]]]]',
      /birth 2 of "a" is out of order or outside/,
    ],
    ["births out of order", '[1,[["a",0,2,[[2,"x"],[1,"x"]],[]]]]', /birth 1 of "a" is out of order/],
    ["a birth twice", '[1,[["a",0,2,[[1,"x"],[1,"x"]],[]]]]', /birth 1 of "a" is out of order/],
    ["a birth without a value", '[1,[["a",0,2,[[1]],[]]]]', /a birth of part 0 has 1 fields/],
    [
      "a birth before its origin",
      '[1,[["a",0,2,[[1,"x",2]],[]]]]',
      /birth 1 of "a" comes before its origin 2/,
    ],
    [
      "an origin of nobody",
      '[1,[["a",0,2,[[1,"x",2,3]],[]]]]',
      /the origin of a birth of part 0 must be a string/,
    ],
    [
      "a removal outside the range",
      '[1,[["a",0,1,[],[[2,1]]]]]',
      /removal 2 of "a" is out of order or outside/,
    ],
    ["a removal before its birth", '[1,[["a",0,2,[],[[1,2]]]]]', /removal 1 of "a" names no earlier birth/],
    ["a removal of nothing", '[1,[["a",0,2,[],[[1,0,"b"]]]]]', /removal 1 of "a" names no earlier birth/],
    ["a dot that is both", '[1,[["a",0,2,[[2,"x"]],[[2,1]]]]]', /dot 2 of "a" is both birth and removal/],
    [
      "ranges that overlap",
      '[1,[["a",0,2,[],[]],["a",1,3,[],[]]]]',
      /part 1 overlaps or precedes another of "a"/,
    ],
    [
      "ranges out of order",
      '[1,[["a",5,6,[],[]],["a",1,3,[],[]]]]',
      /part 1 overlaps or precedes another of "a"/,
    ],
  ])("refuses %s", (_, text, message) => {
    expect(() => decode(text)).toThrow(SyntaxError);
    expect(() => decode(text)).toThrow(message);
  });

  it("refuses what is not a text", () => {
    expect(() => decode(7 as never)).toThrow(TypeError);
    expect(() => decode(undefined as never)).toThrow(/got undefined/);
  });

  it("takes any range that numbers can name, at no cost", () => {
    const delta = decode<string>('[1,[["a",5,9007199254740991,[[6,"x"]],[]]]]');
    const set = new Orswot<string>("b");
    expect(set.merge(delta).added).toHaveLength(1);
    expect(encode(set.delta())).toBe('[1,[["a",5,9007199254740991,[[6,"x"]],[]]]]');
  });
});
