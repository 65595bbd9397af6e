/** "What am I looking at?": the lines that do it, with the files that they stand in. */
import { html } from "hono/html";
import type { Markup } from "./layout.ts";

interface Line {
  readonly code: string;
  readonly file: string;
  readonly does: string;
}

/** Each line stands in its file as it is here. */
export const aboutLines: readonly Line[] = [
  {
    code: `Presence.start<CartMeta>({`,
    file: "presence/cart-tracker.ts",
    does: "Every node starts one. Together they keep one list, without a store in the middle.",
  },
  {
    code: `tracker.set(channel.session, cartTopic, cartId, {`,
    file: "channels/cart-channel.ts",
    does: "An open page is tracked. It leaves with its session, however that ends.",
  },
  {
    code: `channel.follow(tracker, cartTopic);`,
    file: "channels/admin-channels.ts",
    does: "This page is sent the state once, and then every change.",
  },
  {
    code: `const presence = new PresenceClient<CartMeta>();`,
    file: "browser/admin.ts",
    does: "The browser's copy of the list.",
  },
  {
    code: `presence.receive(event, payload)`,
    file: "browser/admin.ts",
    does: "Every change goes in here.",
  },
  {
    code: `totals.set(key, presence.get(key)?.metas ?? []);`,
    file: "browser/admin.ts",
    does: "The big numbers: one shopper is counted anew, not all of them.",
  },
  {
    code: `Tracker.start<ViewerMeta>(behaviour, { name: "viewers", pubsub });`,
    file: "presence/viewers.ts",
    does: "Who looks at which shoe, for the servers alone.",
  },
  {
    code: `this.#parts.viewers.count(viewersTopic(product)) > 0`,
    file: "stock-pipeline.ts",
    does: "Stock is read only while somebody, on any node, looks.",
  },
  {
    code: `await hearOut(tracker, config.others, catchUpMs);`,
    file: "node.ts",
    does: "A new node hears the others out before it serves.",
  },
  {
    code: `tracker.stop({ handoffMs })`,
    file: "node.ts",
    does: "One that stops says goodbye: its shoppers stay listed until they are elsewhere.",
  },
];

/** What the links may open. */
export const aboutFiles: readonly string[] = [...new Set(aboutLines.map(({ file }) => file))];

export function about(): Markup {
  return html`<details class="panel about" data-testid="about">
    <summary>What am I looking at?</summary>
    <p>
      Three processes that tell each other who is in the shop. Each has the complete list in memory and
      answers from it; none asks another. When one dies, is cut off or stands still, the others go on, and
      when it is back they agree again. These lines do it:
    </p>
    <ol class="about-lines">
      ${aboutLines.map(
        ({ code, file, does }) =>
          html`<li>
            <code>${code}</code>
            <span>${does} <a href="/admin/source/${file}">${file}</a></span>
          </li>`,
      )}
    </ol>
    <h3>Tracker or Presence?</h3>
    <p>
      A <b>Tracker</b> tells your servers who is there: entries, counts and diffs, such as who looks at which
      shoe. A <b>Presence</b> is a tracker that groups its entries by user and speaks the form that browsers
      understand, such as the carts on this page. Take a Tracker for what servers decide by, and a Presence
      for what people are shown.
    </p>
  </details>`;
}
