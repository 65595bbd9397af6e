/** The 1.7 line of the official client under its own name; its types are those of 1.8. */
declare module "phoenix17" {
  export { Channel, Presence, Push, Socket } from "phoenix";
}
