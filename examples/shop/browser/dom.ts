/** The few things that every page does with the document. All text goes in as text, never as markup. */

export function find<E extends Element = HTMLElement>(selector: string, within: ParentNode = document): E {
  const element = within.querySelector<E>(selector);
  if (element === null) throw new Error(`The page has no ${selector}`);
  return element;
}

export function findAll(selector: string, within: ParentNode = document): readonly HTMLElement[] {
  return Array.from(within.querySelectorAll<HTMLElement>(selector));
}

/** Makes an element; a child that is a string becomes text. */
export function element(
  name: string,
  properties: Readonly<Record<string, string>> = {},
  ...children: (Node | string)[]
): HTMLElement {
  const made = document.createElement(name);
  for (const [property, value] of Object.entries(properties)) made.setAttribute(property, value);
  made.append(...children);
  return made;
}

/** Sets the text of an element only if it differs: what does not change is not painted again. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Sets an attribute only if it differs. */
export function setAttribute(target: Element, name: string, value: string): void {
  if (target.getAttribute(name) !== value) target.setAttribute(name, value);
}

/** Whether a button or link can do something now; one that cannot keeps the focus, and says why where it can. */
export function setAvailable(target: Element, available: boolean, why = ""): void {
  setAttribute(target, "aria-disabled", String(!available));
  if (why !== "") setAttribute(target, "title", why);
  else target.removeAttribute("title");
}

export function isAvailable(target: Element): boolean {
  return target.getAttribute("aria-disabled") !== "true";
}

/**
 * Makes a list's children be those of the given keys, in their order, without touching what stays: the focus
 * stays where it is. Where it was on a child that goes, `refocus` is called with the child that has its place now.
 */
export function reconcile<Item>(
  list: Element,
  items: readonly Item[],
  keyOf: (item: Item) => string,
  make: (item: Item) => Element,
  update: (child: Element, item: Item) => void,
  refocus: (child: Element | undefined) => void = () => undefined,
): void {
  const shown = new Map(Array.from(list.children, (child) => [child.getAttribute("data-key") ?? "", child]));
  const keys = new Set(items.map(keyOf));
  const focused = Array.from(list.children).findIndex((child) => child.contains(document.activeElement));
  const focusedKey = list.children[focused]?.getAttribute("data-key");
  for (const [key, child] of shown) if (!keys.has(key)) child.remove();
  items.forEach((item, index) => {
    const key = keyOf(item);
    let child = shown.get(key);
    if (child === undefined) {
      child = make(item);
      child.setAttribute("data-key", key);
    }
    update(child, item);
    if (list.children[index] !== child) list.insertBefore(child, list.children[index] ?? null);
  });
  if (typeof focusedKey === "string" && !keys.has(focusedKey)) {
    refocus(list.children[Math.min(focused, list.children.length - 1)]);
  }
}

const toastMs = 4_000;
let toastTimer: ReturnType<typeof setTimeout> | undefined;

/** Says something for a moment, to the eye and to screen readers, in front of a dialog that is open. */
export function toast(text: string): void {
  const all = findAll("[data-toast]");
  const box = document.querySelector<HTMLElement>("dialog[open] [data-toast]") ?? all.at(-1);
  for (const each of all) each.replaceChildren();
  // New each time: what is said twice is read twice.
  box?.append(element("p", { class: "toast" }, text));
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => box?.replaceChildren(), toastMs);
}
