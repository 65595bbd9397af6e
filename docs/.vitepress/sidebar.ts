/** Which pages there are, and in which order. */
import type { DefaultTheme } from "vitepress";
import { entries } from "./manifest.js";

export const navigation: DefaultTheme.NavItem[] = [
  { text: "Guide", link: "/start", activeMatch: "^/(?!api/|playground|recipes/).+" },
  { text: "Recipes", link: "/recipes/", activeMatch: "^/recipes/" },
  { text: "API", link: "/api/", activeMatch: "^/api/" },
  { text: "Playground", link: "/playground" },
];

const guide: DefaultTheme.SidebarItem[] = [
  {
    text: "First steps",
    items: [
      { text: "Getting started", link: "/start" },
      { text: "How it works", link: "/how-it-works" },
      { text: "Tracker or Presence?", link: "/tracker-or-presence" },
      { text: "Playground", link: "/playground" },
    ],
  },
  {
    text: "Guides",
    items: [
      { text: "Diffs, leaves and health", link: "/diffs" },
      { text: "The tracker, further on", link: "/tracker" },
      { text: "Presence", link: "/presence" },
      { text: "Channels", link: "/channels" },
      { text: "Adapters", link: "/adapters" },
      { text: "Testing", link: "/testing" },
      { text: "Operations", link: "/operations" },
      { text: "Runtimes", link: "/runtimes" },
    ],
  },
  {
    text: "Coming from",
    items: [
      { text: "Redis keys with a TTL", link: "/from-redis-ttl" },
      { text: "fetchSockets", link: "/from-fetch-sockets" },
      { text: "Phoenix", link: "/from-phoenix" },
    ],
  },
  {
    text: "Background",
    items: [
      { text: "Where full replication ends", link: "/scaling" },
      { text: "The protocol", link: "/protocol" },
    ],
  },
];

const recipes: DefaultTheme.SidebarItem[] = [
  {
    text: "Recipes",
    link: "/recipes/",
    items: [
      { text: "HTTP servers", link: "/recipes/servers" },
      { text: "Sockets", link: "/recipes/sockets" },
      { text: "tRPC, GraphQL, SSE", link: "/recipes/streams" },
      { text: "React", link: "/recipes/react" },
      { text: "Deploying", link: "/recipes/deploying" },
      { text: "Access rules of brokers", link: "/recipes/access-rules" },
      { text: "Last seen, and telling once", link: "/recipes/once" },
      { text: "Typing, and big rooms", link: "/recipes/rooms" },
    ],
  },
];

export const sidebar: DefaultTheme.SidebarMulti = {
  "/recipes/": recipes,
  "/api/": [
    {
      text: "API reference",
      link: "/api/",
      items: entries.map(({ page, specifier }) => ({ text: specifier, link: `/api/${page}` })),
    },
  ],
  "/": guide,
};
