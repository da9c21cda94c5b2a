/**
 * The blocks of a network side by side, as high as they are wide in channels. Blocks with SE can be chosen; blocks
 * without are hatched. Tells the kernel `site`.
 *
 * @typedef {{name: string, kind: string, width: number, outputs: number, stride: number, site: string,
 *   squeeze: number, text: string}} Block
 */

const SVG = "http://www.w3.org/2000/svg";
const SIZE = { least: 360, height: 190, left: 46, bottom: 30, top: 8 };
const LOST = "The kernel that this view belongs to has gone: run the cell again.";
/** @type {Record<string, number>} */
const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -Infinity, End: Infinity };
let views = 0;

/** The next block with SE in a direction, or the same one at the end.
 * @param {Block[]} blocks @param {string} site @param {number} step 1, -1, or infinite for the ends */
export function neighbour(blocks, site, step) {
  const sites = blocks.filter((block) => block.site).map((block) => block.site);
  const place = sites.indexOf(site) + step;
  return sites[Math.max(0, Math.min(sites.length - 1, place))];
}

/** Blocks whose names begin alike stand together: stage4.0 and stage4.1 in stage4; what stands alone is left out.
 * @param {Block[]} blocks @returns {{name: string, first: number, last: number}[]} */
export function stages(blocks) {
  /** @type {{name: string, first: number, last: number}[]} */
  const found = [];
  blocks.forEach((block, i) => {
    const name = block.name.replace(/\.\d+$/, "");
    const last = found.at(-1);
    if (block.name === name) return;
    if (last && last.name === name) last.last = i;
    else found.push({ name, first: i, last: i });
  });
  return found;
}

/** Round numbers for an axis up to a largest value. @param {number} most @returns {number[]} */
export function ticks(most) {
  const rough = most / 3;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5].map((n) => n * unit).find((n) => n >= rough) ?? 10 * unit;
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step);
}

/** @param {string} tag @param {Record<string, string | number | boolean>} attributes @param {string} text */
function draw(tag, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.textContent = text;
  return made;
}

/** Keys mean something to a notebook, too: it would cut the cell at an x. Those that a view hears stay in it; shortcuts pass.
 * @param {KeyboardEvent} event */
function keepKey(event) {
  const shortcut = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter");
  if (!shortcut) event.stopPropagation();
}

