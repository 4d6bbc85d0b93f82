// Which format a result has, and in which quality: chosen before the work, or when it is taken home.

import { make } from "./steps.js";
import { t } from "./strings.js";

// Those that lose a little, and how much is usual (`request/options.py` says why).
const USUAL = { jpeg: 95, webp: 90, avif: 80, jxl: 90 };
const ENDINGS = { jpeg: "jpg", tiff: "tif" };

export const endingOf = (format) => ENDINGS[format] ?? format;

/**
 * Fill `row` with a list of formats and a quality, for `output`, which has `format` and `quality` where they are chosen; `own` is the
 * format where none is, and `words` its text. `changed()` is called after a choice.
 */
export function showFormats(row, { names, own, words, output, changed }) {
  const list = make("select", {}, make("option", { value: "", textContent: words }), ...names.map(named));
  const range = make("input", { type: "range", min: 1, max: 100 });
  const shown = make("output");
  const quality = make("div", { className: "row" }, make("label", {}, make("span", { textContent: t("quality") }), range), shown);
  const show = () => {
    const usual = USUAL[output.format ?? own];
    quality.hidden = !usual;
    range.value = output.quality ?? usual ?? 100;
    range.classList.toggle("unset", output.quality === undefined);
    shown.textContent = output.quality ?? t("usual");
    range.setAttribute("aria-valuetext", shown.textContent);
  };
  list.value = output.format ?? "";
  list.addEventListener("change", () => {
    if (list.value) output.format = list.value;
    else delete output.format;
    delete output.quality;
    show();
    changed();
  });
  range.addEventListener("input", () => {
    output.quality = range.valueAsNumber;
    show();
    changed();
  });
  show();
  row.replaceChildren(make("div", { className: "row" }, make("label", {}, make("span", { textContent: t("format") }), list)), quality);
}

const named = (name) => make("option", { value: name, textContent: name.toUpperCase() });
