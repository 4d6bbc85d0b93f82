// Before and after in one place: both are moved and zoomed together, and share the coordinates of the result.

import { Tiles } from "./tiles.js";

const MOST = 4; // device pixels for a pixel of the result
const STEP = 1.25;

export class Viewer {
  /** `stage` holds the panes; `told({zoom, divider, mode})` is called when one of them has changed. */
  constructor(stage, told) {
    this.stage = stage;
    this.told = told;
    this.panes = [...stage.querySelectorAll(".pane")];
    this.sheets = this.panes.map((pane) => pane.querySelector(".sheet"));
    this.images = this.sheets.map((sheet) => sheet.querySelector("img"));
    this.tiles = new Tiles(this.panes.map((pane) => pane.querySelector("canvas")));
    this.tiles.changed = () => this.#cover();
    this.part = stage.querySelector(".region");
    this.divider = stage.querySelector("#divider");
    this.frame = stage.querySelector("#mark");
    this.mode = "slider";
    this.wanted = [null, null];
    this.at = 0.5;
    this.size = { width: 1, height: 1 };
    this.scale = this.x = this.y = 0;
    this.fitted = true;
    this.marked = null;
    this.pointers = new Map();
    new ResizeObserver(() => this.#layout()).observe(stage);
    this.#listen();
  }

  /** Show pictures, each an address or "", as if of this size; what is seen stays where it is while the size does. */
  show(before, after, size) {
    const same = size.width / size.height === this.size.width / this.size.height && !this.fitted;
    const grown = size.width / this.size.width;
    this.size = size;
    for (const [index, address] of [before, after].entries()) {
      const image = this.images[index];
      if (this.wanted[index] === address) continue;
      this.wanted[index] = address;
      this.#load(image, index, address);
    }
    if (same) this.scale /= grown;
    else this.fitted = true;
    this.#layout();
  }

  /** Draw pictures of tiles over those shown, each null for none; see `Tiles`. */
  showTiles(before, after) {
    this.tiles.show([before, after]);
    this.#layout();
  }

  /** A picture that tiles cover is not seen below them where they are transparent. */
  #cover() {
    for (const [index, image] of this.images.entries()) image.classList.toggle("covered", this.tiles.covers(index));
  }

