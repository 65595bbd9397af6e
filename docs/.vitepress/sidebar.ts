/** Which pages there are, and in which order. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { DefaultTheme } from "vitepress";
import { entries, root } from "./manifest.js";

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
      { text: "How we write", link: "/style" },
      { text: "Decisions", collapsed: true, items: decisions() },
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

function decisions(): DefaultTheme.SidebarItem[] {
  const folder = join(root, "docs/decisions");
  return readdirSync(folder)
    .filter((name) => name.endsWith(".md"))
    .sort()
    .map((name) => ({
      text: /^# (.*)$/m.exec(readFileSync(join(folder, name), "utf8"))?.[1] ?? name,
      link: `/decisions/${name.replace(/\.md$/, "")}`,
    }));
}
