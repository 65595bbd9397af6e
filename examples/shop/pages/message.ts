/** A page that only says something: not found, refused, failed. */
import { html } from "hono/html";
import { layout, type Markup, type PageFrame } from "./layout.ts";

export function messagePage(frame: PageFrame, title: string, text: string): Markup {
  return layout(
    frame,
    title,
    html`<section class="message">
      <h1>${title}</h1>
      <p>${text}</p>
      <p><a class="primary" href="/">To the sneakers</a></p>
    </section>`,
  );
}
