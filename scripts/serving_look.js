// Reads the number in the picture that the page shows, at each of the page's own frames.
window.look = (box, seconds) => new Promise((done) => {
  const [columns, rows] = [8, 4];
  const small = new OffscreenCanvas(4 * columns, 4 * rows).getContext("2d", { willReadFrequently: true });
  const source = document.querySelector("#picture");
  const seen = [];
  let before = "";
  let frames = 0;

  /** The grey of each cell: of its middle, where its neighbours are not. */
  const cellsOf = () => {
    const [x, y, width, height] = [source.width, source.height, source.width, source.height]
      .map((side, at) => side * box[at]);
    small.drawImage(source, x, y, width, height, 0, 0, 4 * columns, 4 * rows);
    const { data } = small.getImageData(0, 0, 4 * columns, 4 * rows);
    return Array.from({ length: rows * columns }, (_, at) => {
      const [row, column] = [Math.floor(at / columns), at % columns];
      const of = [1, 2].flatMap((down) => [1, 2].map((right) => (
        data[4 * ((4 * row + down) * 4 * columns + 4 * column + right) + 1])));
      return of.reduce((sum, one) => sum + one) / 4;
    });
  };

  const began = performance.now();
  const step = () => {
    const now = performance.now();
    const cells = cellsOf();
    const bits = cells.map((cell) => (cell > 128 ? 1 : 0)).join("");
    frames += 1;
    if (before && bits !== before) seen.push([now, cells]);
    before = bits;
    if (now - began < 1000 * seconds) {
      requestAnimationFrame(step);
      return;
    }
    const { width, height } = source.getBoundingClientRect();
    done({ seen, frames, shown: [width, height], sent: [source.width, source.height] });
  };
  requestAnimationFrame(step);
});
