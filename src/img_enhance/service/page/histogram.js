// How light is spread in the pictures before and after: counted on a few of their pixels, drawn over each other, and told in words.

import { make } from "./steps.js";
import { number, t } from "./strings.js";

const BINS = 64;
const SIDE = 512; // pixels of the longer side that are looked at
const [WIDE, TALL] = [256, 72];
const NAMESPACE = "http://www.w3.org/2000/svg";

export class Histogram {
  /** Fills `figure`, which is hidden while nothing can be shown. */
  constructor(figure) {
    this.figure = figure;
    this.wanted = "";
    this.known = new Map();
    this.picture = document.createElementNS(NAMESPACE, "svg");
    this.curves = ["before", "after"].map((name) => {
      const curve = document.createElementNS(NAMESPACE, "path");
      curve.setAttribute("class", name);
      return curve;
    });
    this.picture.setAttribute("viewBox", `0 0 ${WIDE} ${TALL}`);
    this.picture.setAttribute("preserveAspectRatio", "none");
    this.picture.setAttribute("role", "img");
    this.picture.append(...this.curves);
    this.rows = [make("p"), make("p")];
    figure.replaceChildren(make("figcaption", { textContent: t("histogram") }), this.picture, ...this.rows);
  }

  /** Show these pictures, by their addresses; the second is "" where there is none. What is shown stays until they are counted. */
  async show(before, after) {
    const wanted = [before, after].join(" ");
    if (this.wanted === wanted) return;
    this.wanted = wanted;
    const counted = await Promise.all([before, after].map((address) => this.#counts(address)));
    if (this.wanted !== wanted) return;
    for (const address of this.known.keys()) if (![before, after].includes(address)) this.known.delete(address);
    this.#draw(counted);
  }

  #counts(address) {
    if (!address) return null;
    if (!this.known.has(address)) this.known.set(address, count(address).catch(() => null));
    return this.known.get(address);
  }

  #draw(counted) {
    this.figure.hidden = !counted[0];
    const most = Math.max(...counted.flatMap((each) => each?.bins.slice(1, -1) ?? []), 1e-9);
    for (const [index, each] of counted.entries()) {
      this.curves[index].setAttribute("d", each ? path(each.bins, most) : "");
      this.rows[index].hidden = !each;
      if (each) this.rows[index].textContent = t(index ? "histogram_after" : "histogram_before", words(each));
    }
    const told = this.rows.filter((row) => !row.hidden).map((row) => row.textContent);
    this.picture.setAttribute("aria-label", [t("histogram"), ...told].join(". "));
  }
}

const words = ({ mean, black, white }) => ({ mean: share(mean), black: share(black), white: share(white) });
const share = (value) => `${number(100 * value, value && value < 0.1 ? 1 : 0)} %`;

/** Shares of the pixels by their luma (ITU-R BT.709), the mean of it from 0 to 1, and the shares that are wholly black and white. */
async function count(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  const scale = Math.min(1, SIDE / Math.max(image.naturalWidth, image.naturalHeight));
  const canvas = make("canvas", { width: Math.max(1, image.naturalWidth * scale), height: Math.max(1, image.naturalHeight * scale) });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingEnabled = false; // pixels are left out, not mixed: mixed ones would be neither black nor white
  context.fillStyle = "#fff"; // what is transparent is white in the reduced copy, and not to be black here
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const bins = new Array(BINS).fill(0);
  const pixels = data.length / 4;
  let [sum, black, white] = [0, 0, 0];
  for (let at = 0; at < data.length; at += 4) {
    const luma = 0.2126 * data[at] + 0.7152 * data[at + 1] + 0.0722 * data[at + 2];
    bins[Math.min(BINS - 1, Math.floor((luma * BINS) / 256))] += 1;
    sum += luma;
    black += luma < 0.5;
    white += luma > 254.5;
  }
  return { bins: bins.map((each) => each / pixels), mean: sum / pixels / 255, black: black / pixels, white: white / pixels };
}

/** The outline of bins, filled from below; what is higher than `most` is cut off. */
function path(bins, most) {
  const step = WIDE / bins.length;
  const tops = bins.map((each, index) => `L${(index + 0.5) * step} ${(TALL * (1 - Math.min(1, each / most))).toFixed(1)}`);
  return `M0 ${TALL}${tops.join("")}L${WIDE} ${TALL}Z`;
}
