/** A slider with a name that screen readers read: a number from 0 to `max`, and what it means in words. */

/** @param {{ model: import("./gates.js").Model, el: HTMLElement }} view */
function render({ model, el }) {
  const root = document.createElement("label");
  root.className = "effv2viz ev-slider";
  root.dataset.lmSuppressShortcuts = "true"; // the arrow keys are the slider's, not JupyterLab's
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
  show();
  return () => { for (const event of events) model.off(event, show); };
}

export default { render };
