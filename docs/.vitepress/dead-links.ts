/** Links within the built site that lead to no file or no anchor. Pure. */

/** One line for each dead link. `pages` are the HTML files by their paths in the site. */
export function deadLinks(
  pages: ReadonlyMap<string, string>,
  base: string,
  hasFile: (path: string) => boolean,
): string[] {
  const anchors = new Map([...pages].map(([path, html]) => [path, anchorsOf(html)]));
  const dead = new Set<string>();
  for (const [page, html] of pages) {
    for (const target of linksOf(html)) {
      const { pathname, hash, origin } = new URL(target, `http://site${base}${page}`);
      if (origin !== "http://site") continue;
      const path = fileOf(pathname, base);
      if (path === undefined || !hasFile(path)) dead.add(`${page}: ${target} leads to no file`);
      else if (hash !== "" && anchors.get(path)?.has(decodeURIComponent(hash.slice(1))) === false) {
        dead.add(`${page}: ${target} leads to no anchor`);
      }
    }
  }
  return [...dead];
}

function linksOf(html: string): string[] {
  const found = html.matchAll(/<(?:a|img|script|link|source)\b[^>]*?\s(?:href|src)="([^"]*)"/g);
  return [...found].map((match) => (match[1] ?? "").replaceAll("&amp;", "&"));
}

function anchorsOf(html: string): ReadonlySet<string> {
  return new Set([...html.matchAll(/\sid="([^"]*)"/g)].map((match) => match[1] ?? ""));
}

function fileOf(pathname: string, base: string): string | undefined {
  if (!pathname.startsWith(base)) return undefined;
  const path = decodeURIComponent(pathname.slice(base.length));
  if (path === "" || path.endsWith("/")) return `${path}index.html`;
  return /\.[a-z\d]+$/i.test(path) ? path : `${path}.html`;
}
