// Sightings: those in view with their pictures, the earlier ones in a strip, each opened in a dialog.

import { $, clock, put, score, share, span } from "./words.js";

const SHOWN = 200;

export class SightingsView {
  #all = [];
  #opened = null;
  #items = new Map();

  constructor() {
    const dialog = $("sighting");
    dialog.addEventListener("close", () => this.#closed());
    $("sighting-older").addEventListener("click", () => this.#step(-1));
    $("sighting-newer").addEventListener("click", () => this.#step(1));
    dialog.addEventListener("keydown", ({ key }) => {
      if (key === "ArrowLeft") this.#step(-1);
      if (key === "ArrowRight") this.#step(1);
    });
  }

  /** @param all as /api/sightings answers, newest first  @param isLive whether "in view" can be said */
  show(all, isLive) {
    this.#all = all;
    const current = all.filter(({ open }) => open && isLive);
    const earlier = all.filter((one) => !current.includes(one)).slice(0, SHOWN);
    this.#fill($("now-list"), current, "now");
    this.#fill($("earlier-list"), earlier, "earlier");
    $("now-empty").hidden = current.length > 0;
    put($("now-empty"), isLive ? "No sighting" : "Not known");
    $("earlier-empty").hidden = earlier.length > 0;
    put($("earlier-count"), earlier.length ? String(earlier.length) : "");
    if (this.#opened !== null) this.#fillDialog();
  }

  /** Keep the elements that are there: a picture that is loaded again flickers, and focus is lost. */
  #fill(list, sightings, place) {
    const wanted = sightings.map((one) => this.#item(one, place));
    for (const item of [...list.children]) if (!wanted.includes(item)) item.remove();
    wanted.forEach((item, at) => {
      if (list.children[at] !== item) list.insertBefore(item, list.children[at] ?? null);
    });
    const keys = new Set(sightings.map(({ number }) => `${place} ${number}`));
    for (const key of this.#items.keys()) {
      if (key.startsWith(place) && !keys.has(key)) this.#items.delete(key);
    }
  }

  #item(sighting, place) {
    const key = `${place} ${sighting.number}`;
    let item = this.#items.get(key);
    if (!item) {
      item = document.createElement("li");
      item.append(place === "now" ? card() : thumbnail());
      item.querySelector("button").addEventListener("click", () => this.#open(sighting.number));
      this.#items.set(key, item);
    }
    const words = wordsOf(sighting);
    picture(item.querySelector("img"), sighting);
    for (const part of item.querySelectorAll("[data-word]")) put(part, words[part.dataset.word]);
    item.querySelector("button").setAttribute("aria-label", `${words.name}, score ${words.score}, open`);
    return item;
  }

  #open(number) {
    this.#opened = number;
    this.#fillDialog();
    if (!$("sighting").open) $("sighting").showModal();
  }

  #closed() {
    const number = this.#opened;
    this.#opened = null;
    const item = this.#items.get(`earlier ${number}`) ?? this.#items.get(`now ${number}`);
    item?.querySelector("button").focus();
  }

  /** The list is newest first, time goes to the right. */
  #step(by) {
    const at = this.#all.findIndex(({ number }) => number === this.#opened) - by;
    if (this.#all[at]) this.#open(this.#all[at].number);
  }

  #fillDialog() {
    const at = this.#all.findIndex(({ number }) => number === this.#opened);
    const sighting = this.#all[at];
    if (!sighting) return;
    const words = wordsOf(sighting);
    put($("sighting-title"), words.name);
    picture($("sighting-picture"), sighting);
    $("sighting-picture").alt = `Picture of ${words.name.toLowerCase()}`;
    $("sighting-missing").hidden = Boolean(sighting.snapshot);
    facts($("sighting-facts"), [
      ["Score", words.score],
      ["Largest size", words.size],
      ["First seen", words.at],
      [sighting.open ? "Seen so far" : "Seen for", words.lasted],
    ]);
    $("sighting-older").disabled = at === this.#all.length - 1;
    $("sighting-newer").disabled = at === 0;
  }
}

function wordsOf({ number, first_s: first, last_s: last, score: best, largest_field_share: size }) {
  return {
    name: `Sighting ${number}`,
    score: best == null ? "–" : score(best),
    size: size == null ? "–" : `${share(size)} of field`,
    since: first == null ? `No. ${number}` : `No. ${number} since ${clock(first)}`,
    at: first == null ? "–" : clock(first),
    lasted: first == null || last == null ? "–" : span(last - first),
  };
}

/** A picture that got better has another address: no cache of the browser stands between. */
function picture(image, { snapshot, score: best }) {
  const address = snapshot ? `${snapshot}?score=${(best ?? 0).toFixed(3)}` : "";
  image.classList.toggle("missing", !address);
  if (image.dataset.address === address) return;
  image.dataset.address = address;
  if (address) image.src = address;
  else image.removeAttribute("src");
}

function card() {
  return build("button", "card", [
    ["img"],
    ["span", "facts", [
      ["span", "name", "since"], ["span", "score", "score"], ["span", "size", "size"],
    ]],
  ]);
}

function thumbnail() {
  return build("button", "thumbnail", [
    ["img"], ["span", "facts", [["span", "score", "score"], ["span", "at", "at"]]],
  ]);
}

/** @param inside children, or the name of the word that stands there */
function build(tag, name, inside) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (tag === "button") element.type = "button";
  if (tag === "img") element.alt = "";
  if (typeof inside === "string") element.dataset.word = inside;
  else element.append(...(inside ?? []).map((child) => build(...child)));
  return element;
}

function facts(list, pairs) {
  if (list.children.length !== pairs.length) {
    list.replaceChildren(...pairs.map(() => build("div", "", [["dt"], ["dd"]])));
  }
  pairs.forEach(([term, text], at) => {
    put(list.children[at].firstChild, term);
    put(list.children[at].lastChild, text);
  });
}
