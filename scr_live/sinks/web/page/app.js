// The page: parts are made here, and what one hears is handed to the others.

import { alarmsOf, isPictureOld } from "./alarms.js";
import { ControlsView } from "./controls.js";
import { Plot } from "./plots.js";
import { Feed, roundTrip, sightings } from "./server.js";
import { SightingsView } from "./sightings.js";
import { StatusView } from "./status.js";
import { Video } from "./video.js";
import { $, clock, milliseconds, put } from "./words.js";

const TICK_MS = 200;
const PLOT_MS = 500;
const WAY_MS = 5000;
const OLD = new Set(["ended", "link", "lost", "frozen"]);
const TOLD = {
  "recording-started": ({ cause }) => (cause === "fallback" ? "The recording goes on in another place." : ""),
  "engine-changed": ({ engine, before }) => `The AI runs on ${engine} now, no longer on ${before}.`,
  "disk-low": ({ hours_left: left }) => (left == null ? "The disk is nearly full." : ""),
  "recording-gap": () => "Packets of the recording are missing.",
};

const opened = performance.now();
let status = null;
let hasEnded = false;
let wasShown = null;
let known = [];
let isAsking = false;
let isStale = false;
const since = { signal: opened, ai: opened };

const ways = [];

const controls = new ControlsView();
const statusView = new StatusView();
const sightingsView = new SightingsView();
const feed = new Feed({ status: heard, event: happened, opened: reached });
const video = new Video($("picture"), $("motion"), () => feed.isOpen);
const plots = {
  video: new Plot($("plot-video"), 100),
  marks: new Plot($("plot-marks"), 100),
  here: new Plot($("plot-here"), 100),
  fps: new Plot($("plot-fps"), 50),
};

function reached() {
  refreshSightings();
  if (status.run === "going") video.wake();
}

function heard(body) {
  if (status && body.elapsed_s < status.elapsed_s) hasEnded = false; // it is another run
  if (body.run === "ended") hasEnded = true;
  if (hasEnded && body.run === "gone") body.run = "ended"; // it has said good-bye before it left
  for (const key of ["signal", "ai"]) {
    if (status?.[key] !== body[key]) since[key] = performance.now();
  }
  status = body;
  if (status.run !== "going") video.rest();
  controls.show(status, status.run === "going");
  put($("elapsed"), status.elapsed_s == null ? "–" : clock(status.elapsed_s));
  put($("viewers"), String(status.viewers ?? "–"));
  tick();
}

function happened(kind, facts) {
  if (kind === "run-ended") heard({ ...status, run: "ended" }); // its last status may not get through
  if (kind.startsWith("sighting-")) refreshSightings();
  const sentence = TOLD[kind]?.(facts);
  if (sentence) controls.say(sentence);
}

/** At most one question at a time; what happens meanwhile is one more afterwards. */
async function refreshSightings() {
  isStale = true;
  if (isAsking) return;
  isAsking = true;
  while (isStale) {
    isStale = false;
    try {
      known = await sightings();
    } catch {
      break; // The connection's own state tells it; the next event asks again.
    }
    showSightings();
    await new Promise((resume) => { setTimeout(resume, PLOT_MS); });
  }
  isAsking = false;
}

/** Without a living picture and a model that judges it, nothing can be said to be in view. */
function showSightings() {
  const isJudged = isHeard() && status.signal === "ok" && ["on", "behind", "late"].includes(status.ai);
  sightingsView.show(known, isJudged);
}

function isHeard() {
  return status?.run === "going" && feed.silentMs === null;
}

function tick() {
  const now = performance.now();
  const view = {
    status,
    silentMs: feed.silentMs,
    refusal: feed.refusal,
    pictureAgeMs: video.ageMs,
    openedMs: now - opened,
    signalForMs: now - since.signal,
    aiForMs: now - since.ai,
  };
  const alarms = alarmsOf(view);
  statusView.show(alarms, view);
  $("stage").classList.toggle("old", isPictureOld(view) || alarms.some(({ key }) => OLD.has(key)));
  controls.tick();
  const shown = `${isHeard()} ${status?.signal} ${status?.ai}`;
  if (shown !== wasShown) {
    wasShown = shown;
    if (status && !isHeard()) controls.show(null, false);
    showSightings();
  }
}

