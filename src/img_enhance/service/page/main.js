// The page: what a person does goes to the queue and the viewer, and what they know is shown.

import * as api from "./api.js";
import { markFaces, showFaces, stepOnFaces } from "./faces.js";
import { endingOf, showFormats } from "./formats.js";
import { Histogram } from "./histogram.js";
import * as home from "./home.js";
import { Queue } from "./queue.js";
import { make, nameOf, optionsText, showSteps } from "./steps.js";
import { bytesText, duration, howFar, number, percent, refusal, said, speak, t } from "./strings.js";
import { Viewer } from "./viewer.js";

const SAMPLES = ["forest", "falcon", "curies"];
const MOST_PART = 1024; // pixels of a part's longer side, so that it takes seconds

const $ = (id) => document.getElementById(id);
const queue = new Queue(changed);
const viewer = new Viewer($("stage"), viewed);
let selected = null;
let mostAtOnce = 1; // results in one ZIP, as the service says
let built = null; // what the cards of steps are of

speak(document);
const histogram = new Histogram($("histogram"));
$("stage").setAttribute("aria-label", t("viewer"));
$("divider").setAttribute("aria-label", t("divider"));
$("tools").setAttribute("aria-label", t("tools"));
$("modes").setAttribute("aria-label", t("modes"));
viewer.setMode("slider");
offerSamples();
listen();
start();

async function start() {
  const atHome = await home.enter().catch(({ message }) => lost(message));
  if (atHome === undefined) return;
  api.asksForKey(atHome ? () => Promise.reject(new Error(t("home_over"))) : askKey);
  await (atHome ? moveIn() : queue.restore());
  select(selected ?? queue.shots[0] ?? null);
  queue.learn().then(() => selected && show(), () => {});
  api.status().then(sayHowLong, () => {});
}

/** As a program of one's own: with the photos that it was opened with, and what is left of the last time. */
async function moveIn() {
  document.body.classList.add("home");
  home.stay(() => lost(t("home_over")));
  const { photos, jobs } = await api.atHome();
  await queue.restore(jobs.map(({ id, name, ...beside }) => ({ job: id, name: name || t("earlier"), ...beside })));
  take(await home.photos(photos));
}

/** Nothing can be done here any more, for this reason. */
function lost(words) {
  if ($("lost").hidden) announce(words);
  Object.assign($("lost"), { hidden: false, textContent: words });
}

// What is shown

function changed(shot) {
  document.body.classList.toggle("empty", queue.shots.length === 0);
  $("welcome").hidden = queue.shots.length > 0;
  $("work").hidden = queue.shots.length === 0;
  if (shot === null && !queue.shots.includes(selected)) select(queue.shots.at(-1) ?? null);
  showFilm();
  if (shot !== null && shot === selected) show();
  else if (selected) showButtons(selected); // they count all photos
  $("forget").hidden = !api.hasKey();
}

function select(shot) {
  selected = shot;
  showFilm();
  if (shot) show();
}

function show() {
  const shot = selected;
  const editing = shot.phase === "ready";
  $("name").textContent = shot.name;
  $("facts").textContent = factsOf(shot);
  say($("headline"), headlineOf(shot));
  showProblem(shot.problem);
  showStepsOf(shot, editing);
  showRecord(shot);
  showFormatsOf(shot, editing);
  showProgress(shot);
  showButtons(shot);
  showPictures(shot);
  showFacesOf(shot, editing);
}

function factsOf(shot) {
  const photo = shot.suggestion?.photo ?? shot.photo;
  if (!photo?.width) return "";
  const megapixels = ({ width, height }) => number((width * height) / 1e6, 1);
  const size = (each, bytes) =>
    [`${each.width} \u00d7 ${each.height}`, megapixels(each) !== "0" && t("megapixels", { n: megapixels(each) }), bytes && bytesText(bytes)].filter(Boolean).join(", ");
  return shot.result ? `${size(photo, shot.file?.size)} \u2192 ${size(shot.result, shot.result.bytes)}` : size(photo, shot.file?.size);
}

