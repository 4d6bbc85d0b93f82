// Photos on their way: looked at, changed live, sent, followed. Nothing here touches the page; it is told when a photo has changed.

import * as api from "./api.js";
import { stepOnFaces } from "./faces.js";
import { choiceOf, stepsOf } from "./steps.js";

const JOBS = "img-enhance jobs";
const SMALL = "img-enhance before ";

// A browser opens six connections to a service at most; those who wait longest have to do without events.
const FOLLOWED = 3;
const LOOKS = 2;
const ASK_AGAIN = 5000;
const LOOK_AGAIN = 600;

const UNFINISHED = ["queued", "running"];

export class Queue {
  /** `changed(shot)` is called whenever something is new about a photo, null when the list is. */
  constructor(changed) {
    this.changed = changed;
    this.shots = [];
    this.looking = 0;
    this.catalogue = null;
  }

  /** Take in files; the first new photo. */
  add(files) {
    const shots = [...files].map((file) => newShot(file.name, file));
    this.shots.push(...shots);
    this.changed(null);
    this.#look();
    return shots[0];
  }

  /** Come back to jobs; by default to those that this tab has sent before. */
  async restore(jobs = JSON.parse(api.remembered(JOBS) ?? "[]")) {
    for (const { job, name, ...beside } of jobs) {
      const shot = newShot(name, null);
      Object.assign(shot, { job, ...beside, phase: "queued", small: await blobOf(api.remembered(SMALL + job)) });
      shot.beforeUrl = shot.smallUrl = shot.small ? URL.createObjectURL(shot.small) : "";
      this.shots.push(shot);
      api.lasting(() => api.job(job), () => this.#is(shot, null)).then((now) => this.#is(shot, now), (problem) => this.#gone(shot, problem));
    }
    if (this.shots.length) this.changed(null);
  }

  #save() {
    const kept = this.shots.filter((shot) => shot.job && shot.phase !== "gone");
    const text = JSON.stringify(kept.map(({ job, name }) => ({ job, name })));
    if (api.remember(JOBS, text)) return;
    for (const { job } of kept) api.remember(SMALL + job, null); // which jobs there are counts for more than pictures of them
    api.remember(JOBS, text);
  }

  async #look() {
    const shot = this.shots.find((each) => each.phase === "new");
    if (!shot || this.looking >= LOOKS) return;
    this.looking += 1;
    shot.phase = "looking";
    this.#look();
    try {
      const [suggestion] = await api.lasting(() => this.#lookedAt(shot), (problem) => this.#waits(shot, problem, shot.removed));
      Object.assign(shot, { suggestion, estimate: suggestion, choice: choiceOf(this.catalogue, suggestion.recipe), problem: null, offline: false });
      if (isLarge(suggestion.photo)) this.#cannotShow(shot);
      else if (suggestion.warnings.some((each) => each.includes("frames"))) this.#showSmall(shot); // it would move beside a still picture
      shot.phase = "ready";
      this.live(shot);
      this.#findFaces(shot);
    } catch (problem) {
      this.#fails(shot, problem, "refused");
    }
    this.looking -= 1;
    this.changed(shot);
    this.#look();
  }

  async #lookedAt(shot) {
    await this.learn();
    return Promise.all([api.suggest(shot.file), this.#reduce(shot)]);
  }

  /** What keeps a photo from being taken passes by itself; throws the problem if nobody wants that any more. */
  #waits(shot, problem, over) {
    if (over) throw problem;
    const refused = problem instanceof api.Problem;
    Object.assign(shot, { problem: refused ? problem : null, offline: !refused });
    this.changed(shot);
  }

  /** Ask what can be done here, once. */
  async learn() {
    this.catalogue ??= await api.algorithms();
  }

