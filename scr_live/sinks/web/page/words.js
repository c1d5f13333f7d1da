// Numbers in the words that people read.

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const last = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${last}` : `${minutes}:${last}`;
}

export function span(seconds) {
  return seconds < 60 ? `${Math.max(0, Math.floor(seconds))} s` : clock(seconds);
}

export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  for (; count >= 999.5 && at < units.length - 1; at += 1) count /= 1000;
  return `${count < 9.95 && at > 0 ? count.toFixed(1) : Math.round(count)} ${units[at]}`;
}

export function hours(left) {
  if (left >= 48) return `${Math.round(left / 24)} days`;
  return left >= 9.95 ? `${Math.round(left)} h` : `${left.toFixed(1)} h`;
}

export function share(part) {
  const percent = 100 * part;
  return percent < 0.1 ? "below 0.1 %" : `${percent.toFixed(percent < 9.95 ? 1 : 0)} %`;
}

export function milliseconds(value) {
  return value < 9995 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(0)} s`;
}

export function score(value) {
  return value.toFixed(2);
}

/** Write a text only where it changed: what is not touched is not laid out again, nor read out again. */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const $ = (id) => document.getElementById(id);
