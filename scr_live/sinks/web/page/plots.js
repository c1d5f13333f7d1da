// Small plots of the last minute: no axes, one scale that is written, the newest value beside it.

const SPAN_MS = 60_000;
const STEPS = [50, 100, 200, 500, 1000, 2000, 5000, 10_000, 60_000];

/** A line over time on a canvas; `floor`: the highest value that it shows at least. */
export class Plot {
  #canvas;
  #points = [];
  #floor;

  constructor(canvas, floor) {
    this.#canvas = canvas;
    this.#floor = floor;
  }

  /** `high`: a second value, such as the 99th percentile; null: none is known. */
  add(value, high = null, now = performance.now()) {
    this.#points.push({ now, value, high });
    while (this.#points[0].now < now - SPAN_MS) this.#points.shift();
  }

  draw(now = performance.now()) {
    const { clientWidth, clientHeight } = this.#canvas;
    if (!clientWidth) return;
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(clientWidth * scale), Math.round(clientHeight * scale)];
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    const paper = this.#canvas.getContext("2d");
    paper.setTransform(scale, 0, 0, scale, 0, 0);
    paper.clearRect(0, 0, clientWidth, clientHeight);
    const top = this.#top();
    this.#rule(paper, clientWidth, clientHeight, top);
    const at = (time) => clientWidth * (1 - (now - time) / SPAN_MS);
    const up = (value) => clientHeight - 2 - (clientHeight - 5) * Math.min(1, value / top);
    this.#line(paper, "high", at, up, { colour: "#7f8e99", width: 1.25 });
    this.#line(paper, "value", at, up, { colour: "#dfe6ea", width: 2 });
  }

  #top() {
    const values = this.#points.flatMap(({ value, high }) => [value ?? 0, high ?? 0]);
    const highest = Math.max(this.#floor, ...values);
    return STEPS.find((step) => step >= highest) ?? highest;
  }

  #rule(paper, width, height, top) {
    paper.fillStyle = "#3a4853";
    paper.fillRect(0, height - 1, width, 1);
    for (const part of [0, 0.25, 0.5, 0.75, 1]) paper.fillRect(part * (width - 1), height - 4, 1, 4);
    paper.fillStyle = "#93a1ab";
    const { fontSize, fontFamily } = getComputedStyle(this.#canvas);
    paper.font = `${0.6875 * parseFloat(fontSize)}px ${fontFamily}`;
    paper.textBaseline = "top";
    paper.fillText(String(top), 0, 0);
  }

  #line(paper, key, at, up, { colour, width }) {
    paper.strokeStyle = colour;
    paper.lineWidth = width;
    paper.lineJoin = "round";
    paper.beginPath();
    let isDown = false;
    for (const point of this.#points) {
      if (point[key] === null) {
        isDown = false;
        continue;
      }
      paper[isDown ? "lineTo" : "moveTo"](at(point.now), up(point[key]));
      isDown = true;
    }
    paper.stroke();
  }
}