  async #reduce(shot) {
    shot.small = await api.preview(shot.file, []);
    if (shot.removed) return;
    release(shot.smallUrl);
    shot.smallUrl = URL.createObjectURL(shot.small);
    if (!(await canShow(shot.beforeUrl))) this.#cannotShow(shot);
    this.changed(shot);
  }

  /** The reduced copy stands for a photo which the browser cannot show; the service keeps that one, so that all of it can be looked at. */
  #cannotShow(shot) {
    this.#showSmall(shot);
    shot.keep = true;
  }

  #showSmall(shot) {
    if (shot.beforeUrl !== shot.smallUrl) release(shot.beforeUrl);
    shot.beforeUrl = shot.smallUrl;
  }

  /** Look at a photo again that was refused for a reason which may have passed. */
  retry(shot) {
    Object.assign(shot, { phase: "new", problem: null });
    this.changed(shot);
    this.#look();
  }

  /** A step or an option was changed by a person. */
  choose(shot, row) {
    shot.own = true;
    this.changed(shot);
    if (row.light) this.live(shot);
    else this.#estimate(shot);
    this.#findFaces(shot);
  }

  /** Ask which faces there are, where they are to be restored, and again where they are to be found in another way. */
  async #findFaces(shot) {
    const step = stepOnFaces(this.catalogue);
    if (!step || !shot.file) return;
    const { on, values } = shot.choice[step];
    const { skip: _, ...search } = values;
    const asked = on ? JSON.stringify(search) : "";
    if (shot.facesAsked === asked) return;
    Object.assign(shot, { facesAsked: asked, faces: null });
    if (!on) return;
    await api.pause(300); // a slider may still move
    if (shot.facesAsked !== asked) return;
    try {
      const found = await api.faces(shot.file, { version: 1, steps: [{ step, ...search }] });
      if (shot.facesAsked === asked) shot.faces = found;
    } catch (problem) {
      if (problem.code === "quota") shot.facesAsked = null;
      else if (shot.facesAsked === asked) shot.problem = problem;
    }
    this.changed(shot);
    if (shot.facesAsked === null) this.#findFaces(shot);
  }

  /** Give every photo that is not sent yet the steps of this one. */
  share(shot) {
    for (const other of this.shots.filter((each) => each.phase === "ready" && each !== shot)) {
      other.choice = structuredClone(shot.choice);
      for (const { values } of Object.values(other.choice)) delete values.skip; // its faces are others
      other.output = { ...shot.output };
      other.own = true;
      this.live(other);
      this.#estimate(other);
      this.#findFaces(other);
    }
  }

  /** Ask for what steps on light would do; while one is asked for only the latest next one waits. */
  async live(shot) {
    shot.wanted = stepsOf(this.catalogue, shot.choice, { light: true });
    if (shot.asking) return;
    shot.asking = true;
    const over = () => shot.wanted || shot.removed || shot.phase !== "ready";
    while (shot.wanted) {
      const steps = shot.wanted;
      shot.wanted = null;
      try {
        const asking = () => (steps.length ? api.preview(shot.small, steps) : shot.small);
        const shown = await api.lasting(asking, (problem) => this.#waits(shot, problem, over()));
        if (shot.removed) break;
        release(shot.liveUrl);
        shot.liveUrl = URL.createObjectURL(shown);
        if (shot.phase === "ready") Object.assign(shot, { problem: null, offline: false });
      } catch (problem) {
        if (!over()) shot.problem = problem;
      }
      this.changed(shot);
    }
    shot.asking = false;
  }

  #estimate(shot) {
    clearTimeout(shot.timer);
    shot.estimate = null;
    shot.timer = setTimeout(async () => {
      const recipe = this.recipe(shot);
      const over = () => shot.removed || shot.phase !== "ready" || JSON.stringify(recipe) !== JSON.stringify(this.recipe(shot));
      try {
        const estimate = await api.lasting(() => api.suggest(shot.file, recipe), (problem) => this.#waits(shot, problem, over()));
        if (!over()) Object.assign(shot, { estimate, problem: null, offline: false });
      } catch (problem) {
        if (!over()) shot.problem = problem;
      }
      this.changed(shot);
    }, 300);
  }

  /** What a photo is sent with. */
  recipe(shot, output = {}) {
    const { version, steps: _, output: suggested = {}, ...others } = shot.suggestion.recipe;
    return { version, steps: stepsOf(this.catalogue, shot.choice), output: { ...suggested, ...shot.output, ...output }, ...others };
  }

  /** Send a photo, again and again under one key until the service has answered, so that it is done once. */
  async run(shot) {
    this.#forgetResult(shot);
    const sending = once();
    Object.assign(shot, { sending, job: null, phase: "queued", problem: null, offline: false, lost: false, progress: 0, left: null, position: null });
    this.changed(shot);
    const over = () => shot.sending !== sending;
    const recipe = this.recipe(shot);
    const asking = () => api.enhance(shot.file, recipe, sending, { keep: shot.keep });
    let doubtful = false;
    try {
      const job = await api.lasting(asking, (problem) => {
        doubtful ||= mayHaveArrived(problem);
        this.#waits(shot, problem, over());
      });
      if (over()) return void takeBack(() => job); // cancelled or removed while it was on its way
      shot.job = job.id;
      if (shot.beside) await api.belongs(job.id, shot.file.number);
      await this.#keepSmall(shot);
      this.#is(shot, job);
    } catch (problem) {
      if (!over()) this.#fails(shot, problem, "ready");
      else if (doubtful) takeBack(asking);
    }
    return undefined;
  }

  /** A part of the result computed first: its picture's address. The job is deleted as soon as the picture is here. */
  async part(shot, { x, y, width, height }) {
    const recipe = this.recipe(shot, { crop: [x, y, width, height].join(","), format: "png", quality: undefined });
    const sending = once();
    const asking = () => api.enhance(shot.file, recipe, sending);
    const job = await asking().catch((problem) => {
      if (mayHaveArrived(problem)) takeBack(asking);
      throw problem;
    });
    try {
      let last = job;
      await api.follow(job.id, (now) => (last = now ?? last));
      if (last.state !== "done") throw Object.assign(new Error(last.error?.detail ?? ""), last.error);
      return URL.createObjectURL(await api.result(job.id));
    } finally {
      takeBack(() => job);
    }
  }

  async cancel(shot) {
    if (shot.job) return this.#is(shot, await api.end(shot.job));
    shot.sending = null;
    return this.#fails(shot, null, "cancelled");
  }

  /** Back to choosing steps; the result stays with the service as long as it keeps results. */
  again(shot) {
    this.#forgetResult(shot);
    api.remember(SMALL + shot.job, null);
    Object.assign(shot, { phase: "ready", job: null, record: null, problem: null });
    this.#save();
    this.live(shot);
    this.changed(shot);
  }

  /** Save the result in the photo's folder. */
  async saveBeside(shot) {
    shot.saved = (await api.saveBeside(shot.job)).name;
    this.changed(shot);
  }

  /** Delete a photo and its result, here and on the service. */
  async remove(shot) {
    shot.sending = null;
    if (shot.job && shot.phase !== "gone") {
      await api.end(shot.job).catch((problem) => problem.status === 404 || Promise.reject(problem)); // gone already is as good
    }
    api.remember(SMALL + shot.job, null);
    for (const url of new Set([shot.beforeUrl, shot.smallUrl, shot.liveUrl, shot.resultUrl])) release(url);
    this.shots.splice(this.shots.indexOf(shot), 1);
    shot.removed = true;
    this.#save();
    this.changed(null);
  }

  /** The result's picture, fetched once; its tiles where the browser cannot show all of it. */
  async result(shot) {
    const { job } = shot;
    shot.fetching ??= this.#result(shot);
    await shot.fetching.catch((problem) => {
      if (shot.job !== job || shot.removed) return undefined;
      if (problem.status === 404) return this.#gone(shot, problem);
      shot.problem = problem;
      return this.changed(shot);
    });
  }

  async #result(shot) {
    if (isLarge(shot.result)) return this.#lookAt(shot);
    const { job } = shot;
    await this.download(shot);
    const shown = await canShow(shot.resultUrl);
    if (shot.job !== job) return undefined;
    if (!shown) return this.#lookAt(shot);
    shot.shownUrl = shot.resultUrl;
    return this.changed(shot);
  }

  /** The result's file, fetched once, as soon as the service answers. */
  async download(shot) {
    if (shot.resultUrl) return;
    const { job } = shot;
    const over = () => shot.job !== job || shot.removed;
    const file = await api.lasting(() => api.result(job), (problem) => this.#waits(shot, problem, over()));
    if (over() || shot.resultUrl) return; // another one is asked for by now, or this one was fetched twice
    Object.assign(shot, { resultUrl: URL.createObjectURL(file), problem: null, offline: false });
    this.changed(shot);
  }

  /** The result as it was chosen to be taken home. One of ours that is written for somebody else just now is waited for. */
  async taken(shot) {
    for (;;) {
      try {
        return await api.result(shot.job, shot.taken);
      } catch (problem) {
        if (problem.code !== "quota") throw problem;
        await api.pause(500);
      }
    }
  }

  /** Ask which tiles of a result are there, until all are. */
  async #lookAt(shot) {
    const { job } = shot;
    const over = () => shot.job !== job || shot.removed;
    const again = (problem) => {
      if (over()) throw problem;
    };
    for (; !over() && shot.view?.state !== "ready"; await api.pause(LOOK_AGAIN)) {
      const view = await api.lasting(() => api.view(job), again);
      if (over()) return;
      shot.view = view;
      this.changed(shot);
    }
  }

  #forgetResult(shot) {
    release(shot.resultUrl);
    Object.assign(shot, { resultUrl: "", shownUrl: "", view: null, said: null, fetching: null, result: null, saved: "" });
  }

  /** What the service says of a job; null when it does not answer. */
  #is(shot, now) {
    if (shot.removed) return;
    shot.offline = now === null;
    if (now !== null) {
      const phase = now.state === "expired" ? "gone" : now.state;
      Object.assign(shot, { phase, progress: now.progress, left: now.estimated_seconds_left, position: now.queue_position });
      Object.assign(shot, { result: now.result, record: now.record, recipe: now.recipe, photo: now.photo, expires: now.expires });
      shot.problem = now.error ? { message: now.error.detail, type: now.error.type } : null;
      this.#save();
      this.#follow();
    }
    this.changed(shot);
  }

  #follow() {
    const unfinished = this.shots.filter((shot) => shot.job && UNFINISHED.includes(shot.phase));
    for (const shot of unfinished.slice(0, FOLLOWED)) {
      if (shot.followed === shot.job) continue;
      shot.followed = shot.job;
      api.follow(shot.job, (now) => this.#is(shot, now)).catch((problem) => this.#gone(shot, problem));
    }
    clearTimeout(this.timer);
    const others = unfinished.slice(FOLLOWED);
    if (others.length) this.timer = setTimeout(() => others.forEach((shot) => this.#ask(shot)), ASK_AGAIN);
  }

  async #ask(shot) {
    const job = await api.job(shot.job).catch((problem) => (problem.status === 404 ? this.#gone(shot, problem) : null));
    if (job !== undefined) this.#is(shot, job);
  }

  async #keepSmall(shot) {
    if (shot.small) api.remember(SMALL + shot.job, await addressOf(shot.small));
  }

  /** A job that its service does not know any more: it has lost its disk, as some do whenever they restart. */
  #gone(shot, problem) {
    shot.lost = problem.status === 404;
    this.#fails(shot, shot.lost ? null : problem, "gone");
    this.#save();
    this.#follow();
  }

  #fails(shot, problem, phase) {
    Object.assign(shot, { phase, problem, offline: false });
    this.changed(shot);
  }
}

