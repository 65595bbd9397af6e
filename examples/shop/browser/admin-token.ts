/**
 * Keeps the admin's token fresh, so that a page that was left open can still reconnect. The token travels as
 * the client's `authToken`, in a header of the upgrade, and so never in an address.
 */
import type { Socket } from "phoenix";

/** Well before a token ends, also where a sleeping tab's timers come late. */
const renewAfterMs = 15 * 60_000;

/** Gives the socket the page's token, and from then on the newest one, for every connection that it opens. */
export function useAdminToken(socket: Socket): void {
  let token = document.body.dataset["adminToken"] ?? "";
  // As an option it would be fixed; as this property it is asked for each time the client connects.
  Object.assign(socket, { authToken: () => token });
  setInterval(() => {
    void fetch("/admin/token")
      .then((response) => (response.ok ? response.text() : Promise.reject(new Error(response.statusText))))
      .then((renewed) => (token = renewed))
      .catch((error: unknown) => console.warn("The admin token could not be renewed", error));
  }, renewAfterMs);
}
