"use strict";
// Only the rows in sight are elements, as browsers are slow with ten thousand of them. All texts are set as texts, never as HTML.
const ROW_HEIGHT = 104, SPARE_ROWS = 6;
// Larger pictures than this would take seconds to show; their thumbnails do instead.
const MOST_PIXELS = 40e6;
const SHOWN_BY_BROWSERS = /\.(jpe?g|jpe|jfif|png|webp|avif|gif|bmp)$/i;

const one = (selector, within = document) => within.querySelector(selector);
const rows = JSON.parse(one("#rows").textContent);
const list = one("#list"), dialog = one("#photo"), slider = one("#slider input"), search = one("#search"), order = one("#order");
rows.forEach((row, place) => { row.place = place; });

const COMPARED = {
  run: (a, b) => a.place - b.place,
  name: (a, b) => names.compare(a.name, b.name),
  status: (a, b) => URGENCY[a.status] - URGENCY[b.status],
  slowest: (a, b) => (b.seconds ?? -1) - (a.seconds ?? -1),
  fastest: (a, b) => (a.seconds ?? Infinity) - (b.seconds ?? Infinity),
  memory: (a, b) => (b.bytes ?? -1) - (a.bytes ?? -1),
  warnings: (a, b) => b.warnings.length - a.warnings.length,
};
const URGENCY = { failed: 0, success: 1, skipped: 2 };
const names = new Intl.Collator(undefined, { numeric: true });

let shown = rows, active = 0, status = "";
const drawn = new Map();

function choose() {
  const words = search.value.toLowerCase();
  const chosen = rows.filter((row) => (!status || row.status === status) && (!words || textOf(row).includes(words)));
  const compare = COMPARED[order.value];
  shown = chosen.sort((a, b) => compare(a, b) || a.place - b.place);
  drawn.forEach((element) => element.remove());
  drawn.clear();
  active = 0;
  list.style.height = `${shown.length * ROW_HEIGHT}px`;
  one("#count").textContent = shown.length === 1 ? "1 photo" : `${shown.length} photos`;
  draw();
}

function textOf(row) {
  row.text ??= [row.name, row.done, row.problem, ...row.warnings].join("\n").toLowerCase();
  return row.text;
}

function draw() {
  const top = list.getBoundingClientRect().top;
  const first = Math.max(0, Math.floor(-top / ROW_HEIGHT) - SPARE_ROWS);
  const last = Math.min(shown.length, Math.ceil((innerHeight - top) / ROW_HEIGHT) + SPARE_ROWS);
  for (const [place, element] of drawn) {
    if (place < first || place >= last) {
      element.remove();
      drawn.delete(place);
    }
  }
  for (let place = first; place < last; place += 1) {
    if (!drawn.has(place)) drawn.set(place, list.appendChild(element(shown[place], place)));
  }
  mark();
}

function element(row, place) {
  const made = one("#row").content.firstElementChild.cloneNode(true);
  made.id = `row-${place}`;
  made.dataset.place = place;
  made.style.top = `${place * ROW_HEIGHT}px`;
  made.setAttribute("aria-posinset", place + 1);
  made.setAttribute("aria-setsize", shown.length);
  one(".name", made).textContent = one(".name", made).title = row.name;
  one(".status", made).textContent = row.status;
  one(".status", made).classList.add(row.status);
  one(".figures", made).textContent = figures(row);
  one(".done", made).textContent = row.problem || row.done;
  picture(one(".pair", made), row.before, row.after);
  return made;
}

function picture(pair, before, after) {
  for (const [name, source] of [["before", before], ["after", after]]) {
    const image = one(`img.${name}`, pair);
    image.onerror = () => image.removeAttribute("src");
    if (source) image.src = source;
    else image.removeAttribute("src");
  }
}

function figures(row) {
  const warned = row.warnings.length ? `${row.warnings.length} warning${row.warnings.length > 1 ? "s" : ""}` : "";
  return [row.took, row.memory, row.sizes, warned].filter(Boolean).join(" · ");
}

function mark() {
  for (const [place, element] of drawn) element.setAttribute("aria-selected", place === active);
  if (drawn.has(active)) list.setAttribute("aria-activedescendant", `row-${active}`);
  else list.removeAttribute("aria-activedescendant");
}

function go(place) {
  if (!shown.length) return;
  active = Math.min(Math.max(place, 0), shown.length - 1);
  const top = list.getBoundingClientRect().top + active * ROW_HEIGHT, bar = Math.max(0, one("#bar").getBoundingClientRect().bottom);
  if (top < bar) scrollBy(0, Math.floor(top - bar));
  else if (top + ROW_HEIGHT > innerHeight) scrollBy(0, Math.ceil(top + ROW_HEIGHT - innerHeight));
  draw();
}

function wipe(pair, percent) {
  pair.style.setProperty("--at", `${Math.min(Math.max(percent, 0), 100)}%`);
}

