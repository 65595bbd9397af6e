/**
 * The sneakers, drawn: five silhouettes as SVG paths, coloured by a product's palette. A shoe points to the
 * right and stands on y = 222 of a 400 by 260 field.
 */
import { html } from "hono/html";
import type { Palette, Product, Silhouette } from "../store/catalogue.ts";

/** The drawing of a product, as a file of its own. */
export function drawing(product: Product): string {
  const shoe = shapes[product.silhouette](product.palette);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 260">` +
    `<ellipse cx="208" cy="226" rx="160" ry="11" fill="#000" fill-opacity=".16"/>${shoe}</svg>`
  );
}

const wings =
  "M16 17C11 6 5 3 2 5c-2 4 4 11 14 12Zm0 0C21 6 27 3 30 5c2 4-4 11-14 12Zm0 0C9 17 5 22 7 26c4 2 8-3 9-9Zm0 0c7 0 11 5 9 9-4 2-8-3-9-9Z";

/** The shop's mark: a lacewing, two pairs of wings crossed like laces. */
export const mark = html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
  <path d="${wings}" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linejoin="round" />
</svg>`;

/** The mark as a browser's tab shows it. */
export const icon =
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-4 -5 40 40"><rect x="-4" y="-5" width="40" height="40" rx="9" fill="#cf3f12"/>` +
  `<path d="${wings}" fill="none" stroke="#fff" stroke-width="2.6" stroke-linejoin="round"/></svg>`;

const fill = (colour: string, d: string, more = ""): string => `<path fill="${colour}" d="${d}"${more}/>`;
const line = (colour: string, width: number, d: string, more = ""): string =>
  `<path fill="none" stroke="${colour}" stroke-width="${width}" stroke-linecap="round" stroke-linejoin="round" d="${d}"${more}/>`;
const shade = (d: string, strength = 0.12): string => fill("#000", d, ` fill-opacity="${strength}"`);
const glow = (d: string, strength = 0.25): string => fill("#fff", d, ` fill-opacity="${strength}"`);
const stitch = (d: string): string => line("#000", 1.4, d, ` stroke-opacity=".28" stroke-dasharray="4 4"`);

/** Bars across the instep, from one row of eyelets to the other. */
function laces(colour: string, bars: readonly (readonly [number, number, number, number])[]): string {
  const crossed = bars.map(([x1, y1, x2, y2]) => `M${x1} ${y1}L${x2} ${y2}`).join("");
  return (
    line("#000", 8, crossed, ` stroke-opacity=".16" transform="translate(0 2)"`) + line(colour, 6, crossed)
  );
}