function headlineOf(shot) {
  if (shot.offline && !["queued", "running"].includes(shot.phase)) return t("offline");
  if (shot.phase === "new" || shot.phase === "looking") return t("looking");
  if (shot.trying) return t("region_run");
  if (shot.phase === "queued" && !shot.job) return t("headline_sending");
  if (shot.lost) return t(shot.file ? "headline_lost" : "headline_lost_file");
  if (shot.phase !== "ready") return t(`headline_${shot.phase}`, { n: shot.position ?? 1 });
  if (shot.own) return t("headline_own");
  const chosen = shot.suggestion.reasons.filter((reason) => reason.chosen);
  return chosen.length ? t("headline_some", { steps: chosen.map((each) => nameOf(each.step)).join(", ") }) : t("headline_none");
}

function showProblem(problem) {
  const box = $("problem");
  box.hidden = !problem;
  if (!problem || box.of === problem) return;
  box.of = problem;
  const [words, fix] = box.children;
  const own = refusal(problem.code ?? problem.type?.split("/").pop());
  words.textContent = own || problem.message || t(problem.status === 413 ? "too_large" : "strange_answer", problem);
  if (problem instanceof TypeError) words.textContent = t("no_answer");
  if (problem instanceof api.Unreadable) words.textContent = t("unreadable");
  words.lang = own || !problem.type ? "" : "en";
  fix.textContent = own && problem.message ? t("service_says", { words: problem.message }) : "";
  announce(words.textContent);
  // What the service says of this photo has its own advice behind a semicolon; that on the kind of problem would repeat it, or contradict.
  if (!own && problem.fix && !problem.message.includes("; ")) problem.fix().then((text) => box.of === problem && (fix.textContent = text));
}

function showStepsOf(shot, editing) {
  $("steps").hidden = !editing;
  if (!editing || built === shot.choice) return;
  built = shot.choice;
  const reasons = Object.fromEntries(shot.suggestion.reasons.map((reason) => [reason.step, reason]));
  showSteps($("steps"), queue.catalogue, shot.choice, reasons, (row) => {
    viewer.showPart("");
    queue.choose(shot, row);
  });
}

function showFacesOf(shot, editing) {
  const step = stepOnFaces(queue.catalogue);
  const state = editing && step && shot.choice[step];
  const size = shot.last ?? shot.suggestion?.result;
  const values = state?.values ?? {};
  if (size) markFaces(document.querySelectorAll(".sheet"), state?.on ? shot.faces : null, values, size);
  if (!state?.on) return;
  const options = document.querySelector(`[data-step="${step}"] .options`);
  const list = options.querySelector(".faces") ?? options.appendChild(make("ul", { className: "faces" }));
  if (list.of === shot.faces && list.of !== undefined) return;
  list.of = shot.faces;
  const changed = () => queue.choose(shot, { light: false });
  showFaces(list, { found: shot.faces, picture: shot.smallUrl, values, changed });
}

/** What became of the faces. */
const facesIn = ({ faces = [] } = {}) => faces.map(({ restored, why }, index) => `${t("face", { n: index + 1 })}: ${restored ? t("face_restored") : said(why).text}`);

function showRecord(shot) {
  const box = $("record");
  const under = ["queued", "running"].includes(shot.phase);
  const foreseen = shot.phase === "ready" ? shot.suggestion.warnings : [];
  box.hidden = !shot.record && !under && !foreseen.length;
  box.replaceChildren(...foreseen.map((line) => make("p", { textContent: line, lang: "en" })));
  if (under) box.replaceChildren(...(shot.recipe?.steps ?? []).map(({ step }) => make("p", { textContent: nameOf(step) })));
  if (!shot.record) return;
  const told = shot.record.done ?? "";
  // What was done is said in the reader's words; that something was left as it is, and why, in the service's.
  const lines = [...(/unchanged|copied|nothing/.test(told) ? [told] : []), ...(shot.record.warnings ?? [])];
  const steps = [told, ...(shot.record.steps ?? []).flatMap((step) => [`${step.name}: ${duration(step.seconds)}`, ...facesIn(step.facts)])];
  const done = (shot.recipe?.steps ?? []).map(({ step, ...options }) => make("p", {}, make("b", { textContent: nameOf(step) }), ` ${optionsText(options)}`));
  box.replaceChildren(...done, ...lines.map((line) => make("p", { textContent: line, lang: "en" })));
  box.append(make("details", {}, make("summary", { textContent: t("more") }), ...steps.map((line) => make("p", { textContent: line, lang: "en" }))));
}

