/**
 * Half a minute of the dashboard as a film: a node is killed, another cut off and healed. Says the numbers that
 * the dashboard showed, and takes a picture at the moment when the sides differ.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Command } from "commander";
import type { Browser, CDPSession, Page } from "playwright-core";
import { adminPassword, nodesOf, onStage } from "./stage.ts";

interface Frame {
  readonly atMs: number;
  readonly jpeg: string;
}

const { out, port } = new Command("npm run shop:recording --")
  .description("Films half a minute of the sample shop's dashboard: kill, cut off, heal.")
  .option("--out <folder>", "where to put it", "tmp/recording")
  .option("--port <number>", "the first of four free ports", Number, 4600)
  .parse()
  .opts<{ out: string; port: number }>();

const size = { width: 1280, height: 1160 };
const lengthMs = 30_000;
/**
 * What happens when, after the start. The cut lasts longer than `downPeriodMs`, and the picture is taken when
 * the node that was killed is back.
 */
const killedAtMs = 1_000;
const cutAtMs = 11_000;
const stillAtMs = 23_500;
const healedAtMs = 25_000;

const folder = resolve(out);
mkdirSync(folder, { recursive: true });
await onStage(port, async ({ url, browser }) => {
  const context = await browser.newContext({
    viewport: size,
    httpCredentials: { username: "admin", password: adminPassword },
  });
  const page = await context.newPage();
  await page.goto(`${url}/admin`);
  // As `npm start` shows it, once its visitors have come.
  await page.locator('[data-testid="crowd"]', { hasText: "60" }).waitFor({ timeout: 60_000 });
  await page.locator("[data-verdict]", { hasText: "3 nodes agree" }).waitFor({ timeout: 30_000 });
  await pause(3_000);

  const film = filming(await context.newCDPSession(page));
  const startedMs = performance.now();
  const at = (momentMs: number): Promise<void> =>
    pause(Math.max(0, startedMs + momentMs - performance.now()));
  const [, killed, cut] = await nodesOf(page);
  await at(killedAtMs);
  await page.click(`[aria-label="Kill ${killed}"]`);
  await at(cutAtMs);
  await page.click(`[aria-label="Cut off ${cut}"]`);
  await at(stillAtMs);
  await page.locator("[data-verdict]", { hasText: "differs" }).waitFor();
  await page.screenshot({ path: join(folder, "recording.png") });
  console.log(`The picture: ${await page.textContent("[data-verdict]")}, ${await totals(page)}.`);
  await at(healedAtMs);
  await page.click(`[aria-label="Heal ${cut}"]`);
  await at(lengthMs);
  const frames = await film.end();
  for (const line of await page.locator("[data-happened] [data-text]").allTextContents())
    console.log(`  ${line}`);
  console.log(`  From a click to the screen: ${await page.textContent('[data-testid="click-to-screen"]')}`);
  writeFileSync(join(folder, "recording.webm"), await asFilm(browser, frames));
  console.log(`${frames.length} pictures in ${join(folder, "recording.webm")}.`);
});
process.exit();

async function totals(page: Page): Promise<string> {
  const cells = await page.locator("[data-nodes] [data-part=shoppers]").allTextContents();
  return cells.map((text, index) => `node-${index + 1} has ${text}`).join(", ");
}

function filming(session: CDPSession): { end(): Promise<readonly Frame[]> } {
  const frames: Frame[] = [];
  const startedMs = performance.now();
  session.on("Page.screencastFrame", ({ data, sessionId }) => {
    frames.push({ atMs: performance.now() - startedMs, jpeg: data });
    void session.send("Page.screencastFrameAck", { sessionId }).catch(() => undefined);
  });
  void session.send("Page.startScreencast", { format: "jpeg", quality: 85, everyNthFrame: 6 });
  return {
    async end() {
      await session.send("Page.stopScreencast");
      return frames;
    },
  };
}

/** The browser itself makes a film of the pictures, in the time that it lasts. */
async function asFilm(browser: Browser, frames: readonly Frame[]): Promise<Buffer> {
  const page = await browser.newPage({ viewport: size });
  const film = await page.evaluate(
    async ({ pictures, width, height }) => {
      const canvas = Object.assign(document.createElement("canvas"), { width, height });
      document.body.append(canvas);
      const context = canvas.getContext("2d");
      const recorder = new MediaRecorder(canvas.captureStream(12), {
        mimeType: "video/webm;codecs=vp8",
        videoBitsPerSecond: 3_000_000,
      });
      const parts: Blob[] = [];
      recorder.ondataavailable = ({ data }) => parts.push(data);
      const ended = new Promise((resolve) => (recorder.onstop = resolve));
      recorder.start();
      const startedMs = performance.now();
      for (const { atMs, jpeg } of pictures) {
        const bytes = Uint8Array.from(atob(jpeg), (letter) => letter.charCodeAt(0));
        const picture = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
        const waitMs = atMs - (performance.now() - startedMs);
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
        context?.drawImage(picture, 0, 0, width, height);
        picture.close();
      }
      recorder.stop();
      await ended;
      const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
      let text = "";
      for (let start = 0; start < bytes.length; start += 0x8000) {
        text += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
      }
      return btoa(text);
    },
    { pictures: frames, ...size },
  );
  await page.close();
  return Buffer.from(film, "base64");
}
