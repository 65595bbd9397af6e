/** The few things that every page does with the document. All text goes in as text, never as markup. */

export function find<E extends HTMLElement>(selector: string, within: ParentNode = document): E {
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
export function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

let toastTimer: ReturnType<typeof setTimeout> | undefined;

/** Says something for a moment, to the eye and to screen readers. */
export function toast(text: string): void {
  const box = find("[data-toast]");
  box.hidden = true;
  setText(box, text);
  box.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (box.hidden = true), 3_000);
}