/** What format the result is to have, or once it is done what is taken home. */
function showFormatsOf(shot, editing) {
  const done = shot.phase === "done" && queue.catalogue;
  const box = $("formats");
  box.hidden = !editing && !done;
  const output = done ? shot.taken : shot.output;
  if (box.hidden || box.of === output) return;
  box.of = output;
  const own = done ? shot.result.format : shot.suggestion.result.format;
  const words = t(done ? "format_same" : "format_own", { format: own.toUpperCase() });
  showFormats(box, { names: queue.catalogue.output.format.enum, own, words, output, changed: () => showButtons(shot) });
}

function showProgress(shot) {
  const under = ["queued", "running"].includes(shot.phase);
  $("progress").hidden = !under;
  const [bar, words] = $("progress").children;
  if (under) {
    bar.value = shot.progress ?? 0;
    words.textContent = shot.offline ? t("offline") : timeOf(shot);
    bar.setAttribute("aria-label", t(`state_${shot.phase}`));
  }
  $("estimate").hidden = shot.phase !== "ready";
  const size = shot.estimate && `${shot.estimate.result.width} \u00d7 ${shot.estimate.result.height}`;
  $("estimate").textContent = shot.estimate ? t("estimate", { time: duration(shot.estimate.estimated_seconds), size }) : shot.problem ? "" : t("estimate_asking");
}

/** How long a photo that was sent still takes. */
function timeOf({ phase, progress, left }) {
  if (phase === "running" && progress === 1) return t("converting");
  if (left == null) return "";
  const time = duration(left);
  return phase === "queued" ? t("waiting", { time }) : t("left", { percent: howFar(progress), time });
}

function showButtons(shot) {
  const pressed = document.activeElement;
  const editing = shot.phase === "ready";
  const under = ["queued", "running"].includes(shot.phase);
  const ready = queue.shots.filter((each) => each.phase === "ready").length;
  $("run").hidden = !editing;
  $("run-all").hidden = !editing || ready < 2;
  $("run-all").textContent = t("run_all", { n: ready });
  $("same").hidden = !editing || ready < 2;
  $("cancel").hidden = !under;
  $("again").hidden = !(["done", "failed", "cancelled", "refused", "gone"].includes(shot.phase) && shot.file);
  $("again").textContent = t(shot.phase === "refused" ? "retry" : shot.lost ? "send_again" : "again");
  $("delete").textContent = t(shot.phase === "done" ? "delete" : "remove");
  const done = queue.shots.filter((each) => each.phase === "done").length;
  $("all").hidden = shot.phase !== "done" || done < 2;
  $("all").textContent = t("download_all", { n: done });
  $("beside").hidden = shot.phase !== "done" || !shot.beside;
  $("beside").textContent = shot.saved ? t("saved", { name: shot.saved }) : t("beside");
  $("beside").disabled = Boolean(shot.saved);
  const unsaved = queue.shots.filter((each) => each.phase === "done" && each.beside && !each.saved).length;
  $("beside-all").hidden = $("beside").hidden || unsaved < 2;
  $("beside-all").textContent = t("beside_all", { n: unsaved });
  const link = $("download");
  link.hidden = shot.phase !== "done";
  if (!link.hidden) Object.assign(link, { href: shot.resultUrl || api.resultAddress(shot.job), download: savedName(shot) });
  // Where the button that was pressed goes away, the one that takes its place is one Tab further, and not pressed by the same key.
  if (pressed?.hidden && $("panel").contains(pressed)) $("foot").focus({ preventScroll: true });
}