function percentAt(pair, event) {
  const box = pair.getBoundingClientRect();
  return (100 * (event.clientX - box.left)) / box.width;
}

function open(place) {
  go(place);
  const row = shown[active], pair = one(".pair", dialog);
  one("#photo-name").textContent = row.name;
  const both = Boolean(row.before && row.after);
  pair.hidden = !row.before && !row.after;
  one("#slider").hidden = !both;
  picture(pair, row.before, row.after);
  if (row.pixels <= MOST_PIXELS && [row.photo, row.result].every((file) => SHOWN_BY_BROWSERS.test(file))) whole(pair, row);
  slide(both ? 50 : 0);
  one("#links").replaceChildren(...[["original", row.photo], ["result", row.result]].filter(([, to]) => to).map(link));
  one("#details").replaceChildren(...details(row));
  one("#previous").disabled = active === 0;
  one("#next").disabled = active === shown.length - 1;
  if (!dialog.open) dialog.showModal();
  if (both) slider.focus();
}

// Both files in the place of their thumbnails once both are there, so that never a sharp one is compared with a small one.
function whole(pair, row) {
  const files = [row.photo, row.result].map((source) => Object.assign(new Image(), { src: source }));
  Promise.all(files.map((file) => file.decode())).then(
    () => { if (dialog.open && shown[active] === row) picture(pair, row.photo, row.result); },
    () => {}, // a file that was moved, or that this browser does not show: the thumbnails stay
  );
}

function slide(percent) {
  slider.value = percent;
  wipe(one(".pair", dialog), percent);
}

function link([words, to]) {
  return Object.assign(document.createElement("a"), { href: to, textContent: words, target: "_blank", rel: "noopener" });
}

function details(row) {
  const made = [];
  const add = (kind, text, name = "") => made.push(Object.assign(document.createElement(kind), { textContent: text, className: name }));
  const bullets = (title, texts) => {
    if (!texts.length) return;
    add("h3", title);
    const items = texts.map((text) => Object.assign(document.createElement("li"), { textContent: text }));
    made.push(document.createElement("ul"));
    made.at(-1).append(...items);
  };
  add("p", [row.status, figures(row)].filter(Boolean).join(" · "));
  if (row.problem) add("p", row.problem, row.status);
  if (row.done) add("p", row.done);
  bullets("Steps", row.steps);
  bullets("Reasons", row.reasons);
  bullets("Warnings", row.warnings);
  return made;
}

function statusButtons() {
  for (const name of ["", "success", "failed", "skipped"]) {
    const count = name ? rows.filter((row) => row.status === name).length : rows.length;
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: `${name || "all"} ${count}` });
    button.setAttribute("aria-pressed", name === "");
    button.onclick = () => {
      status = name;
      for (const other of one("#statuses").children) other.setAttribute("aria-pressed", other === button);
      choose();
    };
    one("#statuses").append(button);
  }
}

const MOVES = {
  ArrowDown: () => active + 1,
  ArrowUp: () => active - 1,
  PageDown: () => active + Math.floor(innerHeight / ROW_HEIGHT) - 1,
  PageUp: () => active - Math.floor(innerHeight / ROW_HEIGHT) + 1,
  Home: () => 0,
  End: () => shown.length - 1,
};
list.onkeydown = (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key in MOVES) go(MOVES[event.key]());
  else if (event.key === "Enter" || event.key === " ") { if (shown.length) open(active); }
  else return;
  event.preventDefault();
};
list.onclick = (event) => {
  const row = event.target.closest(".row");
  if (row) open(Number(row.dataset.place));
};
list.onpointermove = (event) => {
  const pair = event.pointerType === "mouse" && event.target.closest(".pair");
  if (!pair) return;
  pair.classList.add("wiping");
  wipe(pair, percentAt(pair, event));
  pair.onpointerleave = () => { pair.classList.remove("wiping"); wipe(pair, 0); };
};
const large = one(".pair", dialog);
large.classList.add("wiping");
large.onpointerdown = (event) => { if (one("#slider").hidden) return; event.preventDefault(); large.setPointerCapture(event.pointerId); slide(percentAt(large, event)); };
large.onpointermove = (event) => { if (!one("#slider").hidden && (event.pointerType === "mouse" || event.buttons)) slide(percentAt(large, event)); };
slider.oninput = () => slide(Number(slider.value));
dialog.onkeydown = (event) => {
  if (event.key === "PageDown") open(active + 1);
  else if (event.key === "PageUp") open(active - 1);
  else return;
  event.preventDefault();
};
dialog.onclick = (event) => { if (event.target === dialog) dialog.close(); };
dialog.onclose = () => list.focus({ preventScroll: true });
one("#previous").onclick = () => open(active - 1);
one("#next").onclick = () => open(active + 1);
search.oninput = order.onchange = choose;
let waiting = false;
onscroll = onresize = () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
};
one("main").hidden = false;
statusButtons();
choose();
