/**
 * What runs in the page of the inspector. It is sent as its own text, so it stands by itself: nothing outside of the
 * function exists there. Whatever comes from the network becomes text of an element, and never markup.
 */
import type { Finding } from "./diagnosis.js";
import type { Overview } from "./overview.js";
import type { Explanation } from "../tracker/health.js";
import type { AnyMeta, Entry } from "../words.js";

/** What the page is told of its tracker. */
export interface PageOverview extends Overview {
  readonly findings: readonly Finding[];
}

/** One change in the feed. */
export interface FeedLine {
  readonly what: "join" | "update" | "leave";
  readonly topic: string;
  readonly key: string;
  readonly node: string;
  /** The reason of a leave, or the meta. */
  readonly said: string;
}

export function pageScript(): void {
  const periodMs = 1_000;
  const linesShown = 200;
  let topic: string | undefined;
  let after: string | undefined;
  let isPaused = false;

  const byId = (id: string): HTMLElement => document.getElementById(id)!;
  const read = async <T>(query: Record<string, string>): Promise<T> => {
    const response = await fetch(`?${new URLSearchParams(query).toString()}`, { cache: "no-store" });
    if (!response.ok) throw new Error(`The server answered ${response.status}`);
    return (await response.json()) as T;
  };
  const element = (tag: string, text: string, className?: string): HTMLElement => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (className !== undefined) made.className = className;
    return made;
  };
  /** Sets a text only where it changed, so that nobody's selection is lost each second. */
  const say = (id: string, text: string, className?: string): void => {
    const target = byId(id);
    if (target.textContent !== text) target.textContent = text;
    if (className !== undefined) target.className = className;
  };
  const fill = (id: string, rows: readonly (readonly (string | HTMLElement)[])[], none: string): void => {
    const body = byId(id);
    const columns = body.parentElement!.querySelectorAll("th").length;
    const made = rows.map((cells) => {
      const row = document.createElement("tr");
      for (const cell of cells) {
        const data = document.createElement("td");
        data.append(cell);
        row.append(data);
      }
      return row;
    });
    if (made.length === 0) {
      const row = document.createElement("tr");
      const data = document.createElement("td");
      data.colSpan = columns;
      data.textContent = none;
      row.append(data);
      made.push(row);
    }
    body.replaceChildren(...made);
  };
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  const badge = (text: string, isGood: boolean): HTMLElement =>
    element("span", text, isGood ? "good" : "bad");

  function showNodes(overview: PageOverview): void {
    const { node, own, version, connection, nodes } = overview;
    const self = [
      `${node} (this node)`,
      badge(connection, connection === "connected"),
      "",
      "",
      "0",
      String(own.entries),
      version,
    ];
    fill(
      "nodes",
      [
        self,
        ...nodes.map((each) => [
          each.name,
          badge(each.status, each.status === "up"),
          badge(each.link, each.link === "whole"),
          seconds(each.silentMs),
          String(each.lagDots),
          String(each.entries),
          each.version ?? "",
        ]),
      ],
      "",
    );
  }

  function showTopics({ topics, topicCount }: PageOverview): void {
    const list = byId("topics");
    // The button that has the focus stays where it is.
    const known = new Map(
      Array.from(list.querySelectorAll("button"), (each) => [each.dataset["topic"], each]),
    );
    const rows = topics.map((each): [HTMLElement, string, string] => {
      const button = known.get(each.topic) ?? document.createElement("button");
      button.type = "button";
      button.dataset["topic"] = each.topic;
      button.textContent = each.topic === "" ? "(empty)" : each.topic;
      button.setAttribute("aria-pressed", String(each.topic === topic));
      button.onclick = () => {
        topic = each.topic;
        after = undefined;
        void showEntries();
        for (const other of Array.from(list.querySelectorAll("button"))) {
          other.setAttribute("aria-pressed", String(other === button));
        }
      };
      return [button, String(each.entries), String(each.keys)];
    });
    const focused = document.activeElement;
    fill("topics", rows, "There is no topic.");
    if (focused instanceof HTMLElement && list.contains(focused)) focused.focus();
    const more = topicCount - topics.length;
    say("more-topics", more > 0 ? `and ${more} smaller ones` : "");
  }

  async function showEntries(): Promise<void> {
    if (topic === undefined) return;
    const asked = topic;
    const page = await read<readonly Entry<AnyMeta>[]>({
      view: "entries",
      topic: asked,
      ...(after !== undefined && { after }),
    });
    if (asked !== topic) return;
    say("entries-title", `Entries of ${asked}`);
    fill(
      "entries",
      page.map(({ key, node, meta, session }) => [key, node, JSON.stringify(meta), session]),
      after === undefined ? "Nobody is there." : "There are no more.",
    );
    const last = page[page.length - 1];
    byId("next").onclick = () => {
      after = last?.key;
      void showEntries();
    };
    byId("first").onclick = () => {
      after = undefined;
      void showEntries();
    };
    byId("pages").hidden = false;
  }

  function showHealth({ counters, ready, complete, entryCount, topicCount, findings }: PageOverview): void {
    const facts: [string, string][] = [
      ["ready", ready ? "yes" : "no"],
      ["complete", complete ? "yes" : "no"],
      ["entries", `${entryCount} in ${topicCount} topics`],
      ...Object.entries(counters).map(([name, value]): [string, string] => [name, String(value)]),
    ];
    fill("health", facts, "");
    const list = byId("findings");
    list.replaceChildren(
      ...findings.map(({ severity, about, what, todo }) => {
        const item = document.createElement("li");
        item.append(element("strong", `${about}: `), `${what}. `, element("span", `→ ${todo}`, "todo"));
        item.className = severity;
        return item;
      }),
    );
    say("no-findings", findings.length === 0 ? "Nothing is wrong, as far as can be seen from here." : "");
  }

  async function refresh(): Promise<void> {
    try {
      const overview = await read<PageOverview>({ view: "overview" });
      document.title = `${overview.tracker} – rollcall`;
      say("tracker", overview.tracker);
      const state =
        overview.connection !== "connected"
          ? overview.connection
          : overview.complete
            ? "complete"
            : "catching up";
      say("state", state, state === "complete" ? "good" : "bad");
      showNodes(overview);
      showTopics(overview);
      showHealth(overview);
    } catch (error) {
      say("state", `no answer: ${error instanceof Error ? error.message : String(error)}`, "bad");
    }
    setTimeout(() => void refresh(), periodMs);
  }

  function follow(): void {
    const feed = new EventSource("?view=feed");
    const list = byId("feed");
    feed.onmessage = ({ data }) => {
      if (isPaused) return;
      const { what, topic: where, key, node, said } = JSON.parse(String(data)) as FeedLine;
      const sign = { join: "+", update: "~", leave: "−" }[what];
      const item = element("li", `${sign} ${where}  ${key}  ${node}  ${said}`, what);
      list.prepend(item);
      while (list.childElementCount > linesShown) list.lastElementChild?.remove();
    };
    byId("pause").onclick = () => {
      isPaused = !isPaused;
      say("pause", isPaused ? "Go on" : "Pause");
    };
  }

  byId("explain-form").onsubmit = (event) => {
    event.preventDefault();
    const value = (id: string): string => (byId(id) as HTMLInputElement).value;
    void read<readonly Explanation[]>({
      view: "explain",
      topic: value("explain-topic"),
      key: value("explain-key"),
    }).then((found) =>
      fill(
        "explanations",
        found.map((each) => [
          each.node,
          badge(each.visible ? "shown" : "hidden", each.visible),
          each.status,
          seconds(each.silentMs),
          `${each.shard}.${each.clock}`,
          each.session,
        ]),
        "Nobody holds that.",
      ),
    );
  };
  void refresh();
  follow();
}
