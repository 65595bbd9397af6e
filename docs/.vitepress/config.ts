import { join } from "node:path";
import { defineConfig } from "vitepress";
import { leftOut, linkOnSite, pictureOnSite } from "./links.js";
import { base, manifest, repositoryUrl, root } from "./manifest.js";
import { searchDialog } from "./search-dialog.js";
import { navigation, sidebar } from "./sidebar.js";

export default defineConfig({
  lang: "en",
  title: manifest.name,
  titleTemplate: ":title · rollcall",
  description: manifest.description,
  base,
  srcExclude: leftOut,
  head: [
    ["link", { rel: "icon", type: "image/svg+xml", href: `${base}mark.svg` }],
    ["meta", { name: "theme-color", content: "#0f766e" }],
  ],
  markdown: {
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
    config(md) {
      const { link_open: linkOpen, image } = md.renderer.rules;
      // The corner of a table that says nothing is the header of nothing.
      md.core.ruler.push("empty-corners", ({ tokens }) => {
        for (const [index, token] of tokens.entries()) {
          if (token.type !== "th_open" || tokens[index + 1]?.content !== "") continue;
          for (const cell of [token, tokens[index + 2]]) if (cell?.tag === "th") cell.tag = "td";
        }
      });
      md.renderer.rules["link_open"] = (tokens, index, options, env, self) => {
        const href = tokens[index]?.attrGet("href");
        if (href) tokens[index]?.attrSet("href", linkOnSite(env.relativePath, href));
        return linkOpen?.(tokens, index, options, env, self) ?? self.renderToken(tokens, index, options);
      };
      md.renderer.rules["image"] = (tokens, index, options, env, self) => {
        const source = tokens[index]?.attrGet("src");
        if (source) tokens[index]?.attrSet("src", pictureOnSite(env.relativePath, source));
        return image?.(tokens, index, options, env, self) ?? self.renderToken(tokens, index, options);
      };
    },
  },
  vite: {
    plugins: [searchDialog],
    // The reference of all entries is one long page each.
    build: { chunkSizeWarningLimit: 2_000 },
    resolve: {
      alias: [
        // The playground runs the library itself, from its sources.
        { find: /^rollcall\/testing$/, replacement: join(root, "src/testing/index.ts") },
        { find: /^rollcall$/, replacement: join(root, "src/index.ts") },
        { find: /^node:util$/, replacement: join(root, "docs/.vitepress/playground/equal.ts") },
      ],
    },
  },
  themeConfig: {
    logo: { src: "/mark.svg", alt: "" },
    nav: navigation,
    sidebar,
    outline: { level: [2, 3] },
    search: {
      provider: "local",
      options: {
        // Words are looked for, not code.
        _render: (text, env, md) => md.render(text.replace(/^```[\s\S]*?^```$/gm, ""), env),
      },
    },
    socialLinks: [{ icon: "github", link: repositoryUrl, ariaLabel: "The repository" }],
    notFound: {
      title: "There is no such page",
      quote: "It may have moved: search for it, or start from the first page.",
      linkText: "To the first page",
      linkLabel: "To the first page",
    },
    footer: { message: "MIT licensed." },
  },
});