  /** Put a picture in the place of the last one once it is decoded, so that nothing flickers, unless another is wanted by then. */
  async #load(image, index, address) {
    if (address) {
      const next = new Image();
      next.src = address;
      await next.decode().catch(() => {});
    }
    if (this.wanted[index] !== address) return;
    image.src = address;
    image.hidden = !address;
    await image.decode?.().catch(() => {});
    this.#layout();
  }

  /** Lay a finished part over the result, null for none. */
  showPart(address, box) {
    URL.revokeObjectURL(this.part.src);
    this.part.hidden = !address;
    if (!address) return this.part.removeAttribute("src");
    this.part.src = address;
    Object.assign(this.part.style, { left: `${box.x}px`, top: `${box.y}px`, width: `${box.width}px`, height: `${box.height}px` });
    return undefined;
  }

  setMode(mode) {
    this.mode = mode;
    this.stage.dataset.mode = mode;
    this.fitted = this.fitted || this.zoom <= this.fitZoom * 1.001;
    this.#layout();
  }

  /** Show the picture before in the place of the other one, or no more. */
  hold(held) {
    this.stage.classList.toggle("held", held);
  }

  get ratio() {
    return window.devicePixelRatio || 1;
  }

  /** Device pixels for a pixel of the result. */
  get zoom() {
    return this.scale * this.ratio;
  }

  get fitZoom() {
    const { width, height } = this.#view();
    return Math.min(width / this.size.width, height / this.size.height, 2) * this.ratio;
  }

  zoomTo(zoom, x, y) {
    const view = this.#view();
    const [px, py] = [x ?? view.width / 2, y ?? view.height / 2];
    const least = Math.min(this.fitZoom, 1);
    const scale = Math.min(MOST, Math.max(least, zoom)) / this.ratio;
    this.x = px - ((px - this.x) * scale) / this.scale;
    this.y = py - ((py - this.y) * scale) / this.scale;
    this.scale = scale;
    this.fitted = false;
    this.#layout();
  }

  zoomBy(factor, x, y) {
    this.zoomTo(this.zoom * factor, x, y);
  }

  step(direction) {
    this.zoomBy(STEP ** (2 * direction));
  }

  fit() {
    this.fitted = true;
    this.#layout();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.#layout();
  }

  setDivider(fraction) {
    this.at = Math.min(1, Math.max(0, fraction));
    this.#layout();
  }

  /** Let a part be marked; answers with its box in pixels of the result, null when it was given up. */
  mark() {
    this.stage.classList.add("marking");
    this.stage.focus();
    return new Promise((done) => {
      this.marked = (box) => {
        this.marked = null;
        this.stage.classList.remove("marking");
        this.frame.hidden = true;
        done(box);
      };
    });
  }

  /** The middle of what is seen, at most so many pixels wide and high. */
  #middle() {
    const view = this.#view();
    const [width, height] = [view.width / 2.5, view.height / 2.5];
    return this.#box((view.width - width) / 2, (view.height - height) / 2, width, height);
  }

  #box(left, top, width, height) {
    const within = (value, most) => Math.min(most, Math.max(0, Math.round(value)));
    const x = within((left - this.x) / this.scale, this.size.width - 1);
    const y = within((top - this.y) / this.scale, this.size.height - 1);
    const right = within((left + width - this.x) / this.scale, this.size.width);
    const bottom = within((top + height - this.y) / this.scale, this.size.height);
    return { x, y, width: Math.max(1, right - x), height: Math.max(1, bottom - y) };
  }

  /** What one pane shows, in CSS pixels. */
  #view() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    return { width: Math.max(1, this.mode === "side" ? width / 2 : width), height: Math.max(1, height) };
  }

  #layout() {
    const view = this.#view();
    if (this.fitted || !this.scale) this.scale = this.fitZoom / this.ratio;
    const [width, height] = [this.size.width * this.scale, this.size.height * this.scale];
    const kept = (at, length, room) => (length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, at)));
    const round = (value) => Math.round(value * this.ratio) / this.ratio;
    this.x = round(kept(this.fitted ? 0 : this.x, width, view.width));
    this.y = round(kept(this.fitted ? 0 : this.y, height, view.height));
    for (const [index, sheet] of this.sheets.entries()) {
      Object.assign(sheet.style, { width: `${this.size.width}px`, height: `${this.size.height}px` });
      sheet.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
      this.images[index].classList.toggle("crisp", this.#crisp(this.images[index].naturalWidth));
      this.#placeTiles(index);
    }
    this.#cover();
    this.part.classList.toggle("crisp", this.zoom >= 0.999);
    // The divider keeps to the photo, so that it is never lost beside it.
    const left = Math.max(0, this.x);
    const at = left + this.at * (Math.min(view.width, this.x + width) - left);
    const top = Math.max(0, this.y);
    this.stage.style.setProperty("--at", `${at}px`);
    this.stage.style.setProperty("--top", `${top}px`);
    this.stage.style.setProperty("--tall", `${Math.min(view.height, this.y + height) - top}px`);
    this.divider.setAttribute("aria-valuenow", Math.round(this.at * 100));
    this.told({ zoom: this.zoom, divider: this.at, mode: this.mode });
  }

  /** Tell where on the screen the tiles of a pane lie. */
  #placeTiles(index) {
    const picture = this.tiles.pictures[index];
    if (!picture) return;
    const { clientWidth, clientHeight } = this.panes[index];
    const [width, height] = [Math.round(clientWidth * this.ratio), Math.round(clientHeight * this.ratio)];
    const [across, down] = [(this.zoom * this.size.width) / picture.width, (this.zoom * this.size.height) / picture.height];
    const [left, top] = [Math.round(this.x * this.ratio), Math.round(this.y * this.ratio)];
    this.tiles.place(index, { left, top, across, down, width, height, crisp: this.#crisp(picture.width) });
  }

  /** Whether every pixel of a picture so wide, which has as many as the result, is shown as a square of its own. */
  #crisp(width) {
    return width === this.size.width && !this.fitted && this.zoom >= 0.999;
  }

  #listen() {
    const { stage } = this;
    stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (event) => this.#up(event));
    stage.addEventListener("dblclick", (event) => {
      if (event.target.closest("button")) return;
      if (this.zoom < 0.999) this.zoomTo(1, ...this.#place(event));
      else this.fit();
    });
    stage.addEventListener("keydown", (event) => this.#key(event));
    stage.addEventListener("keyup", (event) => event.key.toLowerCase() === "b" && this.hold(false));
    // A key that is let go elsewhere is not heard here.
    stage.addEventListener("focusout", () => this.pointers.size || this.hold(false));
    this.divider.addEventListener("keydown", (event) => this.#dividerKey(event));
  }

  #place(event) {
    const box = this.stage.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    return [this.mode === "side" && x > box.width / 2 ? x - box.width / 2 : x, y];
  }

  #wheel(event) {
    event.preventDefault();
    const speed = event.ctrlKey ? 0.01 : 0.0015;
    const pixels = event.deltaMode === 1 ? event.deltaY * 30 : event.deltaY;
    this.zoomBy(Math.exp(-pixels * speed), ...this.#place(event));
  }

  #down(event) {
    if (event.target.closest("button, #tools") || event.button > 0) return;
    this.stage.setPointerCapture(event.pointerId);
    const [x, y] = this.#place(event);
    this.pointers.set(event.pointerId, { x, y });
    if (this.marked) this.drag = { kind: "mark", x, y };
    else if (this.mode === "slider" && (event.target.closest("#divider") || this.zoom <= this.fitZoom * 1.001)) this.drag = { kind: "divider" };
    else this.drag = { kind: "pan" };
    if (this.mode === "hold" && !this.marked) this.hold(true);
    this.#move(event);
  }

  #move(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last) return;
    const [x, y] = this.#place(event);
    if (this.pointers.size === 2) this.#pinch(event.pointerId, { x, y });
    else if (this.drag.kind === "mark") this.#draw(x, y);
    else if (this.drag.kind === "divider") this.#slide(x);
    else this.pan(x - last.x, y - last.y);
    this.pointers.set(event.pointerId, { x, y });
  }

  #pinch(id, now) {
    const other = [...this.pointers].find(([key]) => key !== id)[1];
    const before = this.pointers.get(id);
    const apart = (one) => Math.hypot(one.x - other.x, one.y - other.y) || 1;
    const [x, y] = [(now.x + other.x) / 2, (now.y + other.y) / 2];
    this.hold(false);
    this.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    this.zoomBy(apart(now) / apart(before), x, y);
  }

  #slide(x) {
    const left = Math.max(0, this.x);
    const right = Math.min(this.#view().width, this.x + this.size.width * this.scale);
    this.setDivider((x - left) / (right - left));
  }

  #draw(x, y) {
    const [left, top] = [Math.min(x, this.drag.x), Math.min(y, this.drag.y)];
    const [width, height] = [Math.abs(x - this.drag.x), Math.abs(y - this.drag.y)];
    this.drag.box = [left, top, width, height];
    this.frame.hidden = false;
    Object.assign(this.frame.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
  }

  #up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    this.hold(false);
    if (this.drag.kind === "mark" && this.marked) {
      const [, , width, height] = this.drag.box;
      this.marked(width > 8 && height > 8 ? this.#box(...this.drag.box) : null);
    }
    if (this.pointers.size) this.drag = { kind: "pan" };
  }

  #key(event) {
    if (event.target.closest("button") || event.ctrlKey || event.metaKey || event.altKey) return;
    const far = event.shiftKey ? 200 : 60;
    const keys = {
      "+": () => this.step(1),
      "=": () => this.step(1),
      "-": () => this.step(-1),
      0: () => this.fit(),
      1: () => this.zoomTo(1),
      4: () => this.zoomTo(4),
      b: () => this.hold(true),
      ArrowLeft: () => this.pan(far, 0),
      ArrowRight: () => this.pan(-far, 0),
      ArrowUp: () => this.pan(0, far),
      ArrowDown: () => this.pan(0, -far),
    };
    if (this.marked) Object.assign(keys, { Enter: () => this.marked(this.#middle()), Escape: () => this.marked(null) });
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  #dividerKey(event) {
    const step = event.shiftKey ? 0.1 : 0.02;
    const to = { ArrowLeft: this.at - step, ArrowRight: this.at + step, Home: 0, End: 1, PageUp: this.at + 0.1, PageDown: this.at - 0.1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.setDivider(to);
  }
}
