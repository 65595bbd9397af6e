/** The page of the inspector: one document that needs nothing else, and the policy under which it runs. */
import { createHash } from "node:crypto";
import { pageScript } from "./page-script.js";

const style = `
:root { color-scheme: light dark; --text: #1c1c1e; --dim: #55555c; --back: #ffffff; --line: #d8d8de; --soft: #f2f2f6;
  --good: #146c2e; --bad: #b3261e; --link: #0b57d0; }
@media (prefers-color-scheme: dark) { :root { --text: #ececf1; --dim: #b0b0ba; --back: #16161a; --line: #3a3a42;
  --soft: #222228; --good: #7ddc96; --bad: #ffb4ab; --link: #a8c7fa; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 1rem; font: 15px/1.45 system-ui, sans-serif; color: var(--text); background: var(--back); }
header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; }
h1 { font-size: 1.35rem; margin: 0; overflow-wrap: anywhere; } h2 { font-size: 1.05rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
main { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1rem; margin-top: 1rem; }
section { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; min-width: 0; }
.scroll { overflow: auto; max-height: 24rem; } .scroll:focus-visible, button:focus-visible, input:focus-visible {
  outline: 2px solid var(--link); outline-offset: 2px; }
.wide { min-width: 38rem; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--dim); } th, td { padding: .2rem .75rem .2rem 0; vertical-align: top; }
td { border-top: 1px solid var(--line); overflow-wrap: anywhere; min-width: 5.2rem; } td .good, td .bad { white-space: nowrap; }
.good { color: var(--good); } .bad, .wrong strong { color: var(--bad); font-weight: 600; } .todo, .dim { color: var(--dim); }
button, input { font: inherit; color: inherit; background: var(--soft); border: 1px solid var(--dim); border-radius: .35rem;
  padding: .25rem .6rem; min-height: 1.9rem; max-width: 100%; overflow-wrap: anywhere; text-align: left; }
button { cursor: pointer; } button[aria-pressed="true"] { border-color: var(--link); color: var(--link); }
form { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: end; margin-bottom: .5rem; }
label { display: grid; gap: .15rem; color: var(--dim); } label input { color: var(--text); }
ul { margin: 0; padding-left: 1.1rem; } ol, #feed { list-style: none; margin: 0; padding: 0; font: 13px/1.5 ui-monospace, monospace;
  white-space: pre-wrap; overflow-wrap: anywhere; } .join { color: var(--good); } .leave { color: var(--bad); }
p { margin: .4rem 0 0; } .row { display: flex; gap: .5rem; margin-top: .5rem; }
`;

/** The head of a table whose rows the script fills in. */
function table(id: string, label: string, columns: readonly string[]): string {
  const head = columns.map((column) => `<th scope="col">${column}</th>`).join("");
  return `<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table${columns.length > 3 ? ' class="wide"' : ""}><thead><tr>${head}</tr></thead><tbody id="${id}"></tbody></table></div>`;
}

// A builder that keeps the names of functions wraps them in a call of this.
const script = `const __name = (named) => named;(${pageScript.toString()})();`;

/** The whole page; it says nothing of the tracker, which the script asks for. */
export const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>rollcall</title><link rel="icon" href="data:,"><style>${style}</style></head>
<body>
<header><h1 id="tracker">rollcall</h1><span id="state" role="status">…</span></header>
<main>
<section><h2>Nodes and links</h2>${table("nodes", "Nodes and links", ["Node", "Status", "Link", "Heard", "Lag", "Entries", "Version"])}</section>
<section><h2>What is wrong</h2><ul id="findings"></ul><p id="no-findings"></p></section>
<section><h2>Topics</h2>${table("topics", "Topics", ["Topic", "Entries", "Keys"])}<p id="more-topics" class="dim"></p></section>
<section><h2 id="entries-title">Entries</h2>${table("entries", "Entries", ["Key", "Node", "Meta", "Session"])}
<div class="row" id="pages" hidden><button type="button" id="first">First page</button><button type="button" id="next">Next page</button></div></section>
<section><h2>Why is it there?</h2>
<form id="explain-form"><label>Topic <input id="explain-topic" autocomplete="off"></label><label>Key <input id="explain-key" autocomplete="off"></label><button>Explain</button></form>
${table("explanations", "Explanation", ["Node", "Shown", "Status", "Heard", "Dot", "Session"])}</section>
<section><h2>Live</h2><div class="scroll" tabindex="0" role="region" aria-label="Live feed"><ol id="feed"></ol></div>
<div class="row"><button type="button" id="pause">Pause</button></div></section>
<section><h2>Health</h2>${table("health", "Health", ["What", "Value"])}</section>
</main>
<script>${script}</script>
</body></html>
`;

function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

/** Lets the page run what it has, ask where it came from, and nothing else. */
export const POLICY = [
  "default-src 'none'",
  `script-src ${hashOf(script)}`,
  `style-src ${hashOf(style)}`,
  "img-src data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");
