// The faces that a step on faces would find: a box over the picture and a switch for each.

import { make } from "./steps.js";
import { percent, said, t } from "./strings.js";

const THUMB = 44; // CSS pixels

/** The step that can leave faces alone, as GET /algorithms has it; none where there is no such step. */
export const stepOnFaces = (catalogue) => catalogue?.algorithms.find(({ options }) => options.skip)?.name;

const boxOf = (face) => face.box.split(",").map(Number);
const skipped = (values) => new Set((values.skip ?? "").split(" ").filter(Boolean));

/** Fill `list` with a switch for each face; `values` are the step's, and `changed()` is called after a switch was turned. */
export function showFaces(list, { found, picture, values, changed }) {
  if (!found) return list.replaceChildren(make("li", { textContent: t("faces_looking") }));
  if (!found.faces.length) return list.replaceChildren(make("li", { textContent: t("faces_none") }));
  return list.replaceChildren(...found.faces.map((face, index) => item(face, index, { found, picture, values, changed })));
}

function item(face, index, { found, picture, values, changed }) {
  const box = make("input", { type: "checkbox", checked: !skipped(values).has(face.box), disabled: face.why !== "" && !skipped(values).has(face.box) });
  box.setAttribute("role", "switch");
  box.addEventListener("change", () => {
    const left = skipped(values);
    if (box.checked) left.delete(face.box);
    else left.add(face.box);
    if (left.size) values.skip = [...left].join(" ");
    else delete values.skip;
    changed();
  });
  const words = make("b", { textContent: t("face", { n: index + 1 }) });
  const why = make("small", { textContent: said(face.why).text || t("face_score", { share: percent(face.score) }) });
  return make("li", {}, make("label", { className: "switch" }, box, make("i"), thumb(face, found.photo, picture), make("span", {}, words, why)));
}

/** A face cut out of a picture of the photo of any size. */
function thumb(face, photo, picture) {
  const canvas = make("canvas", { width: 2 * THUMB, height: 2 * THUMB });
  const image = new Image();
  image.src = picture;
  image.decode().then(() => {
    const scale = image.naturalWidth / photo.width;
    const [x, y, width, height] = boxOf(face).map((each) => each * scale);
    const side = 1.3 * Math.max(width, height);
    canvas.getContext("2d").drawImage(image, x + (width - side) / 2, y + (height - side) / 2, side, side, 0, 0, canvas.width, canvas.height);
  }, () => {});
  return canvas;
}

/** Lay boxes over `sheets`, whose pixels are those of a result of this size; none where nothing was found. */
export function markFaces(sheets, found, values, size) {
  for (const sheet of sheets) {
    const layer = sheet.querySelector(".faces") ?? sheet.appendChild(make("div", { className: "faces" }));
    layer.setAttribute("aria-hidden", "true"); // the switches say the same
    layer.style.fontSize = `${size.width / 100}px`; // the sheet is scaled, and lines with it
    layer.replaceChildren(...(found?.faces ?? []).map((face, index) => mark(face, index, found.photo, skipped(values).has(face.box) || face.why)));
  }
}

function mark(face, index, photo, left) {
  const [x, y, width, height] = boxOf(face);
  const box = make("i", { className: left ? "left" : "", textContent: index + 1 });
  const share = (value, whole) => `${(100 * value) / whole}%`;
  Object.assign(box.style, { left: share(x, photo.width), top: share(y, photo.height), width: share(width, photo.width), height: share(height, photo.height) });
  return box;
}
