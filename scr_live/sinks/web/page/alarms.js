// What is not as it should be, the worst first. Pure: a view of the run goes in, sentences come out.
//
// alarm (red): the picture is not live. warn (amber): it is, but something else failed. note: worth knowing.

import { clock, hours, span } from "./words.js";

const STALE_MS = 1000;
const LOW_DISK_H = 1;
const LINK_LOST = "Connection to the run lost";
const SAID_OTHERWISE = /^(ai |no signal|input )/i;

/**
 * @param view { status, silentMs, refusal, pictureAgeMs, openedMs, signalForMs, aiForMs }
 *   `status`: the latest, null before the first; `signalForMs`, `aiForMs`: for how long each is what it is.
 * @returns [{ key, level, title, detail, band }] `band`: it is written across the picture.
 */
export function alarmsOf(view) {
  const { status } = view;
  const found = [];
  const add = (key, level, title, detail = "", band = false) => {
    found.push({ key, level, title, detail, band });
  };
  ofConnection(view, add);
  const isGoing = status?.run === "going" && !found.some(({ level }) => level === "alarm");
  if (isGoing) {
    ofPicture(view, add);
    ofModel(view, add);
  }
  if (status && status.run === "going" && view.silentMs === null) ofOutputs(status, add);
  const rank = { alarm: 0, warn: 1, note: 2 };
  return found.sort((one, other) => rank[one.level] - rank[other.level]);
}

/** Whether the picture that stands on the page is none of now. */
export function isPictureOld(view) {
  return view.pictureAgeMs !== null && view.pictureAgeMs > STALE_MS;
}

function ofConnection(view, add) {
  const { status, silentMs, refusal, pictureAgeMs } = view;
  const isLive = pictureAgeMs !== null && pictureAgeMs < STALE_MS;
  if (status?.run === "ended") {
    const after = status.elapsed_s == null ? "" : `It went for ${clock(status.elapsed_s)}. `;
    add("ended", "alarm", "The run has ended", `${after}The picture is its last one.`, true);
  } else if (status?.run === "gone") {
    add("link", "alarm", LINK_LOST, "The page is there, but the run does not answer.", true);
  } else if (silentMs !== null && isLive) {
    const what = refusal || `Nothing else has been heard of the run for ${span(silentMs / 1000)}.`;
    add("silent", "warn", "Status lost", `The picture is live. ${what}`);
  } else if (silentMs !== null && (status || silentMs > 4000)) {
    const lasted = `For ${span(silentMs / 1000)}. Trying again.`;
    add("link", "alarm", refusal ? "Not connected" : LINK_LOST, refusal || lasted, true);
  } else if (!status) {
    add("opening", "note", "Connecting");
  }
}

function ofPicture(view, add) {
  const { status, pictureAgeMs, openedMs, signalForMs } = view;
  const lasted = span(signalForMs / 1000);
  if (status.signal === "lost") {
    add("lost", "alarm", "No signal", `For ${lasted}. The picture is the last one.`, true);
  } else if (status.signal === "frozen") {
    add("frozen", "alarm", "Input frozen", `The same picture for ${lasted}. What you see is not live.`, true);
  } else if (status.signal === "black") {
    add("black", "warn", "Input black", `For ${lasted}. Check light source and cable.`);
  } else if (status.signal === "saturated") {
    add("white", "warn", "Input white", `For ${lasted}. Check light source and exposure.`);
  }
  if (pictureAgeMs === null) {
    const level = openedMs > 5000 ? "alarm" : "note";
    add("first", level, "No picture yet", `Waiting for ${span(openedMs / 1000)}.`, true);
  } else if (pictureAgeMs > STALE_MS) {
    const age = span(pictureAgeMs / 1000);
    add("stale", "alarm", "No new picture", `For ${age}. What you see is not live.`, true);
  }
}

function ofModel(view, add) {
  const { status, aiForMs } = view;
  if (status.ai === "off") {
    const age = span(aiForMs / 1000);
    add("off", "warn", "AI off", `For ${age}. Nothing is marked; the picture is live.`);
  } else if (status.ai === "late") {
    add("late", "note", "AI late", "Nothing is marked: the latest answer is too old.");
  } else if (status.ai === "starting") {
    add("starting", "note", "AI starting", "Nothing is marked yet.");
  }
  if (status.controls?.overlay === false) {
    add("hidden", "note", "Marks hidden", "Polyps are not marked. Switch Marks on to see them.");
  }
}

function ofOutputs(status, add) {
  const { recording } = status;
  if (recording?.problem) {
    add("recording", "warn", "Recording problem", recording.problem);
  } else if (recording && recording.hours_left != null && recording.hours_left < LOW_DISK_H) {
    add("disk", "note", "Disk nearly full", `Room for ${hours(recording.hours_left)}.`);
  }
  const rest = (status.status ?? "").split(";").map((part) => part.trim());
  const untold = rest.filter((part) => part && !SAID_OTHERWISE.test(part));
  if (untold.length && !recording?.problem) add("status", "note", capital(untold.join("; ")));
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
