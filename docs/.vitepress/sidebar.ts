/** Which pages there are, and in which order. */
import type { DefaultTheme } from "vitepress";
import { entries } from "./manifest.js";

export const navigation: DefaultTheme.NavItem[] = [
  { text: "Guide", link: "/start", activeMatch: "^/(?!api/|playground|recipes/).+" },
  { text: "API", link: "/api/", activeMatch: "^/api/" },
  { text: "Playground", link: "/playground" },
];

const guide: DefaultTheme.SidebarItem[] = [
  {
    text: "First steps",
    items: [
      { text: "Getting started", link: "/start" },
      { text: "How it works", link: "/how-it-works" },
      { text: "Playground", link: "/playground" },
    ],
  },
  {
    text: "Guides",
    items: [
      { text: "The tracker, further on", link: "/tracker" },
      { text: "Presence", link: "/presence" },
      { text: "Channels", link: "/channels" },
      { text: "Adapters", link: "/adapters" },
      { text: "Testing", link: "/testing" },
      { text: "Operations", link: "/operations" },
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

export const sidebar: DefaultTheme.SidebarMulti = {
  "/api/": [
    {
      text: "API reference",
      link: "/api/",
      items: entries.map(({ page, specifier }) => ({ text: specifier, link: `/api/${page}` })),
    },
  ],
  "/": guide,
};
