// The picture: JPEG over a WebSocket, each answered when it is drawn, no larger than it is shown here; motion
// JPEG where none gets through.

const HEAD_BYTES = 16;
const PAUSES_MS = [250, 500, 1000, 2000, 4000];
const SILENT_MS = 10_000;
const RETURN_MS = 30_000;
const FAILURES = 2;

/**
 * Draws the newest picture on `canvas`. `isServed()` tells whether the rest of the page hears the server:
 * only then is a WebSocket that fails one that does not get through, and `image` takes over.
 * `ageMs`: how long ago the newest picture was drawn; `delayMs`: how old it was then, from its capture on.
 */
export class Video {
  #canvas;
  #paper;
  #image;
  #isServed;
  #socket = null;
  #failures = 0;
  #attempts = 0;
  #retry = 0;
  #drawnAt = null;
  #heardAt = 0;
  #motion = null;
  #times = [];
  #wayMs = 0;
  #told = 0;

  constructor(canvas, image, isServed) {
    this.#canvas = canvas;
    this.#paper = canvas.getContext("bitmaprenderer", { alpha: false });
    this.#image = image;
    this.#isServed = isServed;
    this.delayMs = null;
    image.addEventListener("error", () => this.#motionFailed());
    setInterval(() => this.#watch(), 1000);
    new ResizeObserver(() => this.#tellWidth()).observe(canvas);
  }

  open() {
    clearTimeout(this.#retry);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws/video`);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#heardAt = performance.now();
    let got = 0;
    socket.onopen = () => {
      this.#told = 0;
      this.#tellWidth();
    };
    socket.onmessage = async ({ data }) => {
      const received = performance.now();
      this.#heardAt = received;
      try {
        await this.#draw(socket, data, received);
        got += 1;
        this.#failures = 0;
        this.#attempts = 0;
        if (this.#motion) this.#endMotion();
      } catch {
        // A picture that cannot be read is left out; the next one is on its way.
      }
      if (socket.readyState === WebSocket.OPEN) socket.send("ok");
    };
    socket.onclose = () => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      this.#failed(got > 0);
    };
  }

  /** The server is there again: no need to wait for the next try. */
  wake() {
    this.#failures = 0;
    this.#attempts = 0;
    if (!this.#socket && !this.#motion) this.open();
  }

  /** No picture will come until `wake`. */
  rest() {
    clearTimeout(this.#retry);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#endMotion();
  }

  get ageMs() {
    return this.#drawnAt === null ? null : performance.now() - this.#drawnAt;
  }

  /** Pictures a second, of the last two. */
  get fps() {
    const since = performance.now() - 2000;
    while (this.#times.length && this.#times[0] < since) this.#times.shift();
    return this.#times.length / 2;
  }

  get isFallback() {
    return this.#motion !== null;
  }

  /** Half of the shortest round trip: what a picture needs from the server to here, at least. */
  set wayMs(value) {
    this.#wayMs = value;
  }

  /** Pictures may be drawn out of turn: the decoder works on two at a time. An older one is not drawn. */
  async #draw(socket, data, received) {
    const head = new DataView(data, 0, HEAD_BYTES);
    const index = Number(head.getBigUint64(0));
    const sentAgeMs = 1000 * head.getFloat64(8);
    const jpeg = new Blob([new Uint8Array(data, HEAD_BYTES)], { type: "image/jpeg" });
    const bitmap = await createImageBitmap(jpeg);
    const isNewest = socket === this.#socket && !(index < socket.shown);
    if (isNewest) {
      socket.shown = index;
      this.#fit(bitmap.width, bitmap.height);
      this.#paper.transferFromImageBitmap(bitmap); // drawn without a copy
      const now = performance.now();
      this.delayMs = sentAgeMs + this.#wayMs + now - received;
      this.#note(now);
      Object.assign(this.#canvas.dataset, { frame: index, delayMs: this.delayMs.toFixed(1) });
    }
    bitmap.close();
  }

  #fit(width, height) {
    if (this.#canvas.width === width && this.#canvas.height === height) return;
    this.#canvas.width = width;
    this.#canvas.height = height;
    this.#tellWidth(); // a picture of another shape has another width in the same place
    document.body.classList.toggle("tall-picture", width / height < 1.5);
  }

  /** How many pixels of the screen the picture has: more of them would be decoded for nothing. */
  #tellWidth() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const { clientWidth, clientHeight, width, height } = this.#canvas;
    const shown = Math.min(clientWidth, (clientHeight * width) / height) * devicePixelRatio;
    const wanted = Math.min(99_999, Math.round(shown));
    if (!wanted || wanted === this.#told) return;
    this.#told = wanted;
    this.#socket.send(`width ${wanted}`);
  }

  #note(now) {
    this.#drawnAt = now;
    this.#times.push(now);
  }

  #failed(hadPictures) {
    if (!hadPictures && this.#isServed()) this.#failures += 1;
    if (this.#failures >= FAILURES && !this.#motion) this.#startMotion();
    const pause = PAUSES_MS[Math.min(this.#attempts, PAUSES_MS.length - 1)];
    this.#attempts += 1;
    const wait = this.#motion ? RETURN_MS : pause * (0.75 + Math.random() / 2);
    this.#retry = setTimeout(() => this.open(), wait);
  }

  /** A connection that says nothing any more may be half open: the way back to a picture is a new one. */
  #watch() {
    if (this.#socket && performance.now() - this.#heardAt > SILENT_MS) {
      const socket = this.#socket;
      this.#socket = null;
      socket.close();
      this.#failed(false);
    }
  }

  // Motion JPEG. No browser tells of its single pictures, so a small copy is compared: video has noise.

  #startMotion() {
    const small = new OffscreenCanvas(48, 27).getContext("2d", { willReadFrequently: true });
    this.delayMs = null;
    this.#image.src = `/video.mjpeg?at=${Date.now()}`;
    this.#motion = { small, before: "", timer: setInterval(() => this.#lookAtMotion(), 100) };
  }

  #lookAtMotion() {
    const { small } = this.#motion;
    if (!this.#image.naturalWidth) return;
    small.drawImage(this.#image, 0, 0, 48, 27);
    const seen = small.getImageData(0, 0, 48, 27).data.join();
    if (seen === this.#motion.before) return;
    this.#motion.before = seen;
    this.#image.hidden = false;
    this.#canvas.hidden = true;
    this.#note(performance.now());
  }

  #motionFailed() {
    if (!this.#motion) return;
    this.#endMotion();
    this.#failures = 0;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.open(), PAUSES_MS.at(-1));
  }

  #endMotion() {
    if (!this.#motion) return;
    clearInterval(this.#motion.timer);
    this.#motion = null;
    this.#image.removeAttribute("src");
    this.#image.hidden = true;
    this.#canvas.hidden = false;
  }
}
