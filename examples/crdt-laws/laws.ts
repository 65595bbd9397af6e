/**
 * Three phones keep one shopping list. They change it without asking each other, and tell each other now and
 * then, in any order. Do they agree in the end?
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Orswot, decode, encode } from "rollcall/crdt";

const phone = fc.constantFrom("red" as const, "green" as const, "blue" as const);
const item = fc.constantFrom("milk", "bread", "apples");
const step = fc.oneof(
  fc.record({ does: fc.constant("write" as const), phone, item }),
  fc.record({ does: fc.constant("strike" as const), phone, item }),
  fc.record({ does: fc.constant("tell" as const), phone, to: phone }),
);

test("three phones agree on one shopping list", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50, size: "max" }), (steps) => {
      const red = new Orswot<string>("red");
      const green = new Orswot<string>("green");
      const blue = new Orswot<string>("blue");
      const phones = { red, green, blue };
      const tell = (from: Orswot<string>, to: Orswot<string>) => {
        // Only what the other lacks goes over the wire, as text.
        to.merge(decode(encode(from.delta(to.context))));
      };
      const strike = (list: Orswot<string>, item: string) => {
        for (const { dot, value } of list) if (value === item) list.remove(dot);
      };

      for (const next of steps) {
        const list = phones[next.phone];
        if (next.does === "write") list.add(next.item);
        else if (next.does === "strike") strike(list, next.item);
        else tell(list, phones[next.to]);
      }
      // Green strikes coffee, but has not heard of red's: that one must survive.
      green.add("coffee");
      red.add("coffee");
      strike(green, "coffee");

      const all = [red, green, blue];
      for (const from of [...all, ...all]) for (const to of all) tell(from, to);
      for (const list of all) {
        expect(list.equals(red)).toBe(true);
        expect([...list].filter(({ value }) => value === "coffee")).toHaveLength(1);
      }
    }),
  );
});
