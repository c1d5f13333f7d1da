// What a person may change, by button or by key. The run's answer is what is shown, never the wish.

import { control } from "./server.js";
import { $, clock, put } from "./words.js";

const BUTTONS = ["marks", "snapshot", "record", "withdrawal", "lower", "raise", "threshold"];
const SETTLE_MS = 300;
const STEP = 0.05;
const NOTICE_MS = 4000;

export class ControlsView {
  #controls = null;
  #isGoing = false;
  #isHeld = false;
  #settle = 0;
  #wanted = null;
  #withdrawal = null;
  #took = null;
  #fixed = "";
  #noticeTimer = 0;

  constructor() {
    $("marks").addEventListener("click", () => this.toggleMarks());
    $("snapshot").addEventListener("click", () => this.snapshot());
    $("record").addEventListener("click", () => this.record());
    $("withdrawal").addEventListener("click", () => this.withdrawal());
    $("lower").addEventListener("click", () => this.step(-STEP));
    $("raise").addEventListener("click", () => this.step(STEP));
    const slider = $("threshold");
    slider.addEventListener("pointerdown", () => { this.#isHeld = true; });
    for (const name of ["pointerup", "pointercancel", "blur"]) {
      slider.addEventListener(name, () => { this.#isHeld = false; });
    }
    slider.addEventListener("input", () => this.#showThreshold(Number(slider.value)));
    slider.addEventListener("change", () => this.#setThreshold(Number(slider.value)));
    for (const choice of $("alert").querySelectorAll("input")) {
      choice.addEventListener("change", () => this.#ask({ alert_after_s: Number(choice.value) }, $("alert")));
    }
  }

  /** Show what the run says; what a hand is on stays. */
  show(status, isGoing) {
    this.#isGoing = isGoing;
    for (const id of BUTTONS) $(id).disabled = !isGoing;
    $("alert").disabled = !isGoing || status?.controls?.alert_after_s == null;
    if (!status) return;
    this.#fixed = status.recording_fixed ?? "";
    this.#take(status.controls);
    this.#takeWithdrawal(status.withdrawal_s ?? null);
    this.tick();
  }

  #takeWithdrawal(seconds) {
    if (seconds !== null) this.#took = null;
    else if (this.#withdrawal !== null) this.#took = this.#withdrawal.seconds;
    this.#withdrawal = seconds === null ? null : { seconds, at: performance.now() };
  }

  /** The clock goes on between two words of the run. */
  tick() {
    const since = this.#withdrawal;
    const ran = since && since.seconds + (this.#isGoing ? (performance.now() - since.at) / 1000 : 0);
    $("withdrawal").setAttribute("aria-pressed", String(since !== null));
    put($("withdrawal-word"), since === null ? "Start" : "End");
    const last = this.#took === null ? "" : `last ${clock(this.#took)}`;
    put($("withdrawal-clock"), since === null ? last : clock(ran));
    $("bar-withdrawal").hidden = since === null;
    put($("bar-clock"), since === null ? "" : clock(ran));
  }

  toggleMarks() {
    if (this.#controls) this.#ask({ overlay: !this.#controls.overlay }, $("marks"));
  }

  step(by) {
    if (!this.#controls || !this.#isGoing) return;
    const from = this.#wanted ?? this.#controls.threshold;
    const [lowest, highest] = [Number($("threshold").min), Number($("threshold").max)];
    this.#setThreshold(Math.min(highest, Math.max(lowest, Math.round((from + by) * 100) / 100)));
  }

  async snapshot() {
    const answer = await this.#ask({ snapshot: true }, $("snapshot"));
    if (answer) this.say(answer.saved ? `Saved ${answer.saved}` : "Snapshot taken");
  }

  /** Where it cannot be started from here, the reason is what the button has to say. */
  async record() {
    if (!this.#controls || !this.#isGoing) return;
    if (this.#controls.recording == null) {
      this.say(this.#fixed, { isProblem: true });
      return;
    }
    const answer = await this.#ask({ recording: !this.#controls.recording }, $("record"));
    if (answer) this.say(answer.recording ? "The recording has begun" : "The recording has ended");
  }

  withdrawal() {
    this.#ask({ withdrawal: true }, $("withdrawal"));
  }

  /** Tell for some seconds what came of something; `isProblem`: it was not done. */
  say(text, { isProblem = false } = {}) {
    const notice = $("notice");
    clearTimeout(this.#noticeTimer);
    notice.hidden = false;
    notice.setAttribute("role", isProblem ? "alert" : "status");
    notice.dataset.level = isProblem ? "warn" : "calm";
    notice.textContent = text;
    this.#noticeTimer = setTimeout(() => { notice.hidden = true; }, (isProblem ? 2 : 1) * NOTICE_MS);
  }

  /** Steps in quick succession become one question. */
  #setThreshold(value) {
    this.#wanted = value;
    this.#showThreshold(value);
    clearTimeout(this.#settle);
    this.#settle = setTimeout(async () => {
      await this.#ask({ threshold: value }, $("threshold"));
      if (this.#wanted === value) this.#wanted = null;
      if (this.#controls) this.#take(this.#controls);
    }, SETTLE_MS);
  }

  #take(controls) {
    if (!controls) return;
    this.#controls = controls;
    $("marks").setAttribute("aria-checked", String(controls.overlay));
    put($("marks-word"), controls.overlay ? "On" : "Off");
    $("record").setAttribute("aria-pressed", String(controls.recording === true));
    $("record").setAttribute("aria-disabled", String(controls.recording == null));
    put($("record-word"), controls.recording ? "End" : "Start");
    if (!this.#isHeld && this.#wanted === null) this.#showThreshold(controls.threshold);
    const after = controls.alert_after_s;
    let isListed = false;
    for (const choice of $("alert").querySelectorAll("input")) {
      choice.checked = after !== null && Number(choice.value) === after;
      isListed ||= choice.checked;
    }
    put($("alert-value"), after === null ? "(not followed)" : isListed ? "" : `${after} s`);
  }

  #showThreshold(value) {
    $("threshold").value = String(value);
    put($("threshold-value"), value.toFixed(2));
  }

  async #ask(change, place) {
    if (!this.#isGoing) return null;
    place.setAttribute("aria-busy", "true");
    try {
      const answer = await control(change);
      this.#take(answer);
      return answer;
    } catch (error) {
      this.say(error.message, { isProblem: true });
      if (this.#controls) this.#take(this.#controls);
      return null;
    } finally {
      place.removeAttribute("aria-busy");
    }
  }
}