function newShot(name, file) {
  const url = file ? URL.createObjectURL(file) : "";
  return { name, file, phase: file ? "new" : "queued", beforeUrl: url, smallUrl: "", liveUrl: "", resultUrl: "", shownUrl: "", output: {}, taken: {}, beside: file?.number !== undefined, saved: "" };
}

/** Whether a photo may have been taken although nobody said so: only the service's own refusals say that it was not. */
const mayHaveArrived = (problem) => (problem instanceof api.Problem ? !problem.code : !(problem instanceof api.Unreadable));

/** End the job that `asking` answers with, however long it takes until the service can be reached; who does not wait goes on meanwhile. */
async function takeBack(asking) {
  try {
    const { id } = await api.lasting(asking, () => {});
    await api.lasting(() => api.end(id), () => {});
  } catch {
    // there is no such job, or none any more
  }
}

/** Let go of a picture, once nobody can be about to show it. */
function release(url) {
  if (url) setTimeout(() => URL.revokeObjectURL(url), 5000);
}

/** What tells a request from all others. */
function once() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((each) => each.toString(16)).join("-");
}

// More would take more memory in the browser than it may have: four bytes for each pixel, before and after.
const MOST_SHOWN = 32e6;

const isLarge = ({ width, height }) => width * height > MOST_SHOWN;

async function canShow(url) {
  const image = new Image();
  image.src = url;
  return image.decode().then(() => image.naturalWidth > 0, () => false);
}

function addressOf(blob) {
  return new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.readAsDataURL(blob);
  });
}

/** The blob of a data address, which no request is made for. */
async function blobOf(address) {
  if (!address) return null;
  const bytes = Uint8Array.from(atob(address.slice(address.indexOf(",") + 1)), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: "image/jpeg" });
}
