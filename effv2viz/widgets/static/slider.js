/** A slider with a name that screen readers read: a number from 0 to `max`, and what it means in words. */

/** Where a key moves to; null for other keys. @param {string} key @param {number} value @param {number} max */
export function moveBy(key, value, max) {
  const page = Math.max(1, Math.round(max / 10));
  const steps = /** @type {Record<string, number>} */ ({
    ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: page, PageDown: -page, Home: -max, End: max });
  return key in steps ? Math.min(max, Math.max(0, value + steps[key])) : null;
}

/** @param {{ model: import("./gates.js").Model, el: HTMLElement }} view */
function render({ model, el }) {
  const root = document.createElement("label");
  root.className = "effv2viz ev-slider";
  const name = document.createElement("span");
  const input = document.createElement("input");
  const said = document.createElement("output");
  input.type = "range";
  input.min = "0";
  root.append(name, input, said);
  el.append(root);
  const show = () => {
    name.textContent = model.get("title");
    input.max = String(model.get("max"));
    input.value = String(model.get("value"));
    said.textContent = model.get("text");
    input.setAttribute("aria-valuetext", model.get("text"));
  };
  const events = ["title", "max", "value", "text"].map((trait) => `change:${trait}`);
  for (const event of events) model.on(event, show);
  const moved = () => {
    model.set("value", Number(input.value));
    model.save_changes();
  };
  input.addEventListener("input", moved);
  input.addEventListener("keydown", (event) => { // JupyterLab takes arrow keys before a slider would move by itself
    const to = moveBy(event.key, Number(input.value), Number(input.max));
    if (to === null) return;
    event.preventDefault();
    event.stopPropagation();
    input.value = String(to);
    moved();
  });
  show();
  return () => { for (const event of events) model.off(event, show); };
}

export default { render };
