/**
 * Shows front ends on a page without a kernel: each gets its saved state and keeps what it is told.
 *
 * @typedef {import("./gates.js").Model} Model
 * @typedef {[number, string, number, string]} Link a trait of a model and one of another that follow each other
 */

/** @type {{modules: Record<string, string>, models: {module: string, state: Record<string, any>}[], links: Link[]}} */
const content = JSON.parse(document.getElementById("content")?.textContent ?? "");

const loaded = new Map();
for (const [name, text] of Object.entries(content.modules)) {
  loaded.set(name, await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" }))));
}

/** @param {Record<string, any>} state @returns {Model} */
function model(state) {
  const values = new Map();
  /** @type {Map<string, (() => void)[]>} */
  const heard = new Map();
  const waiting = new Set();
  for (const [name, value] of Object.entries(state)) {
    if (value && value.base64 !== undefined) {
      const bytes = Uint8Array.from(atob(value.base64), (letter) => letter.charCodeAt(0));
      values.set(name, new DataView(bytes.buffer));
    } else values.set(name, value);
  }
  return {
    get: (name) => values.get(name),
    set(name, value) {
      if (JSON.stringify(values.get(name)) === JSON.stringify(value)) return;
      values.set(name, value);
      waiting.add(name);
    },
    save_changes() {
      const changed = [...waiting];
      waiting.clear();
      for (const name of changed) for (const act of heard.get(`change:${name}`) ?? []) act();
    },
    send() {}, // there is no kernel to hear it
    on: (event, act) => heard.set(event, [...(heard.get(event) ?? []), act]),
    off: (event, act) => heard.set(event, (heard.get(event) ?? []).filter((one) => one !== act)),
  };
}

const models = content.models.map(({ state }) => model(state));
content.models.forEach(({ module }, i) => {
  loaded.get(module).default.render({ model: models[i], el: document.querySelector(`[data-model="${i}"]`) });
});
for (const [a, one, b, other] of content.links) {
  /** @param {Model} from @param {string} source @param {Model} to @param {string} target */
  const follow = (from, source, to, target) =>
    from.on(`change:${source}`, () => {
      to.set(target, from.get(source));
      to.save_changes();
    });
  follow(models[a], one, models[b], other);
  follow(models[b], other, models[a], one);
}
document.body.dataset.ready = "true";
export {};
