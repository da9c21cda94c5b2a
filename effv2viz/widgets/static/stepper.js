/**
 * One SE site in five panels: feature map, squeeze, hidden, gate, scaled map. `step` says up to which panel is shown,
 * `channel` which channel is followed through them. What made its gate is lit, with the numbers in the formulas.
 *
 * The buffer holds float32: squeeze (C), hidden before its activation (R), hidden (R), logit (C), gate (C),
 * weights from hidden to logit (C x R), their bias (C), lowest and highest number of each map (C each). `pixels` holds
 * the maps (C x H x W) before scaling, a byte for each number between its map's lowest and highest.
 *
 * @typedef {{channels: number, hidden: number, activation: string, height: number, width: number}} Shape
 * @typedef {Record<"squeeze" | "before" | "hidden" | "logit" | "gate" | "weights" | "bias" | "low" | "high", Float32Array>} Numbers
 */

const TITLES = ["feature map x", "squeeze z", "hidden h", "gate s", "scaled map x \u00b7 s"];
const CIVIDIS = ["#00224e", "#3b496c", "#707173", "#a59c74", "#e1cc55", "#fee838"];
const LOST = "The kernel that this view belongs to has gone: run the cell again.";
/** @type {Record<string, number>} */
const STEPS = {
  ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 10, PageDown: -10, Home: -Infinity, End: Infinity,
};
let views = 0;

/** @param {DataView} bytes @param {Shape} shape @returns {Numbers} */
export function unpack(bytes, { channels: C, hidden: R }) {
  const { buffer, byteOffset, byteLength } = bytes;
  const start = byteOffset % 4 === 0 ? byteOffset : 0;
  const whole = new Float32Array(start === byteOffset ? buffer : buffer.slice(byteOffset, byteOffset + byteLength), start, byteLength / 4);
  const parts = { squeeze: C, before: R, hidden: R, logit: C, gate: C, weights: C * R, bias: C, low: C, high: C };
  /** @type {Record<string, Float32Array>} */
  const found = {};
  let at = 0;
  for (const [name, count] of Object.entries(parts)) {
    found[name] = whole.subarray(at, at + count);
    at += count;
  }
  if (at !== whole.length) throw new Error(`${whole.length} numbers for a site of ${C} channels and ${R} hidden values`);
  return /** @type {Numbers} */ (found);
}

/** What each hidden unit adds to the logit of a channel. @param {Numbers} numbers @param {number} channel */
export function contributions(numbers, channel) {
  const R = numbers.hidden.length;
  return Float32Array.from(numbers.hidden, (value, j) => value * numbers.weights[channel * R + j]);
}

/** A number with so many digits, and a real minus. @param {number} value */
export function said(value, digits = 3) {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `\u2212${text}` : text;
}

/** The formula of each step with the numbers of a channel.
 * @param {Numbers} numbers @param {Shape} shape @param {number} channel */
export function formulas(numbers, shape, channel) {
  const c = channel;
  const added = contributions(numbers, c);
  const order = [...added.keys()].sort((a, b) => Math.abs(added[b]) - Math.abs(added[a]));
  const j = order[0];
  const top = order.slice(0, 3).map((k) => `${added[k] < 0 ? "\u2212" : "+"} ${Math.abs(added[k]).toFixed(3)}`);
  const rest = order.slice(3).reduce((sum, k) => sum + added[k], 0);
  const others = order.length > 3 ? ` ${rest < 0 ? "\u2212" : "+"} ${Math.abs(rest).toFixed(3)} (the others)` : "";
  const pixels = shape.height * shape.width;
  return [
    `x${c} has ${shape.height} \u00d7 ${shape.width} = ${pixels} numbers`,
    `z${c} = mean of ${pixels} numbers = ${said(numbers.squeeze[c])}`,
    `h${j} = ${shape.activation}(${said(numbers.before[j])}) = ${said(numbers.hidden[j])}; it adds ${said(added[j])} to the logit, more than any other of ${shape.hidden}`,
    `logit = ${said(numbers.bias[c])} ${top.join(" ")}${others} = ${said(numbers.logit[c])}; s${c} = \u03c3(${said(numbers.logit[c])}) = ${said(numbers.gate[c])}`,
    `every number of x${c} times ${said(numbers.gate[c])}`,
  ];
}

