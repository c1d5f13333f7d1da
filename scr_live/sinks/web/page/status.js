// The bar above the picture, the band across it, and the states beside it.

import { $, bytes, clock, hours, put } from "./words.js";

const SIGNALS = {
  ok: ["ok", "Signal ok"],
  lost: ["alarm", "No signal"],
  frozen: ["alarm", "Input frozen"],
  black: ["warn", "Input black"],
  saturated: ["warn", "Input white"],
};
const MODELS = {
  on: ["ok", "AI on"],
  behind: ["ok", "AI behind"],
  late: ["note", "AI late"],
  off: ["warn", "AI off"],
  starting: ["none", "AI starting"],
};
const AGE = /^For [^.]*\. /;
const UNKNOWN = {
  signal: { level: "none", title: "Signal: not known", text: "", fine: "" },
  ai: { level: "none", title: "AI: not known", text: "", fine: "" },
  recording: { level: "none", title: "Recording: not known", text: "", fine: "" },
};
const GONE = {
  ended: "It ended.",
  link: "The connection is back.",
  lost: "The signal is back.",
  frozen: "The input moves again.",
  stale: "The picture moves again.",
  off: "The AI is on again.",
  recording: "The recording goes on.",
  silent: "The status is back.",
};

/** Says, once each, what begins and what is over, and draws it. */
export class StatusView {
  #told = new Map();

  /** @param alarms of `alarmsOf`  @param view the same as there */
  show(alarms, view) {
    this.#bar(alarms, view);
    this.#band(alarms);
    this.#tell(alarms);
    const states = statesOf(view);
    document.body.classList.toggle("unknown", states === UNKNOWN);
    for (const [name, state] of Object.entries(states)) showState(name, state);
  }

  #bar(alarms, view) {
    const first = alarms[0];
    $("bar").dataset.level = first?.level ?? "calm";
    $("bar-shape").setAttribute("href", `#shape-${first?.level ?? "ok"}`);
    put($("bar-title"), first?.title ?? (view.status?.source.live ? "Live" : "Running"));
    put($("bar-detail"), first?.detail ?? sourceOf(view.status));
    put($("bar-more"), alarms.slice(1).map(({ title }) => title).join("  ·  "));
    document.title = first && first.level !== "note" ? `${first.title} – scr-live` : "scr-live";
  }

  #band(alarms) {
    const shown = alarms.find(({ band }) => band);
    $("band").hidden = !shown;
    $("stage").dataset.level = alarms[0]?.level ?? "calm";
    $("stage").dataset.cause = alarms[0]?.key ?? "";
    if (!shown) return;
    $("band").dataset.level = shown.level;
    put($("band-title"), shown.title);
    put($("band-detail"), shown.detail);
  }

  #tell(alarms) {
    const now = new Map(alarms.map((alarm) => [alarm.key, alarm]));
    const begun = alarms.filter(({ key }) => !this.#told.has(key));
    const over = [...this.#told.keys()].filter((key) => !now.has(key));
    this.#told = now;
    if (!begun.length && !over.length) return;
    const sentences = (of) => of.map(({ title, detail }) => `${title}. ${detail.replace(AGE, "")}`);
    const politely = sentences(begun.filter(({ level }) => level === "note"));
    politely.push(...over.map((key) => GONE[key] ?? ""));
    // What is said no longer is taken away, so that it is heard again when it comes back.
    put($("say-now"), sentences(begun.filter(({ level }) => level !== "note")).join(" "));
    put($("say-politely"), politely.join(" ").trim());
  }
}

/** Each state as { level, title, text, fine }, by the name of its place on the page. */
function statesOf({ status, silentMs }) {
  if (status?.run === "ended") return endedOf(status);
  if (!status || silentMs !== null || status.run !== "going") return UNKNOWN;
  return { signal: signalOf(status), ai: modelOf(status), recording: recordingOf(status) };
}

function endedOf(status) {
  const none = { level: "none", text: "", fine: "" };
  const { level, title, text, fine } = recordingOf(status);
  const isWell = level === "ok";
  return {
    signal: { ...none, title: "Run ended" },
    ai: { ...none, title: "AI ended" },
    recording: isWell ? { level: "none", title: "Recorded", text: `${title.slice(4)}, ${fine}`, fine: "" }
      : { level, title, text, fine },
  };
}

function signalOf(status) {
  const [level, title] = SIGNALS[status.signal] ?? ["note", status.signal];
  const { source } = status;
  const rate = status.fps == null ? "" : `${status.fps.toFixed(1)} frames a second`;
  const fine = `${source.width} × ${source.height}, ${source.live ? "live" : "from a file"}`;
  return { level, title, text: rate, fine };
}

function modelOf(status) {
  const [level, title] = MODELS[status.ai] ?? ["none", "AI waits"];
  const isMarked = status.marks_age_s != null && (status.ai === "on" || status.ai === "behind");
  const age = isMarked ? `Marks ${status.marks_age_s.toFixed(2)} s old` : "No marks";
  const hidden = status.controls?.overlay === false;
  const isWell = level === "ok";
  return {
    level: hidden && isWell ? "note" : level,
    title: hidden && isWell ? "Marks hidden" : title,
    text: hidden && isWell ? title : age,
    fine: [status.model, status.engine].filter(Boolean).join(" · "),
  };
}

function recordingOf(status) {
  const { recording } = status;
  if (!recording) return { level: "none", title: "Not recording", text: "", fine: "" };
  const seconds = secondsOf(status);
  const left = recording.hours_left == null ? "" : `, ${hours(recording.hours_left)} left`;
  const free = recording.free_bytes == null ? "" : `${bytes(recording.free_bytes)} free${left}`;
  const isWell = !recording.problem;
  return {
    level: isWell ? "ok" : "warn",
    title: isWell ? (seconds == null ? "Recording" : `Rec ${clock(seconds)}`) : "Rec problem",
    text: isWell ? free : recording.problem,
    fine: `${recording.file}, ${bytes(recording.bytes)}`,
  };
}

/** How long the file is; of a live source by the frames that came in, whatever rate it announces. */
function secondsOf({ recording, source, frames, elapsed_s: elapsed }) {
  if (recording.elapsed_s != null) return recording.elapsed_s;
  if (source.live && frames?.composed) return (elapsed * recording.frames) / frames.composed;
  return source.fps ? recording.frames / source.fps : null;
}

function showState(name, { level, title, text, fine }) {
  const place = $(`state-${name}`);
  place.dataset.level = level;
  place.querySelector("use").setAttribute("href", `#shape-${level}`);
  put(place.querySelector("h2"), title);
  const [first, second] = place.querySelectorAll("p");
  put(first, text);
  put(second, fine);
  second.title = fine;
  if (name !== "signal") put($(`full-${name}`), title);
}

function sourceOf(status) {
  return status ? status.source.name : "";
}
