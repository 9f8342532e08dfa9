// Drives one real browser for pytest: node drive.mjs chromium|firefox EXECUTABLE
//
// Each line on stdin is a request {"do": ..., ...}; each line on stdout its answer, {"value": ...} or
// {"error": ...}, in the same order. The end of stdin closes the browser. Autoplay is left as users have it:
// no flag or preference relaxes it, and nothing ever clicks.

import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

const [name, executablePath] = process.argv.slice(2);
const probe = readFileSync(new URL("probe.js", import.meta.url), "utf8");
const pages = new Map();

const launch = {
  chromium: {
    browser: "chrome",
    args: [
      "--no-sandbox", // the tests may run as root
      "--disable-gpu",
      "--disable-quic",
      "--disable-component-update",
      "--use-fake-device-for-media-stream",
      "--use-fake-ui-for-media-stream",
    ],
  },
  firefox: {
    browser: "firefox",
    extraPrefsFirefox: {
      "media.navigator.streams.fake": true,
      "media.navigator.permission.disabled": true,
      // A host without a network has only the loopback interface, which Firefox does not gather by default.
      "media.peerconnection.ice.loopback": Object.values(networkInterfaces()).flat().every((a) => a.internal),
    },
  },
};

const commands = {
  async open({ url, width = 1280, height = 800 }) {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    const id = pages.size + 1;
    pages.set(id, { page, context, playing: firstPlaying(page), troubles: collectTroubles(page) });
    await page.setViewport({ width, height });
    await page.evaluateOnNewDocument(probe);
    await page.goto(url, { waitUntil: "load", timeout: 30_000 });
    return id;
  },
  // The first picture, told by probe.js. Nothing is evaluated: puppeteer would count that as a user's gesture.
  playing: ({ page, seconds }) => within(seconds, at(page).playing),
  evaluate: ({ page, script, argument }) => at(page).page.evaluate(`(${script})(${JSON.stringify(argument)})`),
  wait: async ({ page, script, argument, seconds }) => {
    const options = { timeout: seconds * 1000, polling: 50 };
    await at(page).page.waitForFunction(`(${script})(${JSON.stringify(argument)})`, options);
  },
  viewport: ({ page, width, height }) => at(page).page.setViewport({ width, height }),
  screenshot: async ({ page, path }) => void (await at(page).page.screenshot({ path })),
  troubles: ({ page }) => at(page).troubles,
  async close({ page }) {
    await at(page).context.close();
    pages.set(page, null); // numbers are never used twice
  },
};

function at(id) {
  const page = pages.get(id);
  if (!page) throw new Error(`there is no page ${id}`);
  return page;
}

function within(seconds, promise) {
  const late = (_, reject) => setTimeout(() => reject(new Error(`not within ${seconds} s`)), seconds * 1000);
  return Promise.race([promise, new Promise(late)]);
}

function firstPlaying(page) {
  return new Promise((resolve) => {
    page.on("console", (message) => {
      const [, told] = message.text().match(/^probe: playing (.*)$/) ?? [];
      if (told) resolve(JSON.parse(told));
    });
  });
}

function collectTroubles(page) {
  const troubles = [];
  page.on("pageerror", (error) => troubles.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    if (["error", "assert"].includes(message.type())) troubles.push(`console: ${message.text()}`);
  });
  return troubles;
}

async function answer(line) {
  try {
    const request = JSON.parse(line);
    return { value: (await commands[request.do](request)) ?? null };
  } catch (error) {
    return { error: String(error?.message ?? error) };
  }
}

const browser = await puppeteer.launch({ executablePath, headless: true, timeout: 60_000, ...launch[name] });
console.log(JSON.stringify({ value: await browser.version() }));
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(line)));
}
await browser.close();
