// What the page asks of the service: the same public API as everybody's, at addresses relative to the page.

const API = "api/v1/";
const KEY = "img-enhance key";
const WANTS_KEY = ["key_missing", "key_unknown"];
const FINAL = ["done", "failed", "cancelled", "expired"];

let key = remembered(KEY) ?? "";
let keyAsked = null;
let askForKey = async () => "";

/** A text of this tab's memory; null where a browser keeps none, as in a frame without cookies. */
export function remembered(name) {
  try {
    return sessionStorage.getItem(name);
  } catch {
    return null;
  }
}

/** Keep a text until the tab is closed, null to forget it; whether it is kept. */
export function remember(name, text) {
  try {
    if (text === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, text);
    return true;
  } catch {
    return false; // no room, or no memory at all: the page works without
  }
}

/** What the service refused, in its words; `fix` says what to do where the words do not. */
export class Problem extends Error {
  constructor(body, seconds) {
    super(body.detail);
    this.code = body.code;
    this.type = body.type;
    this.status = body.status;
    this.retrySeconds = seconds;
  }

  async fix() {
    if (!this.type) return "";
    const row = await fetch(String(this.type).replace(/^\//, "")).then((answer) => (answer.ok ? answer.json() : null), () => null);
    return row ? row.fix : "";
  }
}

/** `ask(problem)` answers with a key, "" where there is none; problem is null the first time. */
export function asksForKey(ask) {
  askForKey = ask;
}

export const hasKey = () => key !== "";

/** Use this key from now on. */
export function useKey(text) {
  key = text;
  remember(KEY, text);
}

export function forgetKey() {
  key = "";
  remember(KEY, null);
}

/** An answer of the service; whoever has no key, or a wrong one, is asked for it and the request is sent again. */
async function ask(path, { headers = {}, cache = "no-store", ...options } = {}) {
  for (;;) {
    const used = key;
    const answer = await fetch(API + path, { ...options, headers: { ...headers, ...(used ? { "X-API-Key": used } : {}) }, credentials: "omit", cache });
    if (answer.ok) return answer;
    const problem = await problemOf(answer);
    if (!WANTS_KEY.includes(problem.code)) throw problem;
    if (key === used) await newKey(used ? problem : null);
  }
}

async function newKey(problem) {
  keyAsked ??= askForKey(problem).finally(() => (keyAsked = null));
  useKey(await keyAsked);
}

/** Why it was refused. Of what lies before the service, which has no such words, only the status is known. */
async function problemOf(answer) {
  const seconds = Number(answer.headers.get("Retry-After") ?? 0);
  const { detail = "", code = "", type = "" } = await answer.json().catch(() => ({}));
  return new Problem({ detail, code, type, status: answer.status }, seconds);
}

/** A file that the browser cannot read: it is gone, was changed since it was chosen, or is a folder. */
export class Unreadable extends Error {}

/** The answer to a form with this file. What `fetch` says of an unreadable file is what it says when nobody answers. */
async function send(path, file, recipe, { more, ...options } = {}) {
  try {
    return await ask(path, { method: "POST", body: form(file, recipe, more), ...options });
  } catch (problem) {
    if (problem instanceof Problem) throw problem;
    const readable = await file.slice(0, 1).arrayBuffer().then(() => true, () => false);
    throw readable ? problem : new Unreadable();
  }
}

function form(file, recipe, more = {}) {
  const body = new FormData();
  body.append("file", file, "photo");
  for (const [name, value] of Object.entries(more)) body.append(name, value);
  if (recipe) body.append("recipe", JSON.stringify(recipe));
  return body;
}

const json = (answer) => answer.json();

export const algorithms = () => ask("algorithms").then(json);
export const status = () => ask("status").then(json);
export const suggest = (file, recipe) => send("suggest", file, recipe).then(json);
export const faces = (file, recipe) => send("faces", file, recipe).then(json);
export const job = (id) => ask(`jobs/${id}`).then(json);
export const end = (id) => ask(`jobs/${id}`, { method: "DELETE" }).then(json);
export const results = (ids, output) => ask(`results?jobs=${ids.join(",")}&${query(output)}`).then((answer) => answer.blob());
export const result = (id, output = {}) => ask(`jobs/${id}/result?${query(output)}`).then((answer) => answer.blob());
const query = (values) => new URLSearchParams(values).toString();

/** The job of a photo; a request that is sent again is not done again. */
/** `keep` is to keep the photo as long as its result. */
export function enhance(file, recipe, once, { keep = false } = {}) {
  const headers = { Prefer: "respond-async", "Idempotency-Key": once };
  return send("enhance", file, recipe, { more: keep ? { keep_photo: "true" } : {}, headers }).then(json);
}

export const view = (id) => ask(`jobs/${id}/view`).then(json);

/** A tile of a result, which the browser may keep. */
export function tile(id, picture, level, column, row, signal) {
  return ask(`jobs/${id}/tiles/${picture}/${level}/${column}_${row}`, { signal, cache: "default" }).then((answer) => answer.blob());
}

/** Where a result lies for everybody; where keys are on, nobody gets it without one. */
export const resultAddress = (id) => `${API}jobs/${id}/result`;

/** A reduced JPEG of a photo with steps on light done to it. A share that is used up for now is waited for, and others' previews. */
export async function preview(file, steps) {
  for (;;) {
    try {
      return await send("preview", file, { version: 1, steps }).then((answer) => answer.blob());
    } catch (problem) {
      if (!["quota", "saturated"].includes(problem.code)) throw problem;
      await pause(150);
    }
  }
}

export const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// Refusals that pass by themselves (docs/api.md), and what whatever lies before a service says while it starts.
const PASSING = ["quota", "saturated", "stopping", "store"];
const PASSING_WITHOUT_CODE = [429, 502, 503, 504];
const LONGEST_PAUSE = 3_000; // somebody sits here and waits

function passes(problem) {
  if (!(problem instanceof Problem)) return !(problem instanceof Unreadable);
  return problem.code ? PASSING.includes(problem.code) : PASSING_WITHOUT_CODE.includes(problem.status);
}

/** What `asking` answers in the end; `waiting(problem)` is called whenever the service does not answer, or says that it will later. */
export async function lasting(asking, waiting) {
  for (;;) {
    try {
      return await asking();
    } catch (problem) {
      if (!passes(problem)) throw problem;
      waiting(problem);
      await pause(Math.min(LONGEST_PAUSE, Math.max(1, problem.retrySeconds || 0) * 1000));
    }
  }
}

/** Call `changed(job)` whenever something happens to a job until it has ended. Events say when to ask; only the job says what is. */
export async function follow(id, changed) {
  for (;;) {
    try {
      const answer = await ask(`jobs/${id}/events`);
      const stream = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let asked = 0; ; ) {
        const { value, done } = await stream.read();
        const waits = Date.now() - asked < 400;
        if (!done && (!value.includes("event:") || (waits && !value.includes("event: state")))) continue;
        asked = Date.now();
        const now = await job(id);
        changed(now);
        if (FINAL.includes(now.state)) {
          stream.cancel();
          return;
        }
        if (done) break;
      }
    } catch (problem) {
      if (!passes(problem)) throw problem;
      changed(null);
    }
    await pause(1000);
  }
}

// What only `img-enhance open` answers.

/** The key for a one-time key. */
export async function keyFor(once) {
  const answer = await fetch("home/key", { method: "POST", headers: { "X-One-Time-Key": once }, credentials: "omit", cache: "no-store" });
  if (!answer.ok) throw await problemOf(answer);
  return (await answer.json()).key;
}

export const atHome = () => ask("home").then(json);
export const ownPhoto = (number) => ask(`home/photos/${number}`).then((answer) => answer.blob());
export const belongs = (id, number) => ask(`home/jobs/${id}?photo=${number}`, { method: "PUT" });
export const saveBeside = (id) => ask(`home/jobs/${id}/saved`, { method: "PUT" }).then(json);
export const here = (tab) => ask(`home/tabs/${tab}`, { method: "PUT" });
/** Sent even when the page is gone before the answer comes. */
export const gone = (tab) => ask(`home/tabs/${tab}`, { method: "DELETE", keepalive: true }).catch(() => {});