function savedName(shot) {
  return `${shot.name.replace(/\.[^.]*$/, "")}_enhanced.${endingOf(shot.taken.format ?? shot.result.format)}`;
}

/** Let the link do it, unless the result is to be written anew first, or is not here and its address alone opens nothing. */
async function download(event) {
  const shot = selected;
  if (!Object.keys(shot.taken).length) {
    if (shot.resultUrl || !api.hasKey()) return;
    event.preventDefault();
    await tried(queue.download(shot).then(() => selected === shot && shot.resultUrl && $("download").click()));
    return;
  }
  event.preventDefault();
  if (event.target.getAttribute("aria-busy")) return;
  event.target.setAttribute("aria-busy", "true");
  announce(t("converting"));
  await tried(queue.taken(shot).then((blob) => save(blob, savedName(shot))));
  event.target.removeAttribute("aria-busy");
}

function save(blob, name) {
  const href = URL.createObjectURL(blob);
  make("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

function showPictures(shot) {
  if (shot.phase === "done" && !shot.fetching) queue.result(shot);
  const size = shot.result ?? shot.estimate?.result ?? shot.last ?? shot.suggestion?.result;
  if (size) shot.last = size;
  const tiles = shot.phase === "done" && shot.view?.pictures.after?.levels.at(-1).rows_ready > 0;
  const done = shot.phase === "done" && (shot.shownUrl || tiles);
  const before = shot.beforeUrl || shot.smallUrl;
  const after = (shot.phase === "done" && shot.shownUrl) || shot.liveUrl || shot.smallUrl || shot.beforeUrl;
  $("after-tag").textContent = t(done ? "after" : "after_preview");
  const cutting = shot.phase === "done" && shot.view && shot.view.state !== "ready";
  $("busy").hidden = !["new", "looking"].includes(shot.phase) && !cutting;
  sayHowSharp(shot);
  const two = Boolean(done || shot.liveUrl) && Boolean(before || tilesOf(shot, "before"));
  $("stage").classList.toggle("single", !two);
  histogram.show(shot.smallUrl || before, two ? after : "");
  $("region").hidden = shot.phase !== "ready";
  $("stage").classList.toggle("working", Boolean(shot.trying));
  if (viewer.of !== shot || shot.phase !== "ready") viewer.marked?.(null);
  if (shot.phase !== "ready" && shot.phase !== "queued" && shot.phase !== "running") viewer.showPart("");
  if (viewer.of !== shot) viewer.showPart("");
  if (viewer.of !== shot) viewer.fit();
  viewer.of = shot;
  if (size) viewer.show(before, after, size);
  else showUnmeasured(shot, before);
  viewer.showTiles(tilesOf(shot, "before"), tilesOf(shot, "after"));
}

/** What a picture of a result is drawn of in the viewer, null where the browser shows it itself or there is none. */
function tilesOf(shot, name) {
  const picture = shot.phase === "done" && shot.view?.pictures[name];
  if (!picture) return null;
  const { job } = shot;
  return { ...picture, tile: shot.view.tile, of: job, fetch: (...place) => api.tile(job, name, ...place) };
}

/** Say once that a large result gets sharper, and once that it is. */
function sayHowSharp(shot) {
  const state = shot.phase === "done" && shot.view?.state;
  if (!state || shot.said === state) return;
  if (state === "ready" || !shot.said) announce(t(state === "ready" ? "sharp" : "sharper"));
  shot.said = state;
}

/** Show a photo before the service has said how large it is, or nothing where the browser cannot read it. */
async function showUnmeasured(shot, address) {
  viewer.show("", "", { width: 3, height: 2 });
  const image = new Image();
  image.src = address;
  const readable = await image.decode().then(() => true, () => false);
  if (readable && viewer.of === shot && !shot.last) viewer.show(address, address, { width: image.naturalWidth, height: image.naturalHeight });
}

function showFilm() {
  const film = $("film");
  film.hidden = queue.shots.length < 2;
  if (film.hidden) return film.replaceChildren();
  const rows = queue.shots.map((shot) => {
    const row = shot.row ?? makeRow(shot);
    row.button.setAttribute("aria-pressed", shot === selected);
    row.button.dataset.phase = shot.phase;
    const state = t(`state_${shot.phase === "new" ? "looking" : shot.phase}`);
    row.button.setAttribute("aria-label", `${shot.name}, ${state}`);
    row.state.textContent = shot.phase === "running" ? howFar(shot.progress ?? 0) : state;
    const picture = shot.smallUrl || shot.beforeUrl;
    if (picture && row.of !== picture) row.image.src = row.of = picture;
    return row.item;
  });
  if (rows.length !== film.children.length || rows.some((row, index) => film.children[index] !== row)) film.replaceChildren(...rows);
  return undefined;
}

function makeRow(shot) {
  const image = make("img", { alt: "" });
  image.addEventListener("error", () => image.removeAttribute("src"));
  const state = make("span");
  const button = make("button", { type: "button" }, image, state);
  button.addEventListener("click", () => select(shot));
  shot.row = { item: make("li", {}, button), button, image, state };
  return shot.row;
}

function viewed({ zoom, mode }) {
  $("zoom").textContent = percent(zoom);
  $("zoom").parentElement.setAttribute("aria-label", `${t("zoom_one")} ${percent(zoom)}`);
  for (const button of $("modes").children) {
    button.setAttribute("aria-checked", button.dataset.mode === mode);
    button.tabIndex = button.dataset.mode === mode ? 0 : -1;
  }
}

function say(element, words) {
  if (element.textContent === words) return;
  element.textContent = words;
  announce(words);
}

function announce(words) {
  $("says").textContent = words;
}

function sayHowLong(status) {
  mostAtOnce = status.limits.max_batch_files;
  const hours = status.limits.retention_hours;
  const kept = t(document.body.classList.contains("home") ? "kept_home" : "kept", { hours: hours < 1 ? duration(hours * 3600) : t("hours", { n: Number(hours.toFixed(1)) }) });
  $("kept").textContent = $("kept-too").textContent = kept;
}

// What a person does

function listen() {
  const open = (input) => () => input.click();
  $("choose").addEventListener("click", open($("files")));
  $("add").addEventListener("click", open($("files")));
  $("shoot").addEventListener("click", open($("camera")));
  for (const input of [$("files"), $("camera")]) {
    input.addEventListener("change", () => {
      take(input.files);
      input.value = "";
    });
  }
  $("run").addEventListener("click", () => queue.run(selected));
  $("run-all").addEventListener("click", runAll);
  $("same").addEventListener("click", () => queue.share(selected));
  $("beside").addEventListener("click", () => tried(saveBeside([selected])));
  $("beside-all").addEventListener("click", () => tried(saveBeside(queue.shots.filter((each) => each.phase === "done" && each.beside && !each.saved))));
  $("cancel").addEventListener("click", () => tried(queue.cancel(selected)));
  $("again").addEventListener("click", () => {
    if (selected.phase === "refused" || !selected.choice) queue.retry(selected);
    else if (selected.lost) queue.run(selected);
    else queue.again(selected);
  });
  $("delete").addEventListener("click", removeSelected);
  $("all").addEventListener("click", () => tried(downloadAll()));
  $("download").addEventListener("click", download);
  $("region").addEventListener("click", tryPart);
  $("forget").addEventListener("click", () => {
    api.forgetKey();
    location.reload();
  });
  listenToTools();
  listenToDrops();
}

function listenToTools() {
  const zooms = { in: () => viewer.step(1), out: () => viewer.step(-1), fit: () => viewer.fit(), one: () => viewer.zoomTo(1) };
  for (const button of $("tools").querySelectorAll("[data-zoom]")) button.addEventListener("click", zooms[button.dataset.zoom]);
  const modes = [...$("modes").children];
  for (const button of modes) button.addEventListener("click", () => viewer.setMode(button.dataset.mode));
  $("modes").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const next = modes[(modes.findIndex((each) => each.dataset.mode === viewer.mode) + step + modes.length) % modes.length];
    viewer.setMode(next.dataset.mode);
    next.focus();
  });
}

