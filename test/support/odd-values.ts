/** What somebody may hand over in place of what is asked for. Made anew for each test: some of them have a state. */
export function oddValues(): readonly (readonly [name: string, value: unknown])[] {
  const cyclic: Record<string, unknown> = {};
  cyclic["self"] = cyclic;
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return [
    ["undefined", undefined],
    ["null", null],
    ["true", true],
    ["NaN", NaN],
    ["-1", -1],
    ["0.5", 0.5],
    ["7", 7],
    ["Infinity", Infinity],
    ["2 ** 53", 2 ** 53],
    ["an empty text", ""],
    ["a text of 2 MB", "x".repeat(2_000_000)],
    ["a symbol", Symbol("odd")],
    ["a bigint", 10n ** 1_000n],
    ["a list", ["odd"]],
    ["an empty object", {}],
    ["a cyclic object", cyclic],
    ["an object that throws", throwing()],
    ["a revoked proxy", proxy],
    ["a Map", new Map([["odd", () => undefined]])],
    ["a Date", new Date(0)],
    ["a class instance", new Odd()],
    ["a function", () => undefined],
  ];
}

class Odd {
  readonly own = 1;
  method(): void {
    // Members of a class are nobody's business.
  }
}

/** Every property of it, and every question about them, throws. */
function throwing(): object {
  const raise = (): never => {
    throw new Error("looked at");
  };
  return new Proxy({}, { get: raise, has: raise, ownKeys: raise });
}
