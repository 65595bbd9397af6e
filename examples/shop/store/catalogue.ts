/**
 * What the shop sells: products, their sizes, and the drawing of each. It never changes while the shop runs;
 * what does change (stock, releases, carts, orders) is in the database.
 */

/** The shapes that `pages/drawing.ts` can draw. */
export type Silhouette = "runner" | "court" | "high" | "trail" | "slip";

export interface Palette {
  readonly upper: string;
  readonly panel: string;
  readonly accent: string;
  readonly sole: string;
  readonly laces: string;
  /** What the drawing stands on is mixed from this. */
  readonly tint: string;
}

export interface Product {
  readonly id: number;
  /** Names the product in its address. */
  readonly slug: string;
  readonly name: string;
  readonly brand: string;
  readonly colour: string;
  readonly priceCents: number;
  readonly blurb: string;
  readonly details: readonly string[];
  readonly silhouette: Silhouette;
  readonly palette: Palette;
  /** Whether it is on sale in a new database; an admin releases the others. */
  readonly released: boolean;
}

/** One size of one product: what a cart holds and what stock counts. */
export interface Item {
  readonly id: number;
  readonly product: Product;
  readonly size: string;
}

export const products: readonly Product[] = [
  {
    id: 1,
    slug: "mistral-runner",
    name: "Mistral",
    brand: "Fenwick",
    colour: "Tangerine / Fog",
    priceCents: 12900,
    blurb: "A headwind with laces. Light over the toes, steady at the heel.",
    details: ["Knitted upper", "8 mm drop", "214 g"],
    silhouette: "runner",
    palette: {
      upper: "#ff7a3d",
      panel: "#f3efe6",
      accent: "#23314f",
      sole: "#fffaf0",
      laces: "#ffffff",
      tint: "#ffa25e",
    },
    released: true,
  },
  {
    id: 2,
    slug: "harbour-court",
    name: "Harbour Court",
    brand: "Oda & Pell",
    colour: "Chalk / Pine",
    priceCents: 9900,
    blurb: "The plain one. It goes with everything because it asks for nothing.",
    details: ["Full-grain leather", "Stitched cup sole", "Cork footbed"],
    silhouette: "court",
    palette: {
      upper: "#f5f2ea",
      panel: "#e2dccb",
      accent: "#1f6b4f",
      sole: "#fbf7ec",
      laces: "#ffffff",
      tint: "#1f6b4f",
    },
    released: true,
  },
  {
    id: 3,
    slug: "stairwell-high",
    name: "Stairwell",
    brand: "Brask",
    colour: "Ultramarine",
    priceCents: 14900,
    blurb: "Two flights at a time. Collar padding that forgives a missed step.",
    details: ["Padded high collar", "Suede toe", "Vulcanised sole"],
    silhouette: "high",
    palette: {
      upper: "#3449d6",
      panel: "#5a6df0",
      accent: "#ffd23f",
      sole: "#fdf6e3",
      laces: "#fff6d6",
      tint: "#ffd23f",
    },
    released: true,
  },
  {
    id: 4,
    slug: "scree-trail",
    name: "Scree",
    brand: "Fenwick",
    colour: "Moss / Ember",
    priceCents: 15900,
    blurb: "For paths that end before the walk does.",
    details: ["5 mm lugs", "Rock plate", "Quick-pull laces"],
    silhouette: "trail",
    palette: {
      upper: "#59713f",
      panel: "#8aa05c",
      accent: "#ff5a3c",
      sole: "#2c2f2a",
      laces: "#ffb08f",
      tint: "#8aa05c",
    },
    released: true,
  },
  {
    id: 5,
    slug: "easel-slip-on",
    name: "Easel",
    brand: "Oda & Pell",
    colour: "Plum check",
    priceCents: 7900,
    blurb: "On without hands, off without thinking.",
    details: ["Canvas upper", "Elastic gores", "Machine washable"],
    silhouette: "slip",
    palette: {
      upper: "#7d3c78",
      panel: "#f3dfe9",
      accent: "#e0669c",
      sole: "#fff8ef",
      laces: "#ffffff",
      tint: "#e0669c",
    },
    released: true,
  },
  {
    id: 6,
    slug: "nightbus-runner",
    name: "Night Bus",
    brand: "Brask",
    colour: "Asphalt / Signal",
    priceCents: 13900,
    blurb: "Seen from the far end of the street, long after the last train.",
    details: ["Reflective panels", "Carbon shank", "231 g"],
    silhouette: "runner",
    palette: {
      upper: "#3a3f4b",
      panel: "#555c6b",
      accent: "#c8ff3d",
      sole: "#e9edf2",
      laces: "#c8ff3d",
      tint: "#c8ff3d",
    },
    released: true,
  },
  {
    id: 7,
    slug: "lido-court",
    name: "Lido",
    brand: "Fenwick",
    colour: "Pool / Coral",
    priceCents: 11900,
    blurb: "Summer, by the pair.",
    details: ["Perforated leather", "Terry lining", "Gum sole"],
    silhouette: "court",
    palette: {
      upper: "#8fd8dc",
      panel: "#c9eff0",
      accent: "#ff6f61",
      sole: "#d9a66b",
      laces: "#ffffff",
      tint: "#3fb8c0",
    },
    released: false,
  },
  {
    id: 8,
    slug: "beacon-high",
    name: "Beacon",
    brand: "Oda & Pell",
    colour: "Signal red",
    priceCents: 16900,
    blurb: "You will not lose anybody in these.",
    details: ["Waxed canvas", "Eleven eyelets", "Wool lining"],
    silhouette: "high",
    palette: {
      upper: "#d8322f",
      panel: "#ef5a4c",
      accent: "#1d1d24",
      sole: "#fbf3e7",
      laces: "#fff2e0",
      tint: "#e5484d",
    },
    released: false,
  },
];

export const sizes = ["37", "38", "39", "40", "41", "42", "43", "44", "45"] as const;

/** Every size of every product; ids are a product's id times 100, and then a running number. */
export const items: readonly Item[] = products.flatMap((product) =>
  sizes.map((size, index) => ({ id: product.id * 100 + index + 1, product, size })),
);

const productsById = new Map(products.map((product) => [product.id, product]));
const productsBySlug = new Map(products.map((product) => [product.slug, product]));
const itemsById = new Map(items.map((item) => [item.id, item]));
const itemsByProduct = new Map(
  products.map((product) => [product.id, items.filter((item) => item.product === product)]),
);

export const productById = (id: number): Product | undefined => productsById.get(id);
export const productBySlug = (slug: string): Product | undefined => productsBySlug.get(slug);
export const itemById = (id: number): Item | undefined => itemsById.get(id);
export const itemsOf = (product: Product): readonly Item[] => itemsByProduct.get(product.id) ?? [];

/** A little of everything, the same in every new shop: some sizes sold out, some nearly, some plenty. */
export function firstStock(item: Item): number {
  const spread = (Math.imul(item.id, 0x9e3779b1) >>> 12) % 97;
  if (spread % 9 === 0) return 0;
  if (spread % 4 === 0) return 1 + (spread % 8);
  return 10 + spread * 3;
}