function listenToDrops() {
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0;
  const over = (shown) => ($("over").hidden = !shown);
  addEventListener("dragenter", (event) => {
    if (holdsFiles(event)) over(++depth > 0);
  });
  addEventListener("dragleave", (event) => {
    if (holdsFiles(event)) over(--depth > 0);
  });
  addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    over((depth = 0) > 0);
    take(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => take(event.clipboardData?.files ?? []));
}

function take(files) {
  if (files.length) select(queue.add(files));
}

async function runAll() {
  for (const shot of queue.shots.filter((each) => each.phase === "ready")) {
    if (shot.phase === "ready" && !shot.removed) await queue.run(shot); // it may have been run or removed while others were sent
  }
}

/** All results, in the format chosen for this one, in files of as many as the service puts into one. */
async function downloadAll() {
  const [ids, output] = [queue.shots.filter((each) => each.phase === "done").map((each) => each.job), selected.taken];
  for (let from = 0; from < ids.length; from += mostAtOnce) {
    save(await api.results(ids.slice(from, from + mostAtOnce), { first: from + 1, ...output }), "enhanced.zip");
  }
}

async function saveBeside(shots) {
  for (const shot of shots) {
    await queue.saveBeside(shot);
    announce(t("saved", { name: shot.saved }));
  }
}

