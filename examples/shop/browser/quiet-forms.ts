/**
 * Forms marked `data-quiet` are sent without leaving the page; what the server says shows for a moment. A button
 * that makes no sense now says why instead.
 */
import { isAvailable, toast } from "./dom.ts";

export function startQuietForms(): void {
  document.addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    if (!(form instanceof HTMLFormElement) || form.dataset["quiet"] === undefined) return;
    event.preventDefault();
    if (submitter !== null && !isAvailable(submitter)) {
      toast(submitter.getAttribute("title") ?? "Not now.");
      return;
    }
    void fetch(form.action, { method: "POST", headers: { accept: "text/plain" } })
      .then(async (response) => toast(await response.text()))
      .catch(() => toast("No answer. The node may just have gone; try again."));
  });
}
