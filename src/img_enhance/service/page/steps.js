// Steps with their switches and strengths, built from what GET /algorithms says of them.

import { bytesText, has, number, said, t } from "./strings.js";

export const nameOf = (step) => (has(`step_${step}`) ? t(`step_${step}`) : step.replaceAll("_", " "));
const labelOf = (option) => (has(`option_${option}`) ? t(`option_${option}`) : option.replaceAll("_", " "));

/** The options of a step in one line. */
export const optionsText = (options) => Object.entries(options).map(([name, value]) => `${labelOf(name)}: ${typeof value === "number" ? number(value, 2) : value}`).join(", ");

const STRENGTH = "enhance_level";

/** Which steps are on, and their options, as a recipe has them. */
export function choiceOf(catalogue, recipe) {
  const asked = Object.fromEntries(recipe.steps.map(({ step, ...values }) => [step, values]));
  return Object.fromEntries(catalogue.algorithms.map(({ name }) => [name, { on: name in asked, values: asked[name] ?? {} }]));
}

/** The steps of a recipe, in the order they run; those on light only, where asked so. */
export function stepsOf(catalogue, choice, { light = false } = {}) {
  const rows = catalogue.algorithms.filter((row) => choice[row.name].on && (row.light || !light));
  return rows.map((row) => ({ step: row.name, ...choice[row.name].values }));
}

/** Fill `root` with a card for every step; `changed(row)` is called after `choice` was changed. */
export function showSteps(root, catalogue, choice, reasons, changed) {
  root.replaceChildren(...catalogue.algorithms.map((row) => card(row, catalogue.models, choice[row.name], reasons[row.name], () => changed(row))));
}

function card(row, models, state, reason, changed) {
  const lacking = missing(row, models);
  const body = make("div", { className: "options", hidden: !state.on });
  const box = make("input", { type: "checkbox", checked: state.on, disabled: lacking !== "" });
  box.setAttribute("role", "switch");
  box.addEventListener("change", () => {
    state.on = box.checked;
    body.hidden = !state.on;
    section.classList.toggle("on", state.on);
    changed();
  });
  const strength = make("span", { className: "strength", textContent: reason?.chosen ? said(reason.strength).text : "" });
  const label = make("label", { className: "switch", title: row.summary }, box, make("i"), make("b", { textContent: nameOf(row.name) }));
  const { text, lang } = said(lacking || reason?.words || row.summary);
  const why = make("p", { className: "why", textContent: text, lang });
  const [shown, others] = divided(row);
  const controls = (names) => names.map((name) => control(row, name, models, state.values, changed));
  const absent = absentModels(row, models);
  body.append(...controls(shown));
  if (others.length) body.append(make("details", {}, make("summary", { textContent: t("more") }), ...controls(others), ...(lacking ? [] : absent)));
  const section = make("section", { className: state.on ? "step on" : "step" }, make("div", { className: "head" }, label, strength), why);
  section.append(...(lacking ? absent : []), body);
  section.dataset.step = row.name;
  return section;
}

/** Why a step cannot be done here: none of its models is. */
function missing(row, models) {
  const names = row.options.model?.enum ?? [];
  const rows = models.filter((model) => names.includes(model.name));
  return rows.length && !rows.some((model) => model.present) ? rows[0].why : "";
}

/** What is not on the server of a step's models, folded up: terms and origin of each, and how it is got. */
function absentModels(row, models) {
  const names = row.options.model?.enum ?? [];
  const absent = models.filter((model) => names.includes(model.name) && !model.present);
  const lines = absent.map(({ name, lacking, command }) => {
    const files = lacking.map((file) => t("absent_file", { name: file.name, size: bytesText(file.bytes), license: file.license, host: new URL(file.url).host }));
    const notes = [...new Set(lacking.map((file) => file.license_note).filter(Boolean))];
    const line = make("p", { className: "absent" }, t("absent", { name, files: files.join("; ") }), " ", make("code", { textContent: command }));
    line.append(...notes.map((note) => make("span", { textContent: note, lang: "en" })));
    return line;
  });
  return lines.length ? [make("details", { className: "absences" }, make("summary", { textContent: t("absences", { n: lines.length }) }), ...lines)] : [];
}