export default {
  /** @param {{model: import("./gates.js").Model, el: HTMLElement}} place */
  render({ model, el }) {
    const id = `ev-network-${(views += 1)}-${Math.random().toString(36).slice(2, 7)}`;
    const root = document.createElement("div");
    root.className = "effv2viz effv2viz-network";
    const alert = Object.assign(document.createElement("div"), { className: "ev-alert", hidden: true });
    alert.setAttribute("role", "alert");
    const status = Object.assign(document.createElement("div"), { className: "ev-status" });
    status.setAttribute("role", "status");
    const list = document.createElement("div");
    list.className = "ev-network";
    list.tabIndex = 0;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", model.get("title"));
    root.append(alert, list, status);
    el.append(root);

    let lost = false;
    let wide = 0; // in pixels, so that text keeps its size
    /** @returns {Block[]} */
    const blocks = () => model.get("blocks");
    /** @param {string} site */
    const choose = (site) => {
      model.set("site", site);
      model.save_changes();
    };

    function show() {
      const all = blocks();
      wide = Math.max(SIZE.least, list.clientWidth);
      const svg = draw("svg", { viewBox: `0 0 ${wide} ${SIZE.height}`, role: "presentation" });
      const hatch = draw("pattern", { id: `${id}-hatch`, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
      hatch.append(draw("rect", { width: 6, height: 6, class: "ev-paper" }), draw("line", { x1: 0, y1: 0, x2: 0, y2: 6, class: "ev-hatch" }));
      svg.append(hatch);
      const most = Math.max(...all.map((block) => block.width));
      const tall = SIZE.height - SIZE.bottom - SIZE.top;
      const step = (wide - SIZE.left) / all.length;
      const ground = SIZE.height - SIZE.bottom;
      for (const tick of ticks(most)) {
        const y = ground - (tick / most) * tall;
        svg.append(draw("line", { x1: SIZE.left - 4, x2: wide, y1: y, y2: y, class: "ev-grid" }));
        svg.append(draw("text", { x: SIZE.left - 8, y: y + 4, "text-anchor": "end" }, String(tick)));
      }
      all.forEach((block, i) => {
        const chosen = block.site !== "" && block.site === model.get("site");
        const height = Math.max(2, (block.width / most) * tall);
        const group = draw("g", { id: `${id}-${i}`, role: "option", "aria-label": block.text, "aria-selected": chosen, "data-name": block.name });
        if (!block.site) group.setAttribute("aria-disabled", "true");
        const x = SIZE.left + i * step + step * 0.08;
        const place = { x, y: ground - height, width: step * 0.84, height };
        /** @type {Record<string, string>} */
        const fill = block.site ? {} : { fill: block.kind === "Conv" ? "none" : `url(#${id}-hatch)` };
        const kind = block.site ? `ev-se${chosen ? " ev-chosen" : ""}` : "ev-plain";
        group.append(draw("title", {}, block.text), draw("rect", { ...place, ...fill, class: kind }));
        if (block.squeeze) {
          const deep = Math.max(1.5, (block.squeeze / most) * tall);
          group.append(draw("rect", { ...place, y: ground - deep, height: deep, class: "ev-squeeze" }));
        }
        if (chosen) list.setAttribute("aria-activedescendant", group.id);
        group.addEventListener("pointerenter", () => { status.textContent = block.text; });
        group.addEventListener("pointerleave", say);
        if (block.site) group.addEventListener("click", () => choose(block.site));
        svg.append(group);
      });
      for (const stage of stages(all)) {
        const [x, end] = [SIZE.left + stage.first * step, SIZE.left + (stage.last + 1) * step];
        svg.append(draw("line", { x1: x + 2, x2: end - 2, y1: ground + 5, y2: ground + 5, class: "ev-rule" }));
        const room = Math.floor((end - x) / 6.2);
        const text = stage.name.length > room ? stage.name.replace(/^\D*/, "") : stage.name;
        svg.append(draw("text", { x: (x + end) / 2, y: ground + 20, "text-anchor": "middle" }, text));
      }
      list.replaceChildren(svg);
      say();
    }

    function say() {
      const block = blocks().find((one) => one.site && one.site === model.get("site"));
      const without = blocks().filter((one) => !one.site && one.kind !== "Conv").length;
      const text = block ? block.text : "";
      status.textContent = `${text}. Height: channels inside the block; foot: squeeze width. Hatched: ${without} blocks without SE. Empty: convolutions outside of blocks.`;
      root.dataset.site = model.get("site");
      alert.textContent = lost ? LOST : model.get("error");
      alert.hidden = !alert.textContent;
    }

    /** @param {KeyboardEvent} event */
    function key(event) {
      const step = STEPS[event.key];
      if (step === undefined) return;
      event.preventDefault();
      choose(neighbour(blocks(), model.get("site"), step));
    }

    list.addEventListener("keydown", key);
    root.addEventListener("keydown", keepKey);
    /** @type {[string, () => void][]} */
    const heard = [
      ["change:blocks", show], ["change:site", show], ["change:error", say], ["comm_live_update", () => { lost = true; say(); }],
    ];
    for (const [event, act] of heard) model.on(event, act);
    const sizes = new ResizeObserver(() => { if (Math.max(SIZE.least, list.clientWidth) !== wide) show(); });
    sizes.observe(list);
    show();
    return () => {
      sizes.disconnect();
      for (const [event, act] of heard) model.off(event, act);
      root.remove();
    };
  },
};
