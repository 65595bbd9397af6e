/** The bindings where there is no browser: what a server renders, and what needs no page. */
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { get } from "svelte/store";
import { describe, expect, it } from "vitest";
import { createSSRApp, effectScope, h, nextTick, reactive, ref, watchEffect } from "vue";
import { renderToString as renderVue } from "vue/server-renderer";
import { PresenceClient } from "../../src/client/index.js";
import { usePresence as useReact, type PresenceStore } from "../../src/react/index.js";
import { presenceStore } from "../../src/svelte/index.js";
import { usePresence as useVue } from "../../src/vue/index.js";

const presence = (...refs: string[]) => ({ metas: refs.map((phx_ref) => ({ phx_ref })) });
const initial = { ann: presence("1"), bo: presence("2") };
const names = { select: (view: { list(): object }) => Object.keys(view.list()).join() };

/** A client, and how many listen to it. */
function listenedTo(client: PresenceClient) {
  const store = {
    listeners: 0,
    get revision() {
      return client.revision;
    },
    list: client.list,
    get: client.get,
    subscribe(listener: () => void) {
      store.listeners++;
      const end = client.subscribe(listener);
      return () => {
        store.listeners--;
        end();
      };
    },
  };
  return store satisfies PresenceStore;
}

it("none of the bindings takes a name that means nothing", () => {
  const client = new PresenceClient();
  const wrong = { selct: () => 1 } as never;
  const refused = expect.objectContaining({ code: "INVALID_OPTION" }) as Error;
  expect(() => presenceStore(client, wrong)).toThrow(refused);
  expect(() => effectScope().run(() => useVue(client, wrong))).toThrow(refused);
  const Names = () => createElement("p", null, String(useReact(client, wrong)));
  expect(() => renderToString(createElement(Names))).toThrow(refused);
});

describe("a server", () => {
  it("renders `initial` with React, with Vue and with Svelte's stores, and listens to nobody", async () => {
    for (const given of [undefined, initial]) {
      const client = new PresenceClient();
      const store = listenedTo(client);
      const selection = { initial: given, ...names };
      const Names = () => createElement("p", null, useReact(store, selection));
      const app = createSSRApp({
        setup() {
          const shown = useVue(store, selection);
          return () => h("p", shown.value);
        },
      });
      const expected = `<p>${given ? "ann,bo" : ""}</p>`;
      expect(renderToString(createElement(Names))).toBe(expected);
      expect(await renderVue(app)).toBe(expected);
      expect(`<p>${get(presenceStore(store, selection))}</p>`).toBe(expected);
      expect(store.listeners).toBe(0);
    }
  });
});

describe("Vue without a component", () => {
  it("tells of changes of what is selected alone, and ends with its scope", async () => {
    const client = new PresenceClient();
    const store = listenedTo(client);
    client.receive("presence_state", initial);
    const key = ref("ann");
    const seen: number[] = [];
    const scope = effectScope();
    scope.run(() => {
      const metas = useVue(store, { select: (view) => [view.get(key.value)?.metas.length ?? 0] });
      watchEffect(() => void seen.push(metas.value[0] ?? -1));
    });
    expect([seen.splice(0), store.listeners]).toEqual([[1], 1]);
    client.receive("presence_diff", { joins: { bo: presence("3") }, leaves: {} });
    client.receive("presence_diff", { joins: { ann: presence("4") }, leaves: { ann: presence("1") } });
    await nextTick();
    expect(seen.splice(0)).toEqual([]);
    client.receive("presence_diff", { joins: { ann: presence("5") }, leaves: {} });
    await nextTick();
    key.value = "nobody";
    await nextTick();
    expect(seen.splice(0)).toEqual([2, 0]);
    scope.stop();
    client.receive("presence_state", {});
    await nextTick();
    expect([seen, store.listeners]).toEqual([[], 0]);
  });

  it("takes a client that stands in a reactive object", () => {
    const state = reactive({ client: new PresenceClient() });
    const scope = effectScope();
    const people = scope.run(() => useVue(state.client as PresenceClient));
    state.client.receive("presence_state", initial);
    expect(people?.value).toEqual(initial);
    scope.stop();
  });
});

describe("a store of Svelte", () => {
  it("is set when what is selected has changed, and listens while it has subscribers", () => {
    const client = new PresenceClient();
    const store = listenedTo(client);
    const people = presenceStore(store, { initial, select: (view) => Object.keys(view.list()) });
    const seen: string[] = [];
    expect(store.listeners).toBe(0);
    const ends = [1, 2].map((i) => people.subscribe((keys) => void seen.push(`${i} ${keys.join()}`)));
    expect([seen.splice(0), store.listeners]).toEqual([["1 ann,bo", "2 ann,bo"], 1]);
    client.receive("presence_state", initial);
    client.receive("presence_diff", { joins: { bo: presence("3") }, leaves: {} });
    expect(seen.splice(0)).toEqual([]);
    client.receive("presence_diff", { joins: {}, leaves: { ann: presence("1") } });
    expect(seen.splice(0)).toEqual(["1 bo", "2 bo"]);
    for (const end of ends) end();
    expect(store.listeners).toBe(0);
    client.receive("presence_diff", { joins: { cy: presence("4") }, leaves: {} });
    expect([get(people), seen]).toEqual([["bo", "cy"], []]);
  });
});
