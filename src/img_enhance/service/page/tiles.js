// Pictures that are too large for the browser, drawn of the tiles that are in sight. What is far out of sight is let go.

const AT_ONCE = 4; // a browser opens six connections to a service at most
const MOST = 160; // tiles in memory, of a megabyte each, unless more are in sight
const AGAIN = 1500;

// A level is taken as long as its pixels are not drawn larger than this.
const LARGEST = 1.15;

export class Tiles {
  /** A picture for each canvas is {width, height, tile, levels, fetch(level, column, row, signal)}, null for none. */
  constructor(canvases) {
    const colorSpace = matchMedia("(color-gamut: p3)").matches ? "display-p3" : "srgb";
    this.canvases = canvases;
    this.contexts = canvases.map((canvas) => canvas.getContext("2d", { colorSpace }));
    this.pictures = canvases.map(() => null);
    this.views = canvases.map(() => null);
    this.kept = new Map(); // bitmaps by name, the one drawn longest ago first
    this.asked = new Map(); // what is on its way, by name
    this.wanted = [];
    this.failed = new Map(); // until when a tile is not asked for again
  }

  /** Show these pictures from now on; one that is the same as before keeps its tiles. */
  show(pictures) {
    for (const [pane, picture] of pictures.entries()) {
      if (picture?.of !== this.pictures[pane]?.of) this.#forget(pane);
      this.pictures[pane] = picture;
    }
    this.draw();
  }

  /** Where a pane's picture lies, in device pixels: {left, top, across, down, width, height, crisp}; `across` are those of a pixel of it. */
  place(pane, view) {
    this.views[pane] = view;
    this.draw();
  }

  /** Whether a pane's picture is seen, be it coarsely. */
  covers(pane) {
    const picture = this.pictures[pane];
    return Boolean(picture) && this.kept.has(nameOf(pane, picture.levels.length - 1, 0, 0));
  }

