// The page: plays at once with no click, says in words where the connection stands, and comes
// back by itself. data-stage of <body> is the state, for the style sheet and for tests.

import { Refused, Viewing } from "./whep.js";

const FIRST_PAUSE = 0.5; // seconds before the first new attempt; each further one waits twice as long,
const LONGEST_PAUSE = 8; // up to this

const find = (id) => document.getElementById(id);
const video = find("video");
const sound = find("sound");
const fullscreen = find("fullscreen");
const token = new URLSearchParams(location.hash.slice(1)).get("token");

let viewing = null;

function show(stage, words, detail = "") {
  document.body.dataset.stage = stage;
  document.title = `${words} · triortc`;
  find("stage").textContent = find("headline").textContent = words;
  find("detail").textContent = detail;
}

function showFigures({ width, height, codec, framesPerSecond, bitsPerSecond, roundTrip, lossRate }) {
  const say = (id, known, words) => (find(id).textContent = known ? words() : "");
  say("picture", width, () => `${width} × ${height}`);
  say("motion", width, () => `${Math.round(framesPerSecond)} frames/s`);
  say("rate", bitsPerSecond, () => `${megabits(bitsPerSecond)}${codec ? ` ${codec}` : ""}`);
  say("trip", roundTrip !== undefined, () => `${Math.max(1, Math.round(roundTrip * 1000))} ms`);
  say("loss", width, () => (lossRate ? `${(lossRate * 100).toFixed(1)} %` : "none"));
}

const megabits = (bits) => (bits < 1e6 ? `${Math.round(bits / 1000)} kbit/s` : `${(bits / 1e6).toFixed(1)} Mbit/s`);

async function play() {
  try {
    await video.play();
  } catch (error) {
    if (error.name === "NotAllowedError") show("tap", "Tap to play", "This browser saves power and starts no video by itself.");
  }
}

async function watch() {
  show("asking", "Asking the server…");
  viewing = new Viewing("whep", token);
  try {
    await viewing.open();
    show("connecting", "Connecting…");
    sound.hidden = !viewing.hasAudio;
    video.srcObject = viewing.stream;
    play();
    for await (const figures of viewing.figures()) showFigures(figures);
  } finally {
    viewing.leave();
    showFigures({});
  }
}

/** Returns what to tell the viewer, and how long to wait, in seconds; null when waiting is of no use. */
function explain(error) {
  if (!error) return ["The connection was lost", 0];
  if (!(error instanceof Refused)) return ["The server does not answer", 0];
  if (error.status === 401) return ["This link is not complete", null];
  if (error.status === 503) return ["All places are taken", error.retryAfter];
  return ["The server refuses", error.status < 500 ? null : 0];
}

async function watchForEver() {
  for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    const error = await watch().catch((error) => error);
    if (document.body.dataset.stage === "live") pause = FIRST_PAUSE;
    const [words, wait] = explain(error);
    if (wait === null) return show("refused", words, error.message);
    // Not all at the same moment when a server returns.
    const seconds = Math.max(wait, pause * (0.75 + Math.random() / 2));
    show("lost", words, `Trying again${seconds >= 1.5 ? ` in ${Math.round(seconds)} seconds` : ""}…`);
    await wake(seconds);
  }
}

function wake(seconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000);
    addEventListener("online", resolve, { once: true });
  });
}

function toggleSound() {
  video.muted = !video.muted;
  sound.setAttribute("aria-pressed", String(!video.muted));
  sound.lastElementChild.textContent = video.muted ? "Tap for sound" : "Sound on";
  play();
}

function toggleFullscreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else if (document.fullscreenEnabled) find("screen").requestFullscreen();
  else video.webkitEnterFullscreen?.(); // iPhone
}

video.addEventListener("playing", () => show("live", "Live"));
video.addEventListener("resize", () => {
  find("screen").style.setProperty("--shape", video.videoWidth / video.videoHeight);
});
video.addEventListener("click", () => (video.muted && !sound.hidden ? toggleSound() : play()));
video.addEventListener("dblclick", toggleFullscreen);
sound.addEventListener("click", toggleSound);
fullscreen.addEventListener("click", toggleFullscreen);
fullscreen.hidden = !(document.fullscreenEnabled || video.webkitEnterFullscreen);

document.addEventListener("keydown", ({ key, ctrlKey, metaKey, altKey }) => {
  if (ctrlKey || metaKey || altKey) return;
  if (key === "m" && !sound.hidden) toggleSound();
  if (key === "f") toggleFullscreen();
});

addEventListener("pagehide", () => viewing?.leave());
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
addEventListener("hashchange", () => location.reload());

watchForEver();