function plot() {
  const isKnown = isHeard();
  const delays = isKnown ? status.delays_ms : null;
  const isMoving = video.ageMs !== null && video.ageMs < 1000;
  const here = isMoving ? video.delayMs : null;
  const rows = [
    ["video", delays?.video_p50 ?? null, delays?.video_p99 ?? null, milliseconds],
    ["marks", delays?.annotation_p50 ?? null, delays?.annotation_p99 ?? null, milliseconds],
    ["here", here, null, milliseconds],
    ["fps", isMoving ? video.fps : 0, null, (value) => `${value.toFixed(1)} /s`],
  ];
  for (const [name, value, high, words] of rows) {
    plots[name].add(value, high);
    plots[name].draw();
    put($(`now-${name}`), value === null ? "–" : words(value));
  }
}

/** The shortest of the latest round trips: the rest is waiting for something else. */
async function measureWay() {
  const took = await roundTrip();
  if (took === null) return;
  ways.push(took);
  if (ways.length > 6) ways.shift();
  video.wayMs = Math.min(...ways) / 2;
}

// Keys

const KEYS = {
  o: () => controls.toggleMarks(),
  "+": () => controls.step(0.05),
  "=": () => controls.step(0.05),
  "-": () => controls.step(-0.05),
  s: () => controls.snapshot(),
  r: () => controls.record(),
  w: () => controls.withdrawal(),
  f: toggleFull,
  "?": () => open($("help")),
  h: () => open($("help")),
};

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input[type=text], textarea, select, [contenteditable]");
  const isHeld = event.ctrlKey || event.metaKey || event.altKey;
  if (isTyping || isHeld || !$("keys-on").checked) return;
  const act = KEYS[event.key.toLowerCase()];
  if (!act || (event.repeat && !"+=-".includes(event.key))) return;
  event.preventDefault();
  act();
});

// Full screen, dialogs, a screen that stays awake

function toggleFull() {
  const isFull = !document.body.classList.contains("full");
  document.body.classList.toggle("full", isFull);
  // Where a browser refuses, the picture fills its window at least.
  if (isFull) document.documentElement.requestFullscreen?.().catch(() => {});
  else if (document.fullscreenElement) document.exitFullscreen();
  $("full").setAttribute("aria-pressed", String(isFull));
}

document.addEventListener("fullscreenchange", () => {
  if (!document.fullscreenElement && document.body.classList.contains("full")) toggleFull();
});
document.addEventListener("keydown", ({ key }) => {
  const isFull = document.body.classList.contains("full") && !document.fullscreenElement;
  if (key === "Escape" && isFull && !document.querySelector("dialog[open]")) toggleFull();
});
$("stage").addEventListener("dblclick", toggleFull);
$("full").addEventListener("click", toggleFull);
$("keys").addEventListener("click", () => open($("help")));

function open(dialog) {
  if (!document.querySelector("dialog[open]")) dialog.showModal();
}

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside it: what is inside fills the dialog
  });
}

const keysOn = $("keys-on");
keysOn.checked = localStorage.getItem("keys") !== "off";
keysOn.addEventListener("change", () => localStorage.setItem("keys", keysOn.checked ? "on" : "off"));

function stayAwake() {
  if (document.visibilityState === "visible") navigator.wakeLock?.request("screen").catch(() => {});
}

document.addEventListener("visibilitychange", stayAwake);
stayAwake();

controls.show(null, false);
feed.open();
video.open();
measureWay();
setInterval(tick, TICK_MS);
setInterval(plot, PLOT_MS);
setInterval(measureWay, WAY_MS);
