// What the page hears from the server, and what it asks of it.

const FRESH_MS = 1500;
const SILENT_MS = 3000;
const HALF_OPEN_MS = 8000;
const PAUSES_MS = [500, 1000, 2000, 4000];
const ANSWER_MS = 5000;

const KINDS = [
  "run-started", "run-ended", "signal-lost", "signal-back", "input-changed", "size-changed", "ai-failed",
  "ai-back", "engine-changed", "sighting-opened", "sighting-updated", "sighting-closed", "quality-changed",
  "withdrawal-started", "withdrawal-ended", "recording-started", "recording-ended", "recording-failed",
  "recording-gap", "disk-low", "stage-stalled", "stage-moves",
];

/**
 * Server-sent events, opened again by the browser with the last number that it heard; by this class where
 * the browser gives up. `silentMs`: for how long nothing came, null while all is well; `refusal`: why.
 */
export class Feed {
  #source = null;
  #heardAt = performance.now();
  #attempts = 0;
  #retry = 0;
  #hears;

  /** `hears`: { status(body), event(kind, facts), opened() }; the last after a connection's first status. */
  constructor(hears) {
    this.#hears = hears;
    this.refusal = "";
    setInterval(() => this.#watch(), 500);
  }

  open() {
    clearTimeout(this.#retry);
    this.#source?.close();
    const source = new EventSource("/api/events");
    let isNew = true;
    this.#source = source;
    source.onopen = () => { isNew = true; };
    source.onerror = () => {
      if (source === this.#source && source.readyState === EventSource.CLOSED) this.#again();
    };
    source.addEventListener("status", ({ data }) => {
      this.#take(JSON.parse(data));
      if (isNew) this.#hears.opened();
      isNew = false;
    });
    for (const kind of KINDS) {
      source.addEventListener(kind, ({ data }) => this.#hears.event(kind, JSON.parse(data)));
    }
  }

  #take(status) {
    this.#heardAt = performance.now();
    this.#attempts = 0;
    this.refusal = "";
    this.#hears.status(status);
    if (status.run !== "going") this.#rest();
  }

  /** Nothing more will come, unless another run begins at this address: ask now and then. */
  #rest() {
    this.#source.close();
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.open(), PAUSES_MS.at(-1));
  }

  get isOpen() {
    return this.#source?.readyState === EventSource.OPEN && performance.now() - this.#heardAt < FRESH_MS;
  }

  get silentMs() {
    const silent = performance.now() - this.#heardAt;
    return silent > SILENT_MS ? silent : null;
  }

  async #again() {
    const pause = PAUSES_MS[Math.min(this.#attempts, PAUSES_MS.length - 1)];
    this.#attempts += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.open(), pause * (0.75 + Math.random() / 2));
    this.refusal = await refusal();
  }

  #watch() {
    const silent = performance.now() - this.#heardAt;
    const pause = HALF_OPEN_MS + 2000 * this.#attempts;
    if (silent > pause && this.#source && this.#source.readyState !== EventSource.CLOSED) {
      this.#source.close();
      this.#again();
    }
  }
}

/** Ask for a change. Returns the controls as they are then; throws an Error with a sentence for people. */
export async function control(change) {
  const asked = {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(change),
  };
  const answer = await ask("/api/control", asked);
  if (!answer.ok) throw new Error(await sentence(answer));
  return answer.json();
}

export async function sightings() {
  const answer = await ask("/api/sightings");
  if (!answer.ok) throw new Error(await sentence(answer));
  return answer.json();
}

/** How long the smallest question and its answer take, in milliseconds; null if there was none. */
export async function roundTrip() {
  const begun = performance.now();
  try {
    await (await ask("/healthz")).text();
  } catch {
    return null;
  }
  return performance.now() - begun;
}

/** Why events are refused: an EventSource does not tell. */
async function refusal() {
  try {
    const answer = await ask("/api/events");
    if (!answer.ok) return await sentence(answer);
    await answer.body.cancel();
  } catch {
    // It cannot be reached at all, which is no refusal.
  }
  return "";
}

async function ask(path, options = {}) {
  try {
    return await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS), ...options });
  } catch (error) {
    const isLate = error.name === "TimeoutError";
    throw new Error(isLate ? "The server did not answer in 5 s." : "The server cannot be reached.");
  }
}

async function sentence(answer) {
  try {
    const { detail } = await answer.json();
    if (typeof detail === "string") return detail;
    if (Array.isArray(detail) && detail[0]?.msg) return detail[0].msg;
  } catch {
    // No JSON: the number has to do.
  }
  if (answer.status === 401 || answer.status === 403) return "Open the page anew with its token.";
  return `The server answers ${answer.status} ${answer.statusText}.`;
}
