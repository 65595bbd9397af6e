/**
 * The nodes as a map: each with the total on its own list, and between two of them a link on which frames
 * travel. The table below it says the same in words, for those who do not see it.
 */
import type { ClusterView, LinkStatus, NodeStatus } from "../wire.ts";
import { find, setAttribute, setText } from "./dom.ts";
import { lookOf, shortStateWords, signs } from "./node-words.ts";

interface Place {
  readonly x: number;
  readonly y: number;
}

interface ShownNode {
  readonly group: SVGGElement;
  readonly total: SVGTextElement;
  readonly state: SVGTextElement;
  readonly sign: SVGTextElement;
}

interface ShownLink {
  readonly line: SVGLineElement;
  readonly words: SVGTextElement;
  readonly places: readonly [Place, Place];
  /** When the next frame may set out. */
  nextMs: number;
}

const middle: Place = { x: 260, y: 158 };
const travelMs = 650;
/** How far the words of a link are from it: they are wider than high. */
const wordsAside = { x: 34, y: 18 };
/** More than so many at once on one link is a line. */
const mostFrames = 8;

export class ClusterMap {
  readonly #map = find<SVGSVGElement>("[data-map]");
  readonly #isStill = matchMedia("(prefers-reduced-motion: reduce)");
  readonly #nodes = new Map<string, ShownNode>();
  readonly #links = new Map<string, ShownLink>();
  #frames = 0;

  show({ tells, status }: ClusterView): void {
    const { nodes, links } = status;
    if (this.#nodes.size !== nodes.length) this.#draw(nodes, links);
    for (const node of nodes) this.#showNode(node, node.name === tells);
    for (const link of links) this.#showLink(link);
  }

  #showNode(node: NodeStatus, tells: boolean): void {
    const shown = this.#nodes.get(node.name);
    if (shown === undefined) return;
    const look = lookOf(node);
    setAttribute(shown.group, "data-look", look);
    setAttribute(shown.group, "data-differs", String((node.differsBy ?? 0) !== 0));
    const total = node.shoppers === undefined ? "–" : String(node.shoppers);
    setText(shown.total, total);
    setAttribute(shown.total, "data-long", String(total.length > 3));
    setText(shown.sign, signs[look]);
    setText(shown.state, `${shortStateWords(node)}${tells ? " · tells you" : ""}`);
  }

  #showLink({ nodes, cut, framesPerSecond }: LinkStatus): void {
    const shown = this.#links.get(nodes.join());
    if (shown === undefined) return;
    setAttribute(shown.line, "data-cut", String(cut));
    setAttribute(shown.line, "data-quiet", String(framesPerSecond === 0));
    setText(shown.words, cut ? "✂ cut" : `${framesPerSecond}/s`);
    const live = document.body.dataset["live"] === "true";
    if (cut || !live || framesPerSecond === 0 || this.#isStill.matches || document.hidden) return;
    const nowMs = performance.now();
    const spacingMs = Math.max(1_000 / framesPerSecond, travelMs / mostFrames);
    for (let count = 0; nowMs + 500 > shown.nextMs && count < mostFrames; count++) {
      shown.nextMs = Math.max(shown.nextMs, nowMs) + spacingMs;
      this.#sendFrame(shown.places, shown.nextMs - nowMs);
    }
  }

  /** One frame sets out, from the one end or the other by turns. */
  #sendFrame(places: readonly [Place, Place], delayMs: number): void {
    this.#frames += 1;
    const [from, to] = this.#frames % 2 === 0 ? places : [places[1], places[0]];
    const dot = svg("circle", { r: "4", class: "frame" });
    find(".frames", this.#map).append(dot);
    const at = ({ x, y }: Place): string => `translate(${x}px, ${y}px)`;
    const travel = dot.animate([{ transform: at(from) }, { transform: at(to) }], {
      duration: travelMs,
      delay: delayMs,
      fill: "backwards",
      easing: "ease-in-out",
    });
    travel.onfinish = travel.oncancel = () => dot.remove();
  }

  #draw(nodes: readonly NodeStatus[], links: readonly LinkStatus[]): void {
    this.#nodes.clear();
    this.#links.clear();
    const radius = nodes.length <= 4 ? 46 : Math.max(18, 150 / nodes.length);
    const places = new Map(nodes.map(({ name }, index) => [name, placeOf(index, nodes.length)]));
    const linkGroup = svg("g", { class: "links" });
    const nodeGroup = svg("g", {});
    for (const { nodes: ends } of links) {
      const [from, to] = [places.get(ends[0]), places.get(ends[1])];
      if (from === undefined || to === undefined) continue;
      const line = svg("line", { x1: from.x, y1: from.y, x2: to.x, y2: to.y });
      const words = svg("text", { ...besideLink(from, to), class: "link-words" });
      linkGroup.append(line, words);
      this.#links.set(ends.join(), { line, words, places: [from, to], nextMs: 0 });
    }
    for (const { name } of nodes) {
      const place = places.get(name) ?? middle;
      const group = svg("g", { class: "map-node", transform: `translate(${place.x} ${place.y})` });
      const total = svg("text", { class: "map-total", y: radius > 30 ? 8 : 5 });
      const sign = svg("text", { class: "map-sign", y: -radius + 22 });
      const label = svg("text", { class: "map-name", y: radius + 20 });
      const state = svg("text", { class: "map-state", y: radius + 37 });
      setText(label, name);
      group.append(svg("circle", { r: radius }), total, label, state);
      if (radius > 30) group.append(sign);
      nodeGroup.append(group);
      this.#nodes.set(name, { group, total, state, sign });
    }
    this.#map.replaceChildren(linkGroup, svg("g", { class: "frames" }), nodeGroup);
  }
}

/** Beside the middle of a link, on the side that is away from the middle of the map: there is nothing else there. */
function besideLink(from: Place, to: Place): Place {
  const [x, y] = [(from.x + to.x) / 2, (from.y + to.y) / 2];
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const across = { x: (to.y - from.y) / length, y: (from.x - to.x) / length };
  const outwards = across.x * (x - middle.x) + across.y * (y - middle.y) < 0 ? -1 : 1;
  return { x: x + outwards * across.x * wordsAside.x, y: y + outwards * across.y * wordsAside.y + 4 };
}

/** On an ellipse, the first at its top. */
function placeOf(index: number, count: number): Place {
  if (count === 1) return middle;
  const angle = (index / count) * 2 * Math.PI - (count === 2 ? Math.PI : Math.PI / 2);
  const [width, height] = count === 3 ? [185, 100] : [190, 95];
  // Three stand on a triangle, whose middle is not that of the picture.
  const down = count === 3 ? 20 : 0;
  return {
    x: Math.round(middle.x + width * Math.cos(angle)),
    y: Math.round(middle.y - 10 + down + height * Math.sin(angle)),
  };
}

function svg<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  properties: Readonly<Record<string, string | number>>,
): SVGElementTagNameMap[Name] {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [property, value] of Object.entries(properties)) made.setAttribute(property, String(value));
  return made;
}
