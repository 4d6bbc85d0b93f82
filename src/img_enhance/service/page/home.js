// The page as a program of one's own (`img-enhance open`): it comes with a key and photos, saves beside them, and says that it is there.

import * as api from "./api.js";

const HOME = "img-enhance home";
const BEAT = 20_000; // the service waits much longer, as browsers slow down what is not seen

/** Come in with the key that the address has, once; whether this is such a page. */
export async function enter() {
  const once = new URLSearchParams(location.hash.slice(1)).get("open");
  if (once) {
    history.replaceState(null, "", location.pathname);
    api.useKey(await api.keyFor(once));
    api.remember(HOME, "yes");
  }
  return Boolean(once) || api.remembered(HOME) !== null;
}

/** Say again and again that this tab is there, until it is closed; `lost()` is called when nobody hears it. */
export function stay(lost) {
  const tab = [...crypto.getRandomValues(new Uint32Array(2))].join("-");
  const beat = () => api.here(tab).catch((problem) => problem instanceof api.Problem || lost());
  beat();
  setInterval(beat, BEAT);
  addEventListener("pageshow", (event) => event.persisted && beat());
  addEventListener("pagehide", () => api.gone(tab));
  // Who holds a lock is not put to sleep.
  navigator.locks?.request(`img-enhance ${tab}`, () => new Promise(() => {}));
}

/** The photos that this was opened with and nothing was done to yet, as files. */
export async function photos(rows) {
  const files = rows.map(async ({ number, name }) => Object.assign(new File([await api.ownPhoto(number)], name), { number }));
  return (await Promise.allSettled(files)).filter(({ value }) => value).map(({ value }) => value);
}
