/** Forms marked `data-quiet` are sent without leaving the page; what the server says shows for a moment. */
import { toast } from "./dom.ts";

export function startQuietForms(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.dataset["quiet"] === undefined) return;
    event.preventDefault();
    void fetch(form.action, { method: "POST", headers: { accept: "text/plain" } })
      .then(async (response) => toast(await response.text()))
      .catch(() => toast("No answer. The node may just have gone; try again."));
  });
}