/** What is shown at once, the strength and the first value that is measured unless it is set, and what only on request. */
function divided({ options }) {
  const bounded = (option) => option.type === "number" && option.minimum !== undefined && option.maximum !== undefined;
  const names = Object.keys(options).filter((name) => name !== "skip"); // faces have a switch each
  const measured = names.find((name) => bounded(options[name]) && options[name].default === undefined);
  const shown = names.filter((name) => name === STRENGTH || name === measured);
  return [shown, names.filter((name) => !shown.includes(name))];
}

function control(row, name, models, values, changed) {
  const option = row.options[name];
  const set = (value) => {
    if (value === undefined) delete values[name];
    else values[name] = value;
    changed();
  };
  const kind = option.enum ? choices : option.type === "boolean" ? tick : option.type === "string" ? text : option.maximum === undefined ? count : slider;
  const made = kind(option, values[name] ?? option.default, set, { name, row, models });
  made.title = option.description;
  return made;
}

function slider(option, value, set, { name, row }) {
  const step = option.type === "integer" ? 1 : stepOf(option);
  const range = make("input", { type: "range", min: option.minimum, max: option.maximum, step, value: value ?? middle(option) });
  const shown = make("output");
  const reset = make("button", { type: "button", className: "reset", textContent: "\u21ba", hidden: value === option.default });
  reset.setAttribute("aria-label", t("reset", { name: labelOf(name) }));
  const show = (now) => {
    range.classList.toggle("unset", now === undefined);
    const unset = t(row.light ? "as_measured" : "usual");
    shown.textContent = now === undefined ? unset : name === STRENGTH ? `${number(now * 100)} %` : number(now, step < 1 ? 2 : 0);
    range.setAttribute("aria-valuetext", shown.textContent);
    reset.hidden = now === option.default;
  };
  range.addEventListener("input", () => {
    show(range.valueAsNumber);
    set(range.valueAsNumber);
  });
  reset.addEventListener("click", () => {
    range.value = option.default ?? middle(option);
    show(option.default);
    set(undefined);
    range.focus();
  });
  show(value);
  return make("div", { className: "row" }, make("label", {}, make("span", { textContent: labelOf(name) }), range), shown, reset);
}

function stepOf({ minimum, maximum }) {
  const width = maximum - minimum;
  return width <= 1 ? 0.01 : width <= 10 ? 0.05 : width <= 50 ? 0.5 : width <= 1000 ? 1 : 50;
}

/** Where a slider stands whose value is not set: at no change, where a range has that in it. */
function middle({ minimum, maximum }) {
  if (minimum < 0 && maximum > 0) return 0;
  return minimum < 6500 && maximum > 6500 ? 6500 : Math.min(maximum, minimum === 1 ? 4 : minimum);
}

function choices(option, value, set, { models, name }) {
  const rows = option.enum.map((each) => {
    const model = models.find((row) => row.name === each);
    const text = model ? `${each}: ${model.present ? model.summary : t("not_here")}` : each;
    return make("option", { value: each, textContent: text, disabled: model?.present === false });
  });
  if (value === undefined) rows.unshift(make("option", { value: "", textContent: t("usual") }));
  const list = make("select", {}, ...rows);
  list.value = value ?? "";
  const terms = make("p", { className: "terms" });
  const tell = () => {
    const model = models.find((row) => row.name === list.value);
    terms.textContent = model ? t("terms", { license: model.license, size: bytesText(model.bytes) }) : "";
    terms.hidden = !model;
  };
  list.addEventListener("change", () => {
    tell();
    set(list.value || undefined);
  });
  tell();
  const row = named(name, list);
  row.append(terms);
  return row;
}

function tick(option, value, set, { name }) {
  const box = make("input", { type: "checkbox", checked: value === true });
  box.addEventListener("change", () => set(box.checked || undefined));
  return named(name, box);
}

function text(option, value, set, { name }) {
  const field = make("input", { type: "text", value: value ?? "", placeholder: t("unset") });
  field.addEventListener("change", () => set(field.value.trim() || undefined));
  return named(name, field);
}

function count(option, value, set, { name }) {
  const step = option.type === "integer" ? 1 : "any";
  const field = make("input", { type: "number", min: option.minimum, step, value: value ?? "", placeholder: t("unset") });
  field.addEventListener("change", () => set(Number.isNaN(field.valueAsNumber) ? undefined : field.valueAsNumber));
  return named(name, field);
}

const named = (name, field) => make("div", { className: "row" }, make("label", {}, make("span", { textContent: labelOf(name) }), field));

/** An element with these properties and children. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}