  draw() {
    for (const canvas of this.canvases) canvas.dataset.missing = "";
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.#draw();
    });
  }

  #draw() {
    this.wanted = [];
    for (const pane of this.canvases.keys()) this.#drawPane(pane);
    this.#ask();
  }

  #drawPane(pane) {
    const [canvas, context, picture, view] = [this.canvases[pane], this.contexts[pane], this.pictures[pane], this.views[pane]];
    canvas.hidden = !picture;
    if (!picture || !view) return;
    if (canvas.width !== view.width) canvas.width = view.width;
    if (canvas.height !== view.height) canvas.height = view.height;
    context.clearRect(0, 0, view.width, view.height);
    context.imageSmoothingEnabled = !view.crisp;
    context.imageSmoothingQuality = "medium";
    const last = picture.levels.length - 1;
    const level = Math.min(last, Math.max(0, Math.floor(Math.log2(LARGEST / view.across))));
    this.#want(pane, picture, last, 0, 0, 0);
    const side = picture.tile * 2 ** level;
    const { columns, rows } = picture.levels[level];
    const within = (value, most) => Math.min(most - 1, Math.max(0, Math.floor(value)));
    const [left, right] = [within(-view.left / view.across / side, columns), within((view.width - view.left) / view.across / side, columns)];
    const [top, bottom] = [within(-view.top / view.down / side, rows), within((view.height - view.top) / view.down / side, rows)];
    const middle = [(right + left) / 2, (bottom + top) / 2];
    for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) {
        this.#want(pane, picture, level, column, row, 1 + Math.hypot(column - middle[0], row - middle[1]));
        this.#drawTile(pane, picture, view, level, column, row);
      }
    }
    canvas.dataset.level = level;
  }

  /** A tile, or what a coarser one that is here has of it. */
  #drawTile(pane, picture, view, level, column, row) {
    const side = picture.tile * 2 ** level;
    const [left, top] = [column * side, row * side];
    const [right, bottom] = [Math.min(picture.width, left + side), Math.min(picture.height, top + side)];
    // Neighbours end at the same pixel of the screen, so that no seam shows.
    const [x, y] = [Math.round(view.left + left * view.across), Math.round(view.top + top * view.down)];
    const [width, height] = [Math.round(view.left + right * view.across) - x, Math.round(view.top + bottom * view.down) - y];
    for (let coarser = level; coarser < picture.levels.length; coarser++) {
      const [over, length] = [2 ** (coarser - level), 2 ** coarser];
      const [across, down] = [Math.floor(column / over), Math.floor(row / over)];
      const name = nameOf(pane, coarser, across, down);
      const bitmap = this.kept.get(name);
      if (!bitmap) continue;
      this.kept.delete(name);
      this.kept.set(name, bitmap);
      const [fromX, fromY] = [left / length - across * picture.tile, top / length - down * picture.tile];
      const [tall, wide] = [Math.min(bitmap.height - fromY, (bottom - top) / length), Math.min(bitmap.width - fromX, (right - left) / length)];
      const whole = coarser === level;
      this.contexts[pane].drawImage(bitmap, fromX, fromY, whole ? bitmap.width : wide, whole ? bitmap.height : tall, x, y, width, height);
      return;
    }
  }

  /** Ask for a tile, or as long as it is not made for the next coarser one that is. */
  #want(pane, picture, level, column, row, far) {
    for (let coarser = level; coarser < picture.levels.length; coarser++) {
      const over = 2 ** (coarser - level);
      const [across, down] = [Math.floor(column / over), Math.floor(row / over)];
      if (down >= picture.levels[coarser].rows_ready) continue;
      const name = nameOf(pane, coarser, across, down);
      if (!this.wanted.some((each) => each.name === name)) this.wanted.push({ name, pane, picture, level: coarser, column: across, row: down, far });
      return;
    }
  }

  #ask() {
    const names = new Set(this.wanted.map(({ name }) => name));
    for (const [name, asking] of this.asked) {
      if (!names.has(name)) asking.abort();
    }
    const now = Date.now();
    const missing = this.wanted.filter(({ name }) => !this.kept.has(name) && !this.asked.has(name) && (this.failed.get(name) ?? 0) < now);
    for (const [pane, canvas] of this.canvases.entries()) canvas.dataset.missing = missing.filter((tile) => tile.pane === pane).length + this.#onTheWay(pane);
    missing.sort((one, other) => one.far - other.far);
    for (const tile of missing.slice(0, Math.max(0, AT_ONCE - this.asked.size))) this.#fetch(tile);
    for (const [name, bitmap] of this.kept) {
      if (this.kept.size <= MOST) break;
      if (names.has(name)) continue;
      bitmap.close();
      this.kept.delete(name);
    }
  }

  #onTheWay(pane) {
    return [...this.asked.keys()].filter((name) => name.startsWith(`${pane}/`)).length;
  }

  async #fetch({ name, pane, picture, level, column, row }) {
    const asking = new AbortController();
    this.asked.set(name, asking);
    try {
      const bitmap = await createImageBitmap(await picture.fetch(level, column, row, asking.signal));
      if (asking.signal.aborted || this.pictures[pane]?.of !== picture.of) bitmap.close();
      else this.kept.set(name, bitmap);
      this.failed.delete(name);
    } catch {
      // Out of sight again, or not there for now: what is in sight then is asked for once more.
      if (!asking.signal.aborted) this.failed.set(name, Date.now() + AGAIN);
      if (!asking.signal.aborted) setTimeout(() => this.draw(), AGAIN + 50);
    }
    this.asked.delete(name);
    this.changed?.();
    this.draw();
  }

  #forget(pane) {
    const own = (name) => name.startsWith(`${pane}/`);
    for (const [name, asking] of this.asked) if (own(name)) asking.abort();
    for (const [name, bitmap] of this.kept) {
      if (!own(name)) continue;
      bitmap.close();
      this.kept.delete(name);
    }
    this.failed.clear();
  }
}

const nameOf = (pane, level, column, row) => `${pane}/${level}/${column}_${row}`;