async function removeSelected() {
  const { name } = selected;
  await tried(queue.remove(selected).then(() => announce(t("deleted", { name }))));
  (queue.shots.length ? $("delete") : $("choose")).focus();
}

async function tryPart() {
  if (viewer.marked) return viewer.marked(null);
  const shot = selected;
  announce(t("region_mark"));
  $("region").setAttribute("aria-pressed", "true");
  const box = await viewer.mark();
  $("region").setAttribute("aria-pressed", "false");
  if (!box) return undefined;
  box.width = Math.min(box.width, MOST_PART);
  box.height = Math.min(box.height, MOST_PART);
  viewer.showPart("");
  shot.trying = true;
  show();
  try {
    const address = await queue.part(shot, box);
    shot.trying = false;
    if (selected !== shot || shot.phase !== "ready") return URL.revokeObjectURL(address);
    show();
    viewer.showPart(address, box);
    $("region").dataset.box = [box.x, box.y, box.width, box.height].join(",");
    say($("headline"), t("region_done"));
  } catch (problem) {
    Object.assign(shot, { trying: false, problem });
    if (selected === shot) show();
  }
  return undefined;
}

async function tried(work) {
  await work.then(() => showProblem(selected?.problem), showProblem);
}

function offerSamples() {
  const rows = SAMPLES.map((name) => {
    const image = make("img", { src: `page/samples/${name}_small.jpg`, alt: "", width: 168, height: 112 });
    const button = make("button", { type: "button" }, image, make("span", { textContent: t(`sample_${name}`) }));
    button.addEventListener("click", async () => {
      const blob = await (await fetch(`page/samples/${name}.jpg`)).blob();
      take([new File([blob], `${name}.jpg`, { type: "image/jpeg" })]);
    });
    return make("li", {}, button);
  });
  $("samples").replaceChildren(...rows);
}

/** A key from the person; there is no way around it. */
function askKey(problem) {
  const [dialog, field, words] = [$("key"), $("key-text"), $("key-problem")];
  words.hidden = !problem;
  words.textContent = problem?.message ?? "";
  field.value = "";
  if (!dialog.open) dialog.showModal();
  field.focus();
  return new Promise((done) => {
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.querySelector("form").addEventListener("submit", () => done(field.value.trim()), { once: true });
  });
}