/** @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Record<string, string | number>} attributes @param {...(Node | string)} children */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/** What draws on a canvas. @param {HTMLCanvasElement} canvas */
function penOf(canvas) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
}

/** Keys mean something to a notebook, too: it would cut the cell at an x. Those that a view hears stay in it; shortcuts pass.
 * @param {KeyboardEvent} event */
function keepKey(event) {
  const shortcut = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter");
  if (!shortcut) event.stopPropagation();
}

/** A view with the controls around it, where it is shown among some. @param {HTMLElement} root @returns {HTMLElement} */
function wholeView(root) {
  return root.closest(".widget-vbox") ?? root;
}

class Stepper {
  /** @param {import("./gates.js").Model} model @param {HTMLElement} el */
  constructor(model, el) {
    this.model = model;
    this.id = `ev-stepper-${(views += 1)}-${Math.random().toString(36).slice(2, 7)}`;
    this.root = element("div", { class: "effv2viz effv2viz-stepper", role: "group", "aria-label": model.get("title") });
    /** @param {string} name @param {string} text @param {() => void} act */
    const button = (name, text, act) => {
      const made = element("button", { type: "button", "data-control": name }, text);
      made.addEventListener("click", act);
      return made;
    };
    this.back = button("back", "\u25c0 back", () => this.step(-1));
    this.forward = button("forward", "forward \u25b6", () => this.step(1));
    this.number = element("input", { type: "number", min: 0, step: 1, "data-control": "channel" });
    this.number.addEventListener("input", () => { if (this.number.value !== "") this.choose(Number(this.number.value)); });
    this.alert = element("div", { class: "ev-alert", role: "alert", hidden: "" });
    this.panels = TITLES.map((title, i) => {
      const canvas = element("canvas", i % 4 === 0 ? { role: "img" } : { "aria-hidden": "true" });
      const chart = element("div", { class: "ev-panel-chart" }, canvas);
      if (i === 1 || i === 3) this.listen(chart, i);
      const text = element("p", { class: "ev-formula" });
      return { panel: element("section", { class: "ev-panel", "data-step": i, "aria-label": title }, element("h3", {}, title), chart, text), canvas, chart, text };
    });
    this.status = element("div", { class: "ev-status", role: "status" });
    this.root.append(
      element("div", { class: "ev-bar" }, this.back, this.forward, element("label", {}, element("span", {}, "channel"), this.number)),
      this.alert,
      element("div", { class: "ev-panels" }, ...this.panels.map((one) => one.panel)),
      this.status,
    );
    el.append(this.root);
    this.frame = 0;
    this.closed = false;
    /** @type {HTMLElement} */ this.whole = this.root;
    this.heard = ["data", "shape", "channel", "step", "pixels", "error"].map((name) => `change:${name}`);
    this.changed = () => this.show();
    for (const event of this.heard) model.on(event, this.changed);
    this.lost = false;
    this.gone = () => { this.lost = true; this.show(); };
    model.on("comm_live_update", this.gone);
    this.sizes = new ResizeObserver(() => this.show());
    this.sizes.observe(this.root);
    this.sight = new IntersectionObserver((entries) => { if (entries.some((e) => e.isIntersecting)) this.show(); });
    this.sight.observe(this.root);
    this.theme = new MutationObserver(() => {
      for (const wait of [0, 150, 600]) setTimeout(() => this.show(), wait); // a theme's colours come after its name
    });
    this.theme.observe(document.body, { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "data-theme"] });
  }

  close() {
    for (const event of this.heard) this.model.off(event, this.changed);
    this.model.off("comm_live_update", this.gone);
    this.sizes.disconnect();
    this.sight.disconnect();
    this.theme.disconnect();
    cancelAnimationFrame(this.frame);
    this.closed = true;
    this.whole.removeEventListener("keydown", keepKey);
    this.root.remove();
  }

  /** @param {string} name @param {number} value */
  tell(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  /** @param {number} by */
  step(by) {
    this.tell("step", Math.max(0, Math.min(TITLES.length - 1, this.model.get("step") + by)));
  }

  /** @param {number} channel */
  choose(channel) {
    const { channels } = this.model.get("shape");
    if (!Number.isInteger(channel)) return;
    this.tell("channel", Math.max(0, Math.min(channels - 1, channel)));
  }

  /** A chart of channels can be clicked, and walked with the arrow keys.
   * @param {HTMLElement} chart @param {number} panel */
  listen(chart, panel) {
    Object.entries({ tabindex: 0, role: "slider", "aria-valuemin": 0, "aria-label": `channel, in the panel ${TITLES[panel]}` })
      .forEach(([name, value]) => chart.setAttribute(name, String(value)));
    chart.addEventListener("click", (event) => {
      const box = chart.getBoundingClientRect();
      this.choose(Math.floor(((event.clientX - box.left) / box.width) * this.model.get("shape").channels));
    });
    chart.addEventListener("keydown", (event) => {
      const by = STEPS[event.key];
      if (by === undefined) return;
      event.preventDefault();
      const to = this.model.get("channel") + by;
      this.choose(to === Infinity ? this.model.get("shape").channels - 1 : to === -Infinity ? 0 : to);
    });
  }

  show() {
    if (this.frame || this.closed) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      /** @type {Shape} */ const shape = this.model.get("shape");
      const [channel, step] = [this.model.get("channel"), this.model.get("step")];
      let numbers;
      try {
        numbers = unpack(this.model.get("data"), shape);
      } catch {
        return; // shape and data come one after the other; the second makes them fit
      }
      this.whole = wholeView(this.root);
      this.whole.addEventListener("keydown", keepKey); // again and again it is one
      const texts = formulas(numbers, shape, channel);
      this.panels.forEach(({ panel, text, chart }, i) => {
        panel.classList.toggle("ev-later", i > step);
        panel.toggleAttribute("inert", i > step);
        if (i === step) panel.setAttribute("aria-current", "step");
        else panel.removeAttribute("aria-current");
        text.textContent = i > step ? "" : texts[i];
        if (i === 1 || i === 3) {
          chart.setAttribute("aria-valuemax", String(shape.channels - 1));
          chart.setAttribute("aria-valuenow", String(channel));
          chart.setAttribute("aria-valuetext", `channel ${channel}: ${texts[i]}`);
        }
      });
      this.number.max = String(shape.channels - 1);
      if (document.activeElement !== this.number) this.number.value = String(channel);
      this.back.disabled = step === 0;
      this.forward.disabled = step === TITLES.length - 1;
      this.alert.textContent = this.lost ? LOST : this.model.get("error");
      this.alert.hidden = !this.alert.textContent;
      this.status.textContent = `Step ${step + 1} of ${TITLES.length}, ${TITLES[step]}: ${texts[step]}.`;
      Object.assign(this.root.dataset, { step: String(step), channel: String(channel), site: this.model.get("site") });
      this.map(0, step, numbers, 1);
      this.bars(1, step, numbers.squeeze, [channel], false);
      this.bars(2, step, contributions(numbers, channel), [], true);
      this.bars(3, step, numbers.gate, [channel], false, 1);
      this.map(4, step, numbers, numbers.gate[channel]);
    });
  }

  /** @param {string} name of a colour of the style sheet */
  colour(name) { return getComputedStyle(this.root).getPropertyValue(`--ev-${name}`).trim() || "#888"; }

  /** @param {number} i the panel */
  pen(i) {
    const { canvas, chart } = this.panels[i];
    const dots = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(chart.clientWidth * dots));
    canvas.height = Math.max(1, Math.round(chart.clientHeight * dots));
    const pen = penOf(canvas);
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    return { pen, wide: chart.clientWidth, tall: chart.clientHeight };
  }

  /** Bars from zero; those of contributions are coloured by their sign.
   * @param {number} i the panel @param {number} step @param {Float32Array} values @param {number[]} marked
   * @param {boolean} signed @param {number} most what the axis reaches at least */
  bars(i, step, values, marked, signed, most = 0) {
    const { pen, wide, tall } = this.pen(i);
    if (i > step) return;
    let [low, high] = [0, most];
    for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
    if (high === low) high = low + 1;
    /** @param {number} value */
    const y = (value) => 12 + ((high - value) / (high - low)) * (tall - 24);
    const unit = wide / values.length;
    values.forEach((value, k) => {
      pen.fillStyle = signed ? (value < 0 ? this.colour("gate") : this.colour("pin")) : this.colour("gate");
      const [top, bottom] = [Math.min(y(value), y(0)), Math.max(y(value), y(0))];
      pen.fillRect(k * unit, top, Math.max(unit - (unit > 4 ? 1 : 0), 0.5), Math.max(bottom - top, 0.5));
    });
    for (const k of marked) {
      pen.fillStyle = this.colour("pin");
      const [top, bottom] = [Math.min(y(values[k]), y(0)), Math.max(y(values[k]), y(0))];
      pen.fillRect(k * unit, top, Math.max(unit, 3), Math.max(bottom - top, 2));
    }
    pen.fillStyle = this.colour("ink");
    pen.fillRect(0, y(0), wide, 1);
    pen.font = "11px system-ui, sans-serif";
    pen.fillText(said(high, 2), 1, 10);
    pen.fillText(said(low, 2), 1, tall - 2);
    pen.textAlign = "right";
    pen.fillText(signed ? `what each of ${values.length} adds` : `${values.length} channels`, wide - 1, tall - 2);
    pen.textAlign = "left";
  }

  /** The channel's map times a factor. Both maps are on the scale that holds both.
   * @param {number} i the panel @param {number} step @param {Numbers} numbers @param {number} factor */
  map(i, step, numbers, factor) {
    const { pen, wide, tall } = this.pen(i);
    const { height, width } = this.model.get("shape");
    const channel = this.model.get("channel");
    this.panels[i].canvas.setAttribute("aria-label", `${TITLES[i]} of channel ${channel}, ${height} by ${width}`);
    if (i > step) return;
    const bytes = this.model.get("pixels");
    const all = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const [least, most, gate] = [numbers.low[channel], numbers.high[channel], numbers.gate[channel]];
    const [low, high] = [Math.min(least, least * gate), Math.max(most, most * gate)];
    const image = new ImageData(width, height);
    const rgb = CIVIDIS.map((c) => [1, 3, 5].map((at) => parseInt(c.slice(at, at + 2), 16)));
    for (let p = 0; p < width * height; p += 1) {
      const value = factor * (least + (all[channel * width * height + p] / 255) * (most - least));
      const place = high > low ? ((value - low) / (high - low)) * (rgb.length - 1) : 0;
      const k = Math.min(rgb.length - 2, Math.floor(place));
      for (let part = 0; part < 3; part += 1) image.data[4 * p + part] = rgb[k][part] + (place - k) * (rgb[k + 1][part] - rgb[k][part]);
      image.data[4 * p + 3] = 255;
    }
    const small = element("canvas", { width, height });
    penOf(small).putImageData(image, 0, 0);
    pen.imageSmoothingEnabled = false;
    const size = Math.min(wide, tall - 16);
    pen.drawImage(small, (wide - size) / 2, 0, size, size);
    pen.fillStyle = this.colour("ink");
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.fillText(`${said(low, 2)} (dark) to ${said(high, 2)} (bright)`, wide / 2, tall - 3);
  }
}

export default {
  /** @param {{model: import("./gates.js").Model, el: HTMLElement}} place */
  render({ model, el }) {
    const view = new Stepper(model, el);
    return () => view.close();
  },
};
