/**
 * The search box of the theme calls itself a button, and so hides its field, its buttons and its results from a screen
 * reader. It is a dialog, in which a result is the link itself by the name that is seen, and a picture of a key says which
 * key it is.
 */
import type { Plugin } from "vitepress";

const changes: readonly (readonly [from: RegExp, to: string])[] = [
  [
    /role="button"\s+:aria-owns="[^"]*"\s+aria-expanded="true"\s+aria-haspopup="listbox"/,
    'role="dialog" aria-modal="true"',
  ],
  [
    /(v-for="\(p, index\) in results"\s+:key="p\.id")\s+:id="'localsearch-item-' \+ index"\s+:aria-selected="[^"]*"\s+role="option"/,
    '$1 role="presentation"',
  ],
  [
    /:aria-label="\[\.\.\.p\.titles, p\.title\]\.join\(' > '\)"/,
    `:id="'localsearch-item-' + index" :aria-selected="selectedIndex === index" role="option"`,
  ],
  [/<kbd :aria-label/g, '<kbd role="img" :aria-label'],
];

export const searchDialog: Plugin = {
  name: "search-dialog",
  enforce: "pre",
  transform(code, id) {
    if (!id.endsWith("/VPLocalSearchBox.vue")) return undefined;
    return changes.reduce((text, [from, to]) => {
      if (text.search(from) < 0)
        throw new Error(`The search box of the theme is another one now, without ${from}`);
      return text.replace(from, to);
    }, code);
  },
};
