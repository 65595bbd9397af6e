/**
 * The parameters of a connect URL. The official client writes nested ones with brackets, as PHP does:
 * `user[name]=ann&tags[0]=a`. Promises objects without a prototype, so that no name can reach one, and bounded
 * depth. Knows no request and no socket.
 */

/** A parameter: a text, a list, or parameters inside. Check it before you use it: a client may send anything. */
export type ParamValue = string | readonly ParamValue[] | ConnectParams;

/** The parameters of a connect URL by name; an object without a prototype. */
export interface ConnectParams {
  readonly [name: string]: ParamValue | undefined;
}

/** `a[b][c]…`: deeper than any honest client nests. */
const MAX_DEPTH = 16;

type Tree = Map<string, string | Tree>;

/**
 * Reads a query. Of a name given twice the last value counts; `a[]=1&a[]=2` and names with the indices 0, 1, …
 * become lists. `undefined` for parameters nested more than 16 deep.
 */
export function parseParams(query: string): ConnectParams | undefined {
  const tree: Tree = new Map();
  for (const [name, value] of new URLSearchParams(query)) {
    const path = splitName(name);
    if (path.length > MAX_DEPTH) return undefined;
    place(tree, path, value);
  }
  return toObject(tree);
}

/** `a[b][]` becomes `a`, `b` and the empty text. A name whose brackets do not match is one plain name. */
function splitName(name: string): string[] {
  const bracket = name.indexOf("[");
  if (bracket <= 0 || !name.endsWith("]")) return [name];
  const inner = name.slice(bracket + 1, -1).split("][");
  if (inner.some((part) => part.includes("[") || part.includes("]"))) return [name];
  return [name.slice(0, bracket), ...inner];
}

function place(tree: Tree, path: readonly string[], value: string): void {
  let here = tree;
  for (const [depth, part] of path.entries()) {
    const name = part === "" && depth > 0 ? String(here.size) : part;
    if (depth === path.length - 1) {
      here.set(name, value);
      return;
    }
    const inner = here.get(name);
    if (inner instanceof Map) here = inner;
    else {
      const fresh: Tree = new Map();
      here.set(name, fresh);
      here = fresh;
    }
  }
}

function toValue(node: string | Tree): ParamValue {
  if (typeof node === "string") return node;
  return isList(node) ? [...node.values()].map(toValue) : toObject(node);
}

function toObject(tree: Tree): ConnectParams {
  const object: Record<string, ParamValue> = Object.create(null) as Record<string, ParamValue>;
  for (const [name, node] of tree) object[name] = toValue(node);
  return object;
}

function isList(tree: Tree): boolean {
  let index = 0;
  for (const name of tree.keys()) if (name !== String(index++)) return false;
  return true;
}
