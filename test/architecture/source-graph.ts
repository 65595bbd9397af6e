/**
 * Reads what source files import and call, by the compiler's own parser, so that comments and strings do not
 * count. Pure: it takes texts, returns facts, and knows no rule of this project.
 */
import ts from "typescript";

/** Paths (relative, with `/`) to texts. */
export type Sources = ReadonlyMap<string, string>;

export interface Import {
  readonly from: string;
  readonly line: number;
  /** A path among the sources, or the name as written if it is a package or a Node module. */
  readonly to: string;
  readonly kind: "file" | "package" | "node" | "missing";
  /**
   * Whether the import vanishes in the output. `import { type A }` does not: with `verbatimModuleSyntax` it
   * stays behind as an import of nothing, which still runs the module.
   */
  readonly typeOnly: boolean;
}

export interface Use {
  readonly from: string;
  readonly line: number;
  /** The global, with one property if it is read from it: `setTimeout`, `Date.now`, `new Date`. */
  readonly name: string;
}

export function importsOf(sources: Sources): Import[] {
  const found: Import[] = [];
  for (const [from, text] of sources) {
    const file = parse(from, text);
    const add = (specifier: ts.Node | undefined, typeOnly: boolean): void => {
      if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
      found.push({
        from,
        line: lineOf(file, specifier),
        typeOnly,
        ...resolve(from, specifier.text, sources),
      });
    };
    walk(file, (node) => {
      if (ts.isImportDeclaration(node)) {
        add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
      } else if (ts.isExportDeclaration(node)) {
        add(node.moduleSpecifier, node.isTypeOnly);
      } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
        add(node.argument.literal, true);
      } else if (ts.isCallExpression(node) && isImportCall(node)) {
        add(node.arguments[0], false);
      }
    });
  }
  return found;
}

/** The uses of the given globals, as values. A parameter or property of the same name is not one. */
export function usesOf(sources: Sources, globals: ReadonlySet<string>): Use[] {
  const found: Use[] = [];
  for (const [from, text] of sources) {
    const file = parse(from, text);
    walk(file, (node) => {
      if (!ts.isIdentifier(node) || !globals.has(node.text) || !isReadAsGlobal(node)) return;
      found.push({ from, line: lineOf(file, node), name: nameOfUse(node) });
    });
  }
  return found;
}

/** The files that can be reached from `start` by imports that exist at run time, `start` included. */
export function runTimeClosure(imports: readonly Import[], start: Iterable<string>): Set<string> {
  const reached = new Set<string>();
  const waiting = [...start];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    for (const { from, to, kind, typeOnly } of imports) {
      if (from === file && kind === "file" && !typeOnly) waiting.push(to);
    }
  }
  return reached;
}

/** Each circle of run-time imports once, as the path that closes it. */
export function circles(imports: readonly Import[]): string[][] {
  const targets = new Map<string, string[]>();
  for (const { from, to, kind, typeOnly } of imports) {
    if (kind !== "file" || typeOnly) continue;
    const known = targets.get(from);
    if (known === undefined) targets.set(from, [to]);
    else known.push(to);
  }
  const found: string[][] = [];
  const finished = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const start = path.indexOf(file);
    if (start >= 0) {
      found.push([...path.slice(start), file]);
      return;
    }
    if (finished.has(file)) return;
    path.push(file);
    for (const target of targets.get(file) ?? []) visit(target);
    path.pop();
    finished.add(file);
  };
  for (const file of targets.keys()) visit(file);
  return found;
}

function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true, ts.ScriptKind.TS);
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

function lineOf(file: ts.SourceFile, node: ts.Node): number {
  return file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
}

function isImportCall(node: ts.CallExpression): boolean {
  if (node.expression.kind === ts.SyntaxKind.ImportKeyword) return true;
  return ts.isIdentifier(node.expression) && node.expression.text === "require";
}

function resolve(from: string, specifier: string, sources: Sources): Pick<Import, "to" | "kind"> {
  if (specifier.startsWith("node:")) return { to: specifier, kind: "node" };
  if (!specifier.startsWith(".")) return { to: specifier, kind: "package" };
  const folder = from.slice(0, from.lastIndexOf("/") + 1);
  const path = new URL(specifier, `file:///${folder}`).pathname.slice(1);
  const source = path.replace(/\.js$/, ".ts");
  // A name without the ending runs under some tools only, so it counts as missing.
  return path.endsWith(".js") && sources.has(source)
    ? { to: source, kind: "file" }
    : { to: specifier, kind: "missing" };
}

function isReadAsGlobal(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) {
    return ts.isIdentifier(parent.expression) && parent.expression.text === "globalThis";
  }
  if (ts.isQualifiedName(parent) || ts.isTypeReferenceNode(parent) || ts.isTypeQueryNode(parent))
    return false;
  if (ts.isTypeOfExpression(parent)) return false;
  const names = "name" in parent && parent.name === node;
  return !(names && !ts.isShorthandPropertyAssignment(parent));
}

function nameOfUse(node: ts.Identifier): string {
  const { parent } = node;
  if (ts.isNewExpression(parent) && parent.expression === node) return `new ${node.text}`;
  if (ts.isPropertyAccessExpression(parent) && parent.expression === node) {
    return `${node.text}.${parent.name.text}`;
  }
  return node.text;
}
