/** The page of bindings.test.ts: components of React, Vue and Svelte over one client, and what they rendered. */
import { createElement, StrictMode } from "react";
import { flushSync } from "react-dom";
import { createRoot, hydrateRoot } from "react-dom/client";
import { PresenceClient } from "rollcall/client";
import { usePresence as useReact } from "rollcall/react";
import { usePresence as useVue } from "rollcall/vue";
import { flushSync as flushSvelte, mount, unmount } from "svelte";
import { createApp, createSSRApp, h, nextTick } from "vue";
import SvelteNames from "./names.svelte";

const presence = (...refs: string[]) => ({ metas: refs.map((phx_ref) => ({ phx_ref })) });
const join = (key: string, ref: string) => ({ joins: { [key]: presence(ref) }, leaves: {} });

/** Counts who listens, and how often one key or all are asked for. */
function spied(client: PresenceClient) {
  const spy = {
    listeners: 0,
    asked: 0,
    get revision() {
      return client.revision;
    },
    list: () => (spy.asked++, client.list()),
    get: (key: string) => (spy.asked++, client.get(key)),
    subscribe(listener: () => void) {
      spy.listeners++;
      const end = client.subscribe(listener);
      return () => {
        spy.listeners--;
        end();
      };
    },
  };
  return spy;
}

function manyKeys(): PresenceClient {
  const client = new PresenceClient();
  const keys = Array.from({ length: 10_000 }, (_, i) => `u${i}`);
  client.receive("presence_state", Object.fromEntries(keys.map((key) => [key, presence(key)])));
  return client;
}

const names = { select: (view: { list(): object }) => Object.keys(view.list()).join() };

function place(html = ""): HTMLElement {
  const element = document.createElement("div");
  element.innerHTML = html;
  document.body.append(element);
  return element;
}

/** One that watches one of 10,000 keys, in StrictMode: renders, before and after others change and it changes. */
function oneOfMany() {
  const client = manyKeys();
  const spy = spied(client);
  let renders = 0;
  const One = ({ name }: { name: string }) => {
    renders++;
    // Written anew for each render, and making a list anew for each call.
    const metas = useReact(spy, { select: (view) => view.get(name)?.metas.map(({ phx_ref }) => phx_ref) });
    return createElement("p", null, metas?.join() ?? "nobody");
  };
  const element = place();
  const root = createRoot(element);
  const show = (name: string) =>
    flushSync(() => root.render(createElement(StrictMode, null, createElement(One, { name }))));
  show("u7");
  const counts = { first: renders, others: 0, asked: 0, own: 0, texts: [element.innerText] };
  renders = spy.asked = 0;
  for (let i = 0; i < 50; i++) flushSync(() => client.receive("presence_diff", join(`u${i + 100}`, "new")));
  counts.others = renders;
  counts.asked = spy.asked;
  flushSync(() => client.receive("presence_diff", join("u7", "new")));
  counts.own = renders;
  counts.texts.push(element.innerText);
  show("u8");
  show("nobody");
  counts.texts.push(element.innerText);
  const listenersShown = spy.listeners;
  flushSync(() => root.unmount());
  return { ...counts, listenersShown, listenersEnded: spy.listeners };
}

/** Takes over what the server rendered although the client knows more already, and then shows that. */
async function hydrated(html: string, initial: Record<string, ReturnType<typeof presence>>) {
  const client = new PresenceClient();
  client.receive("presence_state", { cy: presence("9") });
  const texts: string[] = [];
  const Names = () => {
    const text = useReact(client, { initial, ...names });
    texts.push(text);
    return createElement("p", null, text);
  };
  const element = place(html);
  const root = hydrateRoot(element, createElement(StrictMode, null, createElement(Names)));
  await until(() => element.innerText === "cy");
  root.unmount();

  const vue = place(html);
  const app = createSSRApp({
    setup() {
      const text = useVue(client, { initial, ...names });
      return () => h("p", text.value);
    },
  });
  app.mount(vue);
  const taken = vue.innerText;
  await nextTick();
  const result = { first: texts[0], react: texts.at(-1), vue: [taken, vue.innerText] };
  app.unmount();
  return result;
}

/** Another client, an empty one, and one that loses its connection. */
function changingClients() {
  const [one, two] = [manyKeys(), new PresenceClient()];
  const Size = ({ client }: { client: PresenceClient }) =>
    createElement("p", null, String(Object.keys(useReact(client)).length));
  const element = place();
  const root = createRoot(element);
  const show = (client: PresenceClient) => flushSync(() => root.render(createElement(Size, { client })));
  const sizes: string[] = [];
  const look = (change: () => void) => {
    flushSync(change);
    sizes.push(element.innerText);
  };
  look(() => show(one));
  look(() => show(two));
  look(() => one.receive("presence_state", {}));
  look(() => two.receive("presence_state", { ann: presence("1") }));
  look(() => two.reset());
  root.unmount();
  return sizes;
}

async function otherFrameworks() {
  const client = manyKeys();
  const spy = spied(client);
  let renders = 0;
  const [vue, svelte] = [place(), place()];
  const app = createApp({
    setup() {
      const metas = useVue(spy, { select: (view) => view.get("u7")?.metas.length });
      return () => (renders++, h("p", metas.value));
    },
  });
  app.mount(vue);
  const select = (view: typeof client) => view.get("u7")?.metas.map(({ phx_ref }) => phx_ref);
  const component = mount(SvelteNames, { target: svelte, props: { client: spy, select } });
  flushSvelte();
  await nextTick();
  const first = [vue.innerText, svelte.innerText];
  renders = 0;
  for (let i = 0; i < 50; i++) client.receive("presence_diff", join(`u${i + 100}`, "new"));
  await nextTick();
  const others = renders;
  client.receive("presence_diff", join("u7", "new"));
  flushSvelte();
  await nextTick();
  const then = [vue.innerText, svelte.innerText];
  const { listeners } = spy;
  app.unmount();
  await unmount(component);
  return { first, others, then, renders, listeners, listenersEnded: spy.listeners };
}

async function until(isSo: () => boolean): Promise<void> {
  for (let turns = 0; !isSo() && turns < 200; turns++)
    await new Promise((resolve) => setTimeout(resolve, 10));
}

Object.assign(window, { bindings: { oneOfMany, hydrated, changingClients, otherFrameworks } });