const shapes: Record<Silhouette, (palette: Palette) => string> = {
  runner: (p) =>
    [
      // Tongue, upper, then what is sewn onto it.
      fill(p.panel, "M150 96 177 58c6-8 20-7 25 2 9 28 30 58 64 90l-50 14Z"),
      shade("M160 98 180 66l22 28-24 24Z", 0.1),
      fill(
        p.upper,
        "M62 184C56 150 58 112 66 86c3-10 17-13 25-5 14 15 34 23 58 20l26-5c30 34 66 50 112 58 42 7 66 16 68 34 0 6-2 10-4 12H66Z",
      ),
      fill(
        p.panel,
        "M62 184C56 150 58 112 66 86c3-10 17-13 25-5 6 7 14 13 22 16-6 30-2 62 14 103H66c-2-5-3-10-4-16Z",
      ),
      fill(
        p.accent,
        "M63 96c1-4 2-7 3-10 3-10 17-13 25-5l4 4c-8 18-11 34-10 52-8 2-16 2-25 0 0-15 1-29 3-41Z",
      ),
      fill(p.panel, "M254 200c6-30 26-48 52-43 34 8 49 18 49 31 0 6-2 10-4 12Z"),
      shade("M254 200c2-9 5-18 10-25 26 12 58 15 90 15 0 4-1 7-3 10Z", 0.08),
      line(p.accent, 13, "M128 190c14-38 44-62 84-52", ""),
      line(p.accent, 9, "M158 196c12-26 36-42 66-36", ""),
      stitch("M101 96c-5 30-1 60 14 100M262 194c8-20 20-30 40-30"),
      laces(p.laces, [
        [160, 103, 186, 78],
        [174, 115, 203, 92],
        [192, 128, 219, 107],
        [213, 140, 238, 122],
      ]),
      glow("M72 92c3-8 12-10 19-4 14 13 34 20 56 18-24 8-50 4-66-12Z", 0.3),
      // Sole: a thick foam wedge that curls up at both ends.
      fill(
        p.sole,
        "M54 176c14 12 40 16 76 14 60-4 120 10 170 8 26-1 44-6 58-16 10 18 2 40-26 40H92c-30 0-46-20-38-46Z",
      ),
      shade("M58 202c40 10 250 12 298 0-4 12-12 20-24 20H92c-16 0-28-8-34-20Z", 0.14),
      line(p.accent, 5, "M62 190c24 10 52 10 84 8 52-4 104 8 150 8"),
      fill(
        p.accent,
        "M70 214h38l-8 8H92c-9 0-16-3-22-8Zm74 0h44l8 8h-44Zm84 0h44l8 8h-44Zm84 0h34c-4 5-9 8-16 8h-10Z",
      ),
    ].join(""),

  court: (p) =>
    [
      fill(p.panel, "M146 100 168 66c6-8 20-8 26 1 9 26 30 54 62 83l-48 14Z"),
      shade("M156 100 174 74l20 24-20 20Z", 0.1),
      fill(
        p.upper,
        "M64 194C60 158 62 120 68 92c3-10 16-12 23-4 12 14 32 20 56 16l24-4c30 30 62 44 104 52 44 8 68 18 72 42Z",
      ),
      fill(
        p.accent,
        "M66 104c1-5 1-8 2-12 3-10 16-12 23-4l5 5c-7 11-10 22-11 34-7 2-14 2-21 0 0-8 1-16 2-23Z",
      ),
      fill(p.panel, "M250 194c2-24 20-42 44-39 34 7 52 18 53 39Z"),
      glow("M266 190c4-18 16-28 32-26 24 5 36 12 40 26Z", 0.28),
      fill(p.panel, "M104 99c14 6 28 8 43 5l24-4c12 12 25 22 39 30l-22 38c-26-4-48-14-66-34Z"),
      stitch("M110 108c22 8 44 4 58 2 12 11 22 18 32 24M72 136c12 4 26 4 40 0M258 188c4-18 16-28 34-26"),
      line(p.accent, 7, "M112 186c22-6 38-20 46-42M132 188c20-6 34-18 42-36"),
      perforations(p.accent, 198, 156),
      laces(p.laces, [
        [157, 107, 180, 84],
        [172, 119, 197, 98],
        [190, 131, 214, 111],
        [210, 142, 232, 124],
      ]),
      glow("M74 98c3-6 10-7 15-2 12 12 32 18 56 14-24 10-50 6-64-8Z", 0.4),
      fill(
        p.sole,
        "M56 186c0-4 4-6 8-6 90 8 180 8 282 0 6 0 10 3 10 8v16c0 11-7 18-18 18H74c-11 0-18-7-18-18Z",
      ),
      shade("M56 206c90 6 210 6 300 0-1 10-8 16-18 16H74c-10 0-17-6-18-16Z", 0.13),
      line(p.accent, 3.5, "M58 198c96 7 200 7 296 0"),
      stitch("M64 188c92 8 190 8 284 0"),
    ].join(""),

  high: (p) =>
    [
      fill(p.panel, "M132 60 150 26c7-9 24-8 28 4 7 42 28 88 74 124l-54 2-60-40Z"),
      shade("M142 62 158 34c4 40 22 76 52 106l-34-8Z", 0.1),
      fill(
        p.upper,
        "M66 192C58 150 56 84 66 42c4-10 16-12 26-6 14 9 26 12 42 10l16 52c20 34 66 50 122 60 42 8 72 16 76 34Z",
      ),
      fill(p.panel, "M63 62c1-8 2-14 3-20 4-10 16-12 26-6 14 9 26 12 42 10l7 24c-26 8-54 6-78-8Z"),
      fill(p.accent, "M60 96c22 12 56 15 90 6l6 12c-36 10-72 8-96-5Z"),
      fill(p.panel, "M61 130c24 10 46 18 62 62H66c-3-18-5-40-5-62Z"),
      fill(p.panel, "M252 192c2-26 22-40 48-35 30 7 46 16 48 35Z"),
      glow("M266 188c4-16 16-26 34-23 22 5 34 11 38 23Z", 0.18),
      // The maker's patch: a flight of steps.
      fill(p.sole, "M84 140h34c3 0 5 2 5 5v24c0 3-2 5-5 5H84c-3 0-5-2-5-5v-24c0-3 2-5 5-5Z"),
      line(p.accent, 4.5, "M86 167h9v-7h9v-7h9v-7h4"),
      stitch("M70 70c22 10 46 12 68 6M68 138c20 8 38 18 50 50M262 186c4-18 18-26 36-22"),
      laces(p.laces, [
        [133, 62, 158, 48],
        [139, 80, 165, 66],
        [146, 98, 172, 84],
        [157, 114, 182, 100],
        [173, 129, 197, 113],
        [193, 141, 215, 125],
        [216, 150, 236, 134],
      ]),
      glow("M72 48c4-6 12-6 20-1 14 8 26 10 40 9-20 8-44 4-58-2Z", 0.3),
      fill(
        p.sole,
        "M56 188c0-4 3-6 8-6 92 8 184 8 280 0 7 0 11 3 11 8v16c0 10-7 16-17 16H73c-10 0-17-6-17-16Z",
      ),
      shade("M56 208c90 6 210 6 299 0-1 9-8 14-17 14H73c-9 0-16-5-17-14Z", 0.13),
      line(p.accent, 4, "M58 199c96 7 200 7 295 0"),
    ].join(""),

  trail: (p) =>
    [
      fill(p.panel, "M146 94 170 54c7-9 22-8 27 3 9 29 32 58 66 93l-50 14Z"),
      shade("M156 96 176 64l22 32-22 22Z", 0.12),
      fill(
        p.upper,
        "M64 186C56 152 58 112 66 82c3-11 17-13 25-5 15 16 34 24 58 21l26-4c30 34 64 48 108 56 46 8 70 20 70 40v12H66Z",
      ),
      // Overlays like contour lines.
      line(
        p.panel,
        7,
        "M112 104c-10 28-6 58 8 82M136 106c-8 26-2 54 14 80M162 108c-4 26 4 52 22 78M190 124c0 20 8 40 24 62M220 142c0 14 6 28 18 44",
      ),
      fill(p.panel, "M62 150c22 6 40 18 46 44H65c-2-14-3-28-3-44Z"),
      fill(
        p.accent,
        "M64 92c1-4 1-7 2-10 3-11 17-13 25-5l3 3c-8 14-12 28-12 44-7 2-14 2-21 0 0-11 1-22 3-32Z",
      ),
      fill(p.sole, "M246 198c2-30 24-50 54-45 36 8 53 20 53 37l-3 10Z"),
      glow("M262 192c4-20 18-32 40-29 22 5 36 12 42 22-30 4-56 4-82 7Z", 0.1),
      laces(p.laces, [
        [158, 101, 184, 75],
        [172, 114, 201, 90],
        [190, 128, 219, 104],
        [212, 140, 238, 118],
      ]),
      `<circle cx="188" cy="70" r="6" fill="${p.accent}"/>`,
      glow("M72 88c3-8 12-9 19-2 14 13 34 20 56 17-24 9-52 4-66-11Z", 0.22),
      fill(
        p.accent,
        "M54 178c16 12 44 14 78 12 62-4 120 10 172 8 24-1 40-5 54-14 4 8 4 15 2 22H60c-8-8-9-18-6-28Z",
      ),
      // Lugs.
      fill(
        p.sole,
        "M58 198h304c0 6-2 11-6 15l-8 11h-16l-6-9h-14l-6 9h-20l-6-9h-14l-6 9h-20l-6-9h-14l-6 9h-20l-6-9h-14l-6 9h-20l-6-9h-14l-6 9H92l-6-9h-6l-8 6c-9-6-14-13-14-23Z",
      ),
      glow("M58 198h304l-1 6H59Z", 0.14),
    ].join(""),

  slip: (p) =>
    [
      fill(p.panel, "M88 112c26 22 62 24 98-4l-10-16c-28 14-56 16-84 8Z"),
      shade("M88 112c26 22 62 24 98-4l-6-10c-28 16-62 18-90 6Z", 0.28),
      fill(
        p.upper,
        "M64 194C60 164 62 134 68 108c3-10 14-12 22-6 28 20 62 20 94-10 34 34 68 50 110 62 36 10 52 20 54 40Z",
      ),
      `<clipPath id="slip-quarter"><path d="M64 194C60 164 62 134 68 108c3-10 14-12 22-6 10 7 20 12 31 14l22 78Z"/></clipPath>`,
      `<g clip-path="url(#slip-quarter)">${checks(p.panel, p.accent)}</g>`,
      fill(p.accent, "M66 118c0-4 1-7 2-10 3-10 14-12 22-6l4 3c-5 8-7 16-8 24-7 2-14 2-21 0Z"),
      fill(p.panel, "M146 112c14-4 27-11 38-20 12 12 24 22 36 30-6 18-22 34-46 40-16-14-26-32-28-50Z"),
      line(
        "#000",
        2,
        "M158 112c4 16 10 30 20 44M168 107c4 16 12 30 22 42M178 100c6 18 14 30 24 40",
        ` stroke-opacity=".22"`,
      ),
      stitch("M74 140c12 4 26 4 40 0M228 130c20 20 60 34 92 46M140 122l18 66"),
      glow("M74 112c3-6 9-6 14-2 30 20 64 20 96-8-28 36-72 36-104 14Z", 0.28),
      fill(
        p.sole,
        "M56 188c0-4 3-6 8-6 92 8 184 8 280 0 7 0 11 3 11 8v14c0 11-7 18-17 18H73c-10 0-17-7-17-18Z",
      ),
      shade("M56 208c90 6 210 6 299 0-1 9-8 14-17 14H73c-9 0-16-5-17-14Z", 0.13),
      line(p.accent, 3.5, "M58 198c96 7 200 7 295 0"),
    ].join(""),
};

/** Four small holes that let air in, in a diamond. */
function perforations(colour: string, x: number, y: number): string {
  const hole = (dx: number, dy: number): string =>
    `<circle cx="${x + dx}" cy="${y + dy}" r="3" fill="${colour}"/>`;
  return hole(0, 0) + hole(12, 5) + hole(-4, 12) + hole(8, 17) + hole(24, 10) + hole(20, 20);
}

/** The chequered heel of the slip-on. */
function checks(light: string, dark: string): string {
  const squares: string[] = [fill(dark, "M50 90h110v110H50Z")];
  for (let row = 0; row < 8; row++) {
    for (let column = row % 2; column < 8; column += 2) {
      squares.push(`<path fill="${light}" d="M${52 + column * 14} ${90 + row * 14}h14v14h-14Z"/>`);
    }
  }
  return squares.join("");
}
