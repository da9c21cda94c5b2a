/**
 * Gates as bars (one row) or as a heat strip (all rows), for a notebook (anywidget) or a saved page.
 *
 * A row is a site or a class; a column is a number known of each gate. The gate itself is the column "gate"; what it is
 * compared with is the column "reference". Hover, brush, sort, search and zoom need no kernel. What the kernel hears of
 * is `row`, `channel`, `order`, `mode`, `selection` and, where gates can be dragged, `request`.
 *
 * @typedef {{name: string, label: string, width: number}} Row
 * @typedef {{key: string, label: string, low: number, high: number, signed: boolean}} Column
 * @typedef {[number, number]} Span positions from the first to before the second
 * @typedef {{row: string, channels: number[], value: number, done: boolean}} Edit
 * @typedef {{row: string, channel: number, position: number, value: number}} Place what is under the pointer
 * @typedef {{label: string, value: number, before?: number, logit?: number}} Share a row of the prediction
 * @typedef {{title: string, caption: string, height: number, width: number, rgb: boolean, low: number, high: number}} Picture
 * @typedef {{get(name: string): any, set(name: string, value: any): void, save_changes(): void,
 *   send(content: any, callbacks?: any, buffers?: ArrayBuffer[]): void,
 *   on(event: string, act: () => void): void, off(event: string, act: () => void): void}} Model
 */

// Pure parts, tested in node.

/** The numbers in a buffer. A view may start anywhere in a message, a Float32Array only at a multiple of four.
 * @param {DataView} bytes @returns {Float32Array} */
export function floats(bytes) {
  if (!bytes || bytes.byteLength === 0) return new Float32Array(0);
  const { buffer, byteOffset, byteLength } = bytes;
  if (byteOffset % 4 === 0) return new Float32Array(buffer, byteOffset, byteLength / 4);
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** Rows of different widths, with the same columns: all rows of the first column, then all of the second. */
export class Matrix {
  /** @param {Row[]} rows @param {Column[]} columns @param {DataView} bytes */
  constructor(rows, columns, bytes) {
    this.rows = rows;
    this.columns = columns;
    this.starts = new Map();
    this.total = 0;
    for (const row of rows) {
      this.starts.set(row.name, [this.total, this.total + row.width]);
      this.total += row.width;
    }
    this.numbers = floats(bytes);
    if (this.numbers.length !== this.total * columns.length) {
      throw new Error(`${this.numbers.length} numbers for ${columns.length} columns of ${this.total} gates`);
    }
  }

  /** @param {string} key @param {string} name @returns {Float32Array | null} null without such a column or row */
  get(key, name) {
    const place = this.columns.findIndex((column) => column.key === key);
    const span = this.starts.get(name);
    if (place < 0 || !span) return null;
    return this.numbers.subarray(place * this.total + span[0], place * this.total + span[1]);
  }
}

/** Gate minus reference, in the precision of both.
 * @param {Float32Array} gates @param {Float32Array} reference */
export function difference(gates, reference) {
  return gates.map((gate, i) => gate - reference[i]);
}

/** The channels from left to right, largest score first, unknown ones (NaN) last; equals by number.
 * @param {number} count @param {Float32Array | null} scores null: by number @returns {Int32Array} */
export function ranking(count, scores) {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  if (!scores) return order;
  const known = scores.map((score) => (Number.isNaN(score) ? -Infinity : score));
  return order.sort((a, b) => (known[a] === known[b] ? a - b : known[b] - known[a]));
}

/** The span after zooming by a factor around a position, within 0 to count.
 * @param {Span} span @param {number} factor @param {number} at @param {number} count @returns {Span} */
export function zoomed(span, factor, at, count) {
  const size = Math.min(count, Math.max(Math.min(8, count), (span[1] - span[0]) * factor));
  const share = (at - span[0]) / (span[1] - span[0]);
  return placed(at - share * size, size, count);
}

/** The span moved as little as needed to hold a position.
 * @param {Span} span @param {number} at @param {number} count @returns {Span} */
export function holding(span, at, count) {
  const size = span[1] - span[0];
  if (at < span[0]) return placed(at, size, count);
  if (at + 1 > span[1]) return placed(at + 1 - size, size, count);
  return span;
}

/** @param {number} start @param {number} size @param {number} count @returns {Span} */
function placed(start, size, count) {
  const first = Math.max(0, Math.min(count - size, start));
  return [first, first + size];
}

const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"];
const SIGNED = ["#0072b2", "#69abd0", "#f4f4f4", "#e39a6a", "#d55e00"];

/** 256 colours between some given ones, as red, green, blue.
 * @param {string[]} colours @returns {Uint8Array} */
export function ramp(colours) {
  const rgb = colours.map((c) => [1, 3, 5].map((at) => parseInt(c.slice(at, at + 2), 16)));
  return Uint8Array.from({ length: 768 }, (_, i) => {
    const place = (Math.floor(i / 3) / 255) * (rgb.length - 1);
    const low = Math.min(rgb.length - 2, Math.floor(place));
    return Math.round(rgb[low][i % 3] + (place - low) * (rgb[low + 1][i % 3] - rgb[low][i % 3]));
  });
}

/** The largest above and the lowest below zero of some numbers in an order; unknown ones (NaN) are left out.
 * @param {Float32Array} values @param {Int32Array} order @param {number} from @param {number} to @returns {[number, number]} */
export function extremes(values, order, from, to) {
  let [low, high] = [0, 0];
  for (let i = from; i < to; i += 1) {
    const value = values[order[i]];
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/** Asks the kernel one thing at a time. Unfinished edits that wait are replaced by newer ones; finished ones are kept. */
export class Requests {
  /** @param {(message: Edit & {id: string}) => void} send @param {string} prefix of the ids of one view */
  constructor(send, prefix) {
    this.send = send;
    this.prefix = prefix;
    this.count = 0;
    /** @type {Edit[]} */ this.waiting = [];
    /** @type {string | null} */ this.open = null;
  }

  /** @param {Edit} edit */
  ask(edit) {
    const last = this.waiting.at(-1);
    if (last && !last.done) this.waiting.pop();
    this.waiting.push(edit);
    this.next();
  }

  next() {
    if (this.open !== null) return;
    const edit = this.waiting.shift();
    if (!edit) return;
    this.count += 1;
    this.open = `${this.prefix}.${this.count}`;
    this.send({ id: this.open, ...edit });
  }

  /** Whether an answer is the one that is waited for; any other is stale. @param {string} id */
  answered(id) {
    if (id !== this.open) return false;
    this.open = null;
    this.next();
    return true;
  }
}

/** A gate as it is said: three digits, and a real minus. @param {number} value */
export function said(value) {
  if (!Number.isFinite(value)) return "not known";
  const size = Math.abs(value);
  const digits = size !== 0 && size < 0.001 ? size.toExponential(1) : size.toFixed(3);
  return value < 0 && Number(digits) !== 0 ? `\u2212${digits}` : digits;
}

// The view.

/** @type {Record<string, number>} */
const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
const SPACE = { top: 10, right: 10, bottom: 26 };
const LOST = "The kernel that this view belongs to has gone: run the cell again.";
const SECOND = 150; // pixels, of the second chart with its legend
let views = 0;

/** @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Record<string, string>} attributes @param {...(Node | string)} children */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** What draws on a canvas. @param {HTMLCanvasElement} canvas */
function penOf(canvas) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
}

/** Puts options into a menu, which is hidden where there is nothing to choose.
 * @param {HTMLSelectElement} select @param {string[][]} options pairs of value and text */
function fill(select, options) {
  select.replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
  labelOf(select).hidden = options.length < 2;
}

/** The label that a control stands in. @param {HTMLElement} control */
function labelOf(control) {
  return /** @type {HTMLElement} */ (control.parentElement);
}

/** Whether keys are meant for the notebook or the browser. @param {KeyboardEvent} event */
function isShortcut(event) {
  return event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter");
}

/** Keys mean something to a notebook, too: it would cut the cell at an x. Those that a view hears stay in it.
 * @param {KeyboardEvent} event */
function keepKey(event) {
  if (!isShortcut(event)) event.stopPropagation();
}

/** A view with the controls around it, where it is shown among some. @param {HTMLElement} root @returns {HTMLElement} */
function wholeView(root) {
  return root.closest(".widget-vbox") ?? root;
}

class GatesView {
  /** @param {Model} model @param {HTMLElement} el */
  constructor(model, el) {
    this.model = model;
    this.id = `ev${(views += 1)}-${Math.random().toString(36).slice(2, 7)}`;
    /** @type {{row: string, channel: number} | null} */ this.hover = null;
    /** @type {Span | null} */ this.brush = null;
    /** @type {Span} */ this.span = [0, 1];
    /** @type {Map<string, Float32Array>} */ this.edited = new Map();
    /** @type {Map<string, Int32Array>} */ this.orders = new Map();
    /** @type {"" | "edit" | "brush"} */ this.gesture = "";
    /** @type {Edit | null} */ this.unfinished = null;
    this.matrix = new Matrix([], [], new DataView(new ArrayBuffer(0)));
    this.frame = 0;
    this.late = 0;
    this.lost = false;
    /** @type {HTMLElement | null} */ this.keeper = null;
    this.stop = new AbortController();
    this.requests = new Requests((message) => this.tell({ request: message }), this.id);

    this.root = element("div", { class: "effv2viz effv2viz-gates", role: "group", "aria-label": this.model.get("title") });
    /** @param {string} name @param {string} noun @param {(value: string) => void} onchange */
    const choice = (name, noun, onchange) => {
      const select = element("select", { "data-control": name });
      select.addEventListener("change", () => onchange(select.value), { signal: this.stop.signal });
      this.bar.append(element("label", {}, element("span", {}, noun), select));
      return select;
    };
    /** @param {string} name @param {string} text @param {string} label @param {() => void} act */
    const button = (name, text, label, act) => {
      const made = element("button", { type: "button", "data-control": name, "aria-label": label, title: label }, text);
      made.addEventListener("click", act, { signal: this.stop.signal });
      return made;
    };
    this.bar = element("div", { class: "ev-bar" });
    this.rowChoice = choice("row", this.model.get("noun"), (value) => this.goTo(value));
    this.orderChoice = choice("order", "sort", (value) => this.tell({ order: value }));
    this.modeChoice = choice("mode", "show", (value) => this.tell({ mode: value }));
    this.colourChoice = choice("colour", "colour", (value) => this.tell({ colour: value }));
    this.modeChoice.append(
      element("option", { value: "bars" }, `one ${this.model.get("noun")}`),
      element("option", { value: "strip" }, `all ${this.model.get("nouns")}`),
    );
    this.search = element("input", { type: "number", min: "0", step: "1", placeholder: "number", "data-control": "search" });
    this.search.addEventListener("input", () => this.find(), { signal: this.stop.signal });
    this.bar.append(
      element("label", {}, element("span", {}, "channel"), this.search),
      element(
        "span",
        { class: "ev-zoom" },
        button("closer", "+", "zoom in, or to the selection", () => this.closer()),
        button("wider", "\u2212", "zoom out", () => this.zoom(2)),
        button("whole", "all", "show every channel and select none", () => this.whole()),
      ),
    );
    this.alert = element("div", { class: "ev-alert", role: "alert", hidden: "" });
    this.warning = element("div", { class: "ev-warning", role: "note", hidden: "" });
    this.base = element("canvas", { "aria-hidden": "true" });
    this.over = element("canvas", { "aria-hidden": "true" });
    this.tip = element("div", { class: "ev-tip", hidden: "" });
    this.chart = element(
      "div",
      { class: "ev-chart", tabindex: "0", role: "slider", "aria-valuemin": "1", "aria-describedby": `${this.id}-keys` },
      this.base, this.over, this.tip,
    );
    this.prediction = element("div", { class: "ev-prediction" });
    this.pictures = element("div", { class: "ev-pictures" });
    this.status = element("div", { class: "ev-status", role: "status" });
    const keys =
      "Left and right arrows choose a channel, Home and End the first and last, Shift with them selects, " +
      "plus and minus zoom, Escape shows all." +
      (this.model.get("editable") ? " Up and down arrows change the gate, with Shift in larger steps." : "");
    this.root.append(
      this.bar, this.alert, this.warning,
      element("div", { class: "ev-main" }, this.chart, this.prediction),
      element("div", { class: "ev-keys", id: `${this.id}-keys` }, keys),
      this.status, this.pictures,
    );
    el.append(this.root);

    this.sizes = new ResizeObserver(() => { this.keepKeys(); this.resized(); });
    this.sight = new IntersectionObserver((entries) => { if (entries.some((e) => e.isIntersecting)) this.draw(); });
    this.theme = new MutationObserver(() => {
      for (const wait of [0, 150, 600]) setTimeout(() => this.draw(), wait); // a theme's colours come after its name
    });
    /** @type {[string, () => void][]} */
    this.heard = [
      ["change:data", () => this.takeData()],
      ["change:rows", () => this.takeData()],
      ["change:edits", () => this.takeEdits()],
      ["change:edit_data", () => this.takeEdits()],
      ["change:row", () => this.rowChanged()],
      ["change:channel", () => this.channelChanged()],
      ["change:order", () => this.reorder()],
      ["change:second", () => this.resized()],
      ["change:mode", () => { this.whole(false); this.resized(); }],
      ["change:colour", () => this.draw()],
      ["change:selection", () => this.drawOver()],
      ["change:pixels", () => this.drawPictures()],
      ["change:prediction", () => this.answered()],
      ["change:error", () => this.say()],
      ["change:warning", () => this.say()],
      ["comm_live_update", () => { this.lost = true; this.say(); }],
    ];
    this.watch();
    this.takeData();
    this.drawPictures();
    this.drawPrediction();
    this.say();
  }

  get row() { return this.model.get("row"); }
  get channel() { return this.model.get("channel"); }
  get strip() { return this.model.get("mode") === "strip"; }
  get editable() { return this.model.get("editable") && !this.strip; }

  /** @param {Record<string, any>} changes */
  tell(changes) {
    for (const [name, value] of Object.entries(changes)) this.model.set(name, value);
    this.model.save_changes();
  }

  watch() {
    for (const [event, act] of this.heard) this.model.on(event, act);
    const { chart } = this;
    const { signal } = this.stop;
    chart.addEventListener("pointermove", (event) => this.moved(event), { signal });
    chart.addEventListener("pointerdown", (event) => this.pressed(event), { signal });
    chart.addEventListener("pointerup", (event) => this.released(event), { signal });
    chart.addEventListener("pointercancel", () => this.dropped(), { signal });
    chart.addEventListener("pointerleave", () => { if (!this.gesture) this.hoverAt(null); }, { signal });
    chart.addEventListener("keydown", (event) => this.key(event), { signal });
    chart.addEventListener("keyup", (event) => { if (event.key === "ArrowUp" || event.key === "ArrowDown") this.finish(); }, { signal });
    chart.addEventListener("wheel", (event) => this.wheel(event), { signal, passive: false });
    this.sizes.observe(chart);
    this.sight.observe(chart);
    this.theme.observe(document.body, { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "data-theme"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw(), { signal });
  }

  close() {
    for (const [event, act] of this.heard) this.model.off(event, act);
    this.stop.abort();
    this.sizes.disconnect();
    this.sight.disconnect();
    this.theme.disconnect();
    clearTimeout(this.late);
    cancelAnimationFrame(this.frame);
    this.root.remove();
  }

  // The numbers.

  takeData() {
    /** @type {Row[]} */ const rows = this.model.get("rows");
    /** @type {Column[]} */ const columns = this.model.get("columns");
    try {
      this.matrix = new Matrix(rows, columns, this.model.get("data"));
    } catch {
      return; // rows and data come one after the other; the second makes them fit
    }
    fill(this.rowChoice, rows.map((row) => [row.name, row.label]));
    /** @type {{key: string, label: string}[]} */ const orders = this.model.get("orders");
    fill(this.orderChoice, orders.map(({ key, label }) => [key, label]));
    const shown = [["gate", "gate"]];
    if (columns.some((column) => column.key === "reference")) shown.push(["difference", "difference"]);
    const others = columns.filter((column) => column.key !== "gate" && column.key !== "reference");
    fill(this.colourChoice, [...shown, ...others.map((column) => [column.key, column.label])]);
    labelOf(this.modeChoice).hidden = rows.length < 2;
    this.takeEdits();
    this.whole(false);
    this.resized();
  }

  takeEdits() {
    if (this.gesture === "edit") return; // the hand is ahead of the kernel, and its end brings the edits again
    this.edited.clear();
    const numbers = floats(this.model.get("edit_data"));
    let start = 0;
    for (const { name, width } of this.model.get("edits")) {
      this.edited.set(name, numbers.slice(start, start + width));
      start += width;
    }
    this.draw();
  }

  /** @param {string} name @returns {Float32Array} */
  gates(name) {
    return this.edited.get(name) ?? this.matrix.get("gate", name) ?? new Float32Array(0);
  }

  /** @param {string} key a column, or "difference" @param {string} name @returns {Float32Array | null} */
  values(key, name) {
    if (key === "gate") return this.gates(name);
    if (key !== "difference") return this.matrix.get(key, name);
    const reference = this.matrix.get("reference", name);
    return reference && difference(this.gates(name), reference);
  }

  /** @param {string} key @returns {Column} */
  column(key) {
    return /** @type {Column} */ (this.matrix.columns.find((column) => column.key === key));
  }

  /** The channels of a row from left to right. They keep their places while a gate is dragged. @param {string} name */
  order(name) {
    if (this.model.get("aligned")) name = this.row; // the same channel stands in the same place in every row
    let order = this.orders.get(name);
    if (!order) {
      const key = this.model.get("order");
      const gates = this.gates(name);
      const scores = key === "channel" ? null : (this.values(key === "value" ? "gate" : key, name) ?? gates);
      order = ranking(gates.length, scores && key !== "value" ? scores.map(Math.abs) : scores);
      this.orders.set(name, order);
    }
    return order;
  }

  /** How many channels are beside each other: of the row, or of the widest. */
  get count() {
    if (!this.strip) return Math.max(1, this.gates(this.row).length);
    return Math.max(1, ...this.matrix.rows.map((row) => row.width));
  }

  get position() { return Math.max(0, this.order(this.row).indexOf(this.channel)); }

  reorder() {
    this.orders.clear();
    this.span = holding(this.span, this.position, this.count);
    this.draw();
  }

  rowChanged() {
    if (!this.strip) this.hover = null; // the pointer rests on a bar of the row before
    this.orders.clear();
    if (this.channel >= this.gates(this.row).length) return this.tell({ channel: this.order(this.row)[0], selection: [] });
    if (this.model.get("aligned")) this.channelChanged();
    else this.whole(false);
  }

  channelChanged() {
    this.span = holding(this.span, this.position, this.count);
    this.draw();
  }

  /** Chooses a row, and in it a channel or the first. @param {string} name @param {number} [channel] */
  goTo(name, channel) {
    if (this.model.get("aligned")) this.tell({ row: name, channel: channel ?? this.channel });
    else this.tell({ row: name, channel: channel ?? this.order(name)[0], selection: [] });
  }

  find() {
    const wanted = Number(this.search.value);
    const known = this.search.value === "" || (Number.isInteger(wanted) && wanted >= 0 && wanted < this.gates(this.row).length);
    this.search.setCustomValidity(known ? "" : `${this.row} has ${this.gates(this.row).length} channels, from 0`);
    this.search.setAttribute("aria-invalid", String(!known));
    if (known && this.search.value !== "") this.tell({ channel: wanted });
    this.say();
  }

  /** Another channel was chosen since, or there is none of this number. */
  unfind() {
    if (this.search.value === "") return;
    this.search.value = "";
    this.find();
  }

  // Zoom.

  /** @param {number} factor @param {number} [at] */
  zoom(factor, at) {
    this.span = zoomed(this.span, factor, at ?? this.position + 0.5, this.count);
    this.draw();
  }

  closer() {
    /** @type {number[]} */ const selection = this.model.get("selection");
    const places = selection.map((channel) => this.order(this.row).indexOf(channel));
    if (places.length < 2 || this.strip) return this.zoom(0.5);
    this.span = zoomed([Math.min(...places), Math.max(...places) + 1], 1, Math.min(...places), this.count);
    this.draw();
  }

  whole(unselect = true) {
    this.span = [0, this.count];
    if (unselect && this.model.get("selection").length) this.tell({ selection: [] });
    this.orders.clear();
    this.draw();
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (!event.ctrlKey && !sideways) return; // the page scrolls
    event.preventDefault();
    const at = this.span[0] + ((event.offsetX - this.left) / this.width) * (this.span[1] - this.span[0]);
    if (event.ctrlKey) return this.zoom(event.deltaY > 0 ? 1.25 : 0.8, at);
    const size = this.span[1] - this.span[0];
    this.span = placed(this.span[0] + (event.deltaX / this.width) * size, size, this.count);
    this.draw();
  }

  // Mouse, touch and keyboard.

  /** @param {PointerEvent} event @returns {Place | null} */
  under(event) {
    const box = this.chart.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left - this.left, event.clientY - box.top - SPACE.top];
    const inside = Math.max(0, Math.min(this.width - 1e-6, x));
    const most = this.second.length ? this.chart.clientHeight : this.height;
    if (!this.gesture && (x < 0 || x > this.width || y < -SPACE.top || y > most)) return null;
    const position = Math.floor(this.span[0] + (inside / this.width) * (this.span[1] - this.span[0]));
    const { rows } = this.matrix;
    const line = Math.max(0, Math.min(rows.length - 1, Math.floor((y / this.height) * rows.length)));
    const row = this.strip ? rows[line].name : this.row;
    const channel = this.order(row)[position];
    if (channel === undefined) return null;
    const [low, high] = this.range;
    return { row, channel, position, value: Math.max(0, Math.min(1, high - (y / this.height) * (high - low))) };
  }

  /** @param {PointerEvent} event */
  moved(event) {
    const place = this.under(event);
    if (this.gesture === "edit" && place) return this.edit(this.channel, place.value, false);
    if (this.gesture === "brush" && place && this.brush) {
      this.brush = [this.brush[0], place.position];
      return this.drawOver();
    }
    this.hoverAt(place);
  }

  /** @param {PointerEvent} event */
  pressed(event) {
    if (event.button !== 0) return;
    const place = this.under(event);
    this.chart.focus({ preventScroll: true });
    if (!place) return;
    this.chart.setPointerCapture(event.pointerId);
    event.preventDefault();
    if (this.strip) {
      this.goTo(place.row, place.channel);
    } else if (this.editable && !event.shiftKey) {
      this.gesture = "edit";
      if (place.channel !== this.channel) this.tell({ channel: place.channel });
      this.edit(place.channel, place.value, false);
    } else {
      this.gesture = "brush";
      this.brush = [place.position, place.position];
    }
  }

  /** @param {PointerEvent} event */
  released(event) {
    const place = this.under(event);
    const brush = this.brush;
    const gesture = this.gesture;
    this.gesture = "";
    this.brush = null;
    if (gesture === "edit") this.finish();
    if (gesture !== "brush" || !brush) return;
    const [first, last] = [Math.min(...brush), Math.max(...brush)];
    if (last > first) this.tell({ selection: [...this.order(this.row).slice(first, last + 1)] });
    else if (place) this.tell({ channel: place.channel, selection: [] });
    this.drawOver();
  }

  dropped() {
    if (this.gesture === "edit") this.finish();
    this.gesture = "";
    this.brush = null;
    this.drawOver();
  }

  /** @param {Place | null} place */
  hoverAt(place) {
    this.hover = place;
    this.drawOver();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (isShortcut(event)) return;
    const step = STEPS[event.key];
    const { rows } = this.matrix;
    if (step !== undefined) {
      const order = this.order(this.row);
      const next = Math.max(0, Math.min(order.length - 1, this.position + step));
      /** @type {number[]} */ const selection = this.model.get("selection");
      const more = event.shiftKey ? [...new Set([...selection, this.channel, order[next]])] : selection;
      this.tell({ channel: order[next], selection: more });
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      const up = event.key === "ArrowUp";
      if (this.strip) {
        const line = rows.findIndex((row) => row.name === this.row) + (up ? -1 : 1);
        if (rows[line]) this.goTo(rows[line].name, this.order(rows[line].name)[Math.min(this.position, rows[line].width - 1)]);
      } else if (this.editable) {
        const now = this.gates(this.row)[this.channel] + (up ? 1 : -1) * (event.shiftKey ? 0.1 : 0.01);
        this.edit(this.channel, Math.max(0, Math.min(1, now)), false);
      } else return;
    } else if (event.key === "Enter" && this.strip) this.tell({ mode: "bars" });
    else if (event.key === "Escape") this.whole();
    else if (event.key === "+" || event.key === "=") this.closer();
    else if (event.key === "-") this.zoom(2);
    else return;
    event.preventDefault();
  }

  // Dragged gates.

  /** Sets a gate, and with it the others of the selection that it is in.
   * @param {number} channel @param {number} value @param {boolean} done */
  edit(channel, value, done) {
    /** @type {number[]} */ const selection = this.model.get("selection");
    const channels = selection.includes(channel) ? selection : [channel];
    const gates = this.edited.get(this.row) ?? this.gates(this.row).slice();
    for (const one of channels) gates[one] = value;
    this.edited.set(this.row, gates);
    this.unfinished = { row: this.row, channels, value, done };
    this.requests.ask(this.unfinished);
    clearTimeout(this.late);
    this.late = window.setTimeout(() => this.say("The kernel has not answered yet: it is busy, or it was stopped."), 4000);
    this.draw();
  }

  finish() {
    if (this.unfinished) this.requests.ask({ ...this.unfinished, done: true });
    this.unfinished = null;
  }

  answered() {
    const { id } = this.model.get("prediction");
    if (id && this.requests.open !== null && !this.requests.answered(id)) return;
    clearTimeout(this.late);
    this.drawPrediction();
    this.say();
  }

  // Drawing.

  get left() { return this.strip ? 92 : 44; }
  get width() { return Math.max(1, this.chart.clientWidth - this.left - SPACE.right); }
  get height() { return Math.max(1, this.chart.clientHeight - SPACE.top - SPACE.bottom - this.secondHeight); }
  get secondHeight() { return this.second.length ? SECOND : 0; }

  /** The columns under the gates: bars, and marks beside them. @returns {Column[]} */
  get second() {
    if (this.strip) return [];
    /** @type {string[]} */ const keys = this.model.get("second");
    return this.matrix.columns.filter(({ key }) => keys.includes(key));
  }

  /** The vertical axis: 0 to 1, wider where a gate was scaled beyond. @returns {[number, number]} */
  get range() {
    const gates = this.gates(this.row);
    let [low, high] = [0, 1];
    for (const gate of gates) {
      if (gate < low) low = gate;
      if (gate > high) high = gate;
    }
    return [low, high];
  }

  /** Listens at the view's outermost box, which is there once the chart has been laid out. */
  keepKeys() {
    const whole = wholeView(this.root);
    if (whole === this.keeper) return;
    this.keeper = whole;
    whole.addEventListener("keydown", keepKey, { signal: this.stop.signal });
  }

  resized() {
    const lines = this.matrix.rows.length;
    const tall = this.strip ? Math.max(60, Math.min(640, lines * Math.max(8, Math.min(22, 420 / lines)))) : 210;
    this.chart.style.height = `${tall + SPACE.top + SPACE.bottom + this.secondHeight}px`;
    this.draw();
  }

  draw() {
    if (this.frame || this.stop.signal.aborted) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (!this.matrix.rows.length || !this.chart.clientWidth) return;
      const started = performance.now();
      this.root.classList.toggle("ev-editable", Boolean(this.editable));
      this.rowChoice.value = this.row;
      this.orderChoice.value = this.model.get("order");
      this.modeChoice.value = this.model.get("mode");
      this.colourChoice.value = this.model.get("colour");
      labelOf(this.colourChoice).hidden = !this.strip || this.colourChoice.options.length < 2;
      labelOf(this.orderChoice).hidden = this.orderChoice.options.length < 2;
      this.search.max = String(this.gates(this.row).length - 1);
      if (document.activeElement !== this.search && Number(this.search.value) !== this.channel) this.unfind();
      const pen = this.pen(this.base);
      if (this.strip) this.drawStrip(pen);
      else this.drawBars(pen);
      this.paintOver();
      this.root.dataset.milliseconds = (performance.now() - started).toFixed(2);
    });
  }

  drawOver() {
    this.draw();
  }

  /** A clean canvas in CSS pixels. @param {HTMLCanvasElement} canvas */
  pen(canvas) {
    const dots = window.devicePixelRatio || 1;
    const [wide, tall] = [this.chart.clientWidth, this.chart.clientHeight];
    if (canvas.width !== Math.round(wide * dots) || canvas.height !== Math.round(tall * dots)) {
      canvas.width = Math.round(wide * dots);
      canvas.height = Math.round(tall * dots);
    }
    const pen = penOf(canvas);
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.clearRect(0, 0, wide, tall);
    pen.font = "11px system-ui, sans-serif";
    return pen;
  }

  /** @param {string} name of a colour of the style sheet */
  colour(name) { return getComputedStyle(this.root).getPropertyValue(`--ev-${name}`).trim() || "#888"; }

  /** @param {number} position */
  x(position) { return this.left + ((position - this.span[0]) / (this.span[1] - this.span[0])) * this.width; }

  /** @param {number} value */
  y(value) {
    const [low, high] = this.range;
    return SPACE.top + ((high - value) / (high - low)) * this.height;
  }

  /** @param {CanvasRenderingContext2D} pen */
  drawBars(pen) {
    const [gates, order] = [this.gates(this.row), this.order(this.row)];
    const reference = this.matrix.get("reference", this.row);
    const [ink, faint, bar] = ["ink", "faint", "gate"].map((name) => this.colour(name));
    const [low, high] = this.range;
    pen.fillStyle = ink;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    const bottom = SPACE.top + this.height;
    for (let i = 0; i <= 4; i += 1) {
      const value = low + (i / 4) * (high - low);
      const y = SPACE.top + this.height * (1 - i / 4);
      pen.fillStyle = ink;
      pen.fillText(value.toFixed(2), this.left - 6, y);
      pen.fillStyle = faint;
      pen.fillRect(this.left, Math.round(y), this.width, 1);
    }
    const zero = bottom - ((0 - low) / (high - low)) * this.height;
    const scale = this.height / (high - low);
    const step = this.width / (this.span[1] - this.span[0]);
    const [first, last] = [Math.floor(this.span[0]), Math.min(order.length, Math.ceil(this.span[1]))];
    const gap = step > 4 ? 1 : 0;
    pen.save();
    pen.beginPath();
    pen.rect(this.left, 0, this.width, this.chart.clientHeight);
    pen.clip();
    pen.fillStyle = bar;
    if (step >= 1) {
      for (let i = first; i < last; i += 1) {
        const [x, next] = [Math.round(this.x(i)), Math.round(this.x(i + 1))];
        pen.fillRect(x, zero, next - x - gap, -gates[order[i]] * scale);
      }
    } else {
      for (let pixel = 0; pixel < this.width; pixel += 1) {
        const from = Math.floor(this.span[0] + pixel / step);
        let top = 0;
        for (let i = from; i < Math.min(last, Math.floor(this.span[0] + (pixel + 1) / step) + 1); i += 1) {
          if (gates[order[i]] > top) top = gates[order[i]];
        }
        pen.fillRect(this.left + pixel, zero, 1, -top * scale);
      }
    }
    if (reference) {
      pen.fillStyle = ink;
      const size = Math.max(1.5, Math.min(4, step));
      for (let i = first; i < last; i += 1) {
        const x = this.left + (i - this.span[0]) * step + (step - gap) / 2;
        pen.fillRect(x - size / 2, zero - reference[order[i]] * scale - 1, size, 2);
      }
    }
    pen.restore();
    pen.textAlign = "left";
    pen.textBaseline = "alphabetic";
    this.legend(pen, reference);
    if (this.second.length) this.drawSecond(pen);
  }

  /** Where the second chart lies: its top, its middle, and pixels for a unit of its largest number. */
  secondPlace() {
    const most = Math.max(...this.second.flatMap(({ key }) => {
      const values = this.values(key, this.row) ?? new Float32Array(0);
      return extremes(values, this.order(this.row), 0, values.length).map(Math.abs);
    })) || 1;
    const top = SPACE.top + this.height + SPACE.bottom + 8;
    const half = (SECOND - 8 - SPACE.bottom) / 2;
    return { top, middle: top + half, half, most };
  }

  /** Numbers of either sign under the gates, channels in the same places. @param {CanvasRenderingContext2D} pen */
  drawSecond(pen) {
    const [order, [bars, marks]] = [this.order(this.row), this.second];
    const values = this.values(bars.key, this.row) ?? new Float32Array(0);
    const { top, middle, half, most } = this.secondPlace();
    const [ink, faint, more, less] = ["ink", "faint", "more", "gate"].map((name) => this.colour(name));
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const [value, y] of /** @type {[number, number][]} */ ([[most, top], [0, middle], [-most, middle + half]])) {
      pen.fillStyle = ink;
      pen.fillText(value === 0 ? "0" : said(value), this.left - 4, y);
      pen.fillStyle = faint;
      pen.fillRect(this.left, Math.round(y), this.width, 1);
    }
    pen.save();
    pen.beginPath();
    pen.rect(this.left - 3, top - 4, this.width + 6, 2 * half + 8);
    pen.clip();
    const step = this.width / (this.span[1] - this.span[0]);
    const wide = Math.max(1, step);
    const bound = Math.min(order.length, Math.ceil(this.span[1]));
    for (let x = 0; x < this.width; x += wide) {
      const from = Math.floor(this.span[0] + x / step + 1e-6);
      const to = step >= 1 ? from + 1 : Math.floor(this.span[0] + (x + 1) / step) + 1;
      const [low, high] = extremes(values, order, from, Math.min(bound, to));
      const [left, right] = [Math.round(this.left + x), Math.round(this.left + x + wide)];
      pen.fillStyle = more;
      pen.fillRect(left, middle, right - left - (step > 4 ? 1 : 0), (-high / most) * half);
      pen.fillStyle = less;
      pen.fillRect(left, middle, right - left - (step > 4 ? 1 : 0), (-low / most) * half);
    }
    if (marks) {
      const numbers = this.values(marks.key, this.row) ?? values;
      pen.strokeStyle = ink;
      for (let i = Math.floor(this.span[0]); i < bound; i += 1) {
        if (Number.isNaN(numbers[order[i]])) continue;
        pen.strokeRect(this.x(i) + step / 2 - 2.5, middle - (numbers[order[i]] / most) * half - 2.5, 5, 5);
      }
    }
    pen.restore();
    pen.textAlign = "left";
    pen.textBaseline = "alphabetic";
    const y = this.chart.clientHeight - 8;
    let x = this.left;
    for (const [colour, text] of [[more, `${bars.label}: for the class`], [less, "against it"], ...(marks ? [["", marks.label]] : [])]) {
      pen.fillStyle = colour || ink;
      pen.strokeStyle = ink;
      if (colour) pen.fillRect(x, y - 9, 10, 10);
      else pen.strokeRect(x + 2.5, y - 6.5, 5, 5);
      pen.fillStyle = ink;
      pen.fillText(text, x + 14, y);
      x += pen.measureText(text).width + 30;
    }
  }

  /** @param {CanvasRenderingContext2D} pen @param {Float32Array | null} reference */
  legend(pen, reference) {
    const y = SPACE.top + this.height + SPACE.bottom - 8;
    const count = `${Math.min(this.count, Math.round(this.span[1] - this.span[0]))} of ${this.count}`;
    /** @type {[colour: string, text: string, size: number][]} */
    const parts = [[this.colour("gate"), `${this.column("gate").label} (0 closed, 1 open)`, 10]];
    if (reference) parts.push([this.colour("ink"), this.column("reference").label, 2]);
    parts.push([this.colour("ink"), `${count} channels`, 0]);
    const wide = () => parts.reduce((sum, [, text, size]) => sum + pen.measureText(text).width + (size ? 30 : 0), 0);
    const room = this.left + this.width + SPACE.right;
    if (wide() > room) parts[parts.length - 1][1] = count;
    let x = Math.max(0, Math.min(this.left, room - wide())); // a narrow chart has its legend under the axis, too
    for (const [colour, text, size] of parts) {
      pen.fillStyle = colour;
      if (size) pen.fillRect(x, y - size / 2 - 4, 10, size);
      pen.fillStyle = this.colour("ink");
      pen.fillText(text, x + (size ? 14 : 0), y);
      x += pen.measureText(text).width + (size ? 30 : 0);
    }
  }

  /** What the strip is coloured by, on one scale for all rows. @param {string} key @returns {Column} */
  scale(key) {
    if (key === "gate") return { key, label: key, low: 0, high: 1, signed: false };
    if (key !== "difference") return this.column(key);
    let most = 0;
    for (const row of this.matrix.rows) for (const one of this.values(key, row.name) ?? []) most = Math.max(most, Math.abs(one));
    return { key, label: key, low: -most || -1, high: most || 1, signed: true };
  }

  /** @param {CanvasRenderingContext2D} pen */
  drawStrip(pen) {
    const { rows } = this.matrix;
    const key = [...this.colourChoice.options].some((o) => o.value === this.model.get("colour")) ? this.model.get("colour") : "gate";
    const { label, low, high, signed } = this.scale(key);
    const colours = ramp(signed ? SIGNED : CIVIDIS);
    const wide = Math.max(1, Math.round(this.width * (window.devicePixelRatio || 1)));
    const picture = new ImageData(wide, rows.length);
    const size = this.span[1] - this.span[0];
    rows.forEach((row, line) => {
      const [values, order] = [this.values(key, row.name) ?? this.gates(row.name), this.order(row.name)];
      for (let i = 0; i < wide; i += 1) {
        const position = Math.floor(this.span[0] + ((i + 0.5) / wide) * size);
        if (position >= order.length) break;
        const shade = Math.max(0, Math.min(255, Math.round((255 * (values[order[position]] - low)) / (high - low))));
        const place = 4 * (line * wide + i);
        picture.data[place] = colours[3 * shade];
        picture.data[place + 1] = colours[3 * shade + 1];
        picture.data[place + 2] = colours[3 * shade + 2];
        picture.data[place + 3] = 255;
      }
    });
    const hidden = element("canvas", { width: String(wide), height: String(rows.length) });
    penOf(hidden).putImageData(picture, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(hidden, this.left, SPACE.top, this.width, this.height);
    const tall = this.height / rows.length;
    const every = Math.ceil(11 / tall);
    pen.fillStyle = this.colour("ink");
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    rows.forEach((row, line) => {
      if (line % every) return;
      const text = row.name.length > 14 ? `\u2026${row.name.slice(-13)}` : row.name;
      pen.fillText(text, this.left - 6, SPACE.top + (line + 0.5) * tall);
    });
    pen.textBaseline = "alphabetic";
    pen.textAlign = "left";
    const y = this.chart.clientHeight - 8;
    const start = `${label}  ${said(low)}`;
    pen.fillText(start, this.left, y);
    const from = this.left + pen.measureText(start).width + 6;
    for (let i = 0; i < 100; i += 1) {
      const shade = 3 * Math.round(2.55 * i);
      pen.fillStyle = `rgb(${colours[shade]}, ${colours[shade + 1]}, ${colours[shade + 2]})`;
      pen.fillRect(from + i, y - 9, 1.5, 10);
    }
    pen.fillStyle = this.colour("ink");
    pen.fillText(said(high), from + 106, y);
  }

  /** What moves with the pointer: hover, pin, brush and selection. */
  paintOver() {
    const pen = this.pen(this.over);
    const [pin, ink] = [this.colour("pin"), this.colour("ink")];
    const step = this.width / (this.span[1] - this.span[0]);
    const lines = this.matrix.rows.length;
    const tall = this.strip ? this.height / lines : this.height;
    /** @param {string} name */
    const topOf = (name) => SPACE.top + (this.strip ? this.matrix.rows.findIndex((row) => row.name === name) * tall : 0);
    pen.save();
    pen.beginPath();
    pen.rect(this.left - 8, 0, this.width + 16, this.chart.clientHeight);
    pen.clip();
    pen.fillStyle = this.colour("brush");
    if (this.brush) {
      const [first, last] = [Math.min(...this.brush), Math.max(...this.brush)];
      pen.fillRect(this.x(first), SPACE.top, (last + 1 - first) * step, this.height);
    }
    const order = this.order(this.row);
    const selected = new Set(this.model.get("selection"));
    if (selected.size && !this.strip) {
      order.forEach((channel, i) => {
        if (selected.has(channel)) pen.fillRect(this.x(i), SPACE.top, Math.max(step, 1), this.height);
      });
    }
    /** @param {string} name @param {number} position @param {string} colour */
    const mark = (name, position, colour) => {
      const [x, wide] = [this.x(position), Math.max(step, 2)];
      pen.fillStyle = pen.strokeStyle = colour;
      if (this.strip) return pen.strokeRect(x - 1.5, topOf(name) - 0.5, wide + 3, tall + 1);
      const value = this.gates(name)[this.order(name)[position]];
      const [y, zero] = [this.y(value), this.y(0)];
      pen.fillRect(x, Math.min(y, zero), wide, Math.max(1, Math.abs(zero - y)));
      pen.beginPath();
      pen.moveTo(x + wide / 2, y - 1);
      pen.lineTo(x + wide / 2 - 5, y - 9);
      pen.lineTo(x + wide / 2 + 5, y - 9);
      return pen.fill();
    };
    pen.lineWidth = 2;
    if (this.second.length) {
      const { top, half } = this.secondPlace();
      pen.fillStyle = pin;
      pen.fillRect(this.x(this.position) + step / 2 - 1, top, 2, 2 * half);
    }
    mark(this.row, this.position, pin);
    if (this.hover && this.hover.channel < this.gates(this.hover.row).length) {
      mark(this.hover.row, this.order(this.hover.row).indexOf(this.hover.channel), ink);
    }
    pen.restore();
    this.showTip(topOf);
    this.sayState();
  }

  /** @param {(name: string) => number} topOf */
  showTip(topOf) {
    this.tip.hidden = !this.hover || Boolean(this.gesture);
    if (!this.hover || this.gesture) return;
    const { row, channel } = this.hover;
    const lines = [`${row}, channel ${channel}`, ...this.facts(row, channel)];
    this.tip.replaceChildren(...lines.map((line, i) => element(i ? "div" : "b", {}, line)));
    const x = this.x(this.order(row).indexOf(channel));
    const rightwards = x < this.chart.clientWidth / 2;
    this.tip.style.left = rightwards ? `${x + 14}px` : "auto";
    this.tip.style.right = rightwards ? "auto" : `${this.chart.clientWidth - x + 14}px`;
    this.tip.style.top = `${this.strip ? Math.min(topOf(row), this.chart.clientHeight - 90) : 12}px`;
  }

  /** What is known of a gate, as text. @param {string} row @param {number} channel @returns {string[]} */
  facts(row, channel) {
    const facts = [];
    for (const column of this.matrix.columns) {
      const value = (this.values(column.key, row) ?? [])[channel];
      facts.push(`${column.label} ${said(value)}`);
      if (column.key === "reference") facts.push(`difference ${said(this.gates(row)[channel] - value)}`);
    }
    return facts;
  }

  /** For screen readers and tests. */
  sayState() {
    const place = `${this.position + 1} of ${this.gates(this.row).length}`;
    this.chart.setAttribute("aria-label", `gates of ${this.row}`);
    this.chart.setAttribute("aria-valuemax", String(this.gates(this.row).length));
    this.chart.setAttribute("aria-valuenow", String(this.position + 1));
    const sentence = `Channel ${this.channel} of ${this.row}: ${this.facts(this.row, this.channel).join(", ")}; place ${place}.`;
    this.chart.setAttribute("aria-valuetext", sentence);
    const selected = this.model.get("selection").length;
    this.status.textContent = selected ? `${sentence} ${selected} channels are selected.` : sentence;
    Object.assign(this.root.dataset, {
      row: this.row,
      channel: String(this.channel),
      order: this.model.get("order"),
      mode: this.model.get("mode"),
      span: this.span.map(Math.round).join(" "),
      hover: this.hover ? `${this.hover.row} ${this.hover.channel}` : "",
      gate: said(this.gates(this.row)[this.channel]),
    });
  }

  say(late = "") {
    const trouble = (this.lost ? LOST : "") || this.model.get("error") || this.search.validationMessage || late;
    this.alert.textContent = trouble;
    this.alert.hidden = !trouble;
    this.warning.textContent = this.model.get("warning");
    this.warning.hidden = !this.warning.textContent;
  }

  drawPrediction() {
    const { rows = [], caption = "", heads = ["class", "probability"], most = 1 } = this.model.get("prediction");
    /** @type {Share[]} */ const shares = rows;
    this.prediction.hidden = shares.length === 0;
    /** @param {number} share */
    const percent = (share) => (most === 1 ? `${(100 * share).toFixed(1)} %` : said(share));
    const lines = shares.map(({ label, value, before, logit }) => {
      const fill = element("div", { class: "ev-fill", style: `width:${Math.max(0, Math.min(100, (100 * value) / most))}%` });
      const track = element("div", { class: "ev-track" }, fill);
      if (before !== undefined) track.append(element("div", { class: "ev-before", style: `left:${100 * before}%` }));
      const cells = [element("th", { scope: "row" }, label), element("td", {}, track), element("td", {}, percent(value))];
      if (before !== undefined) cells.push(element("td", {}, `${value >= before ? "+" : "\u2212"}${Math.abs(100 * (value - before)).toFixed(1)}`));
      if (logit !== undefined) cells.push(element("td", {}, said(logit)));
      return element("tr", {}, ...cells);
    });
    const names = [...heads, ""];
    if (shares.some((row) => row.before !== undefined)) names.push("change");
    if (shares.some((row) => row.logit !== undefined)) names.push("logit");
    const head = element("thead", {}, element("tr", {}, ...names.map((text) => element(text ? "th" : "td", text ? { scope: "col" } : {}, text))));
    this.prediction.replaceChildren(element("table", {}, element("caption", {}, caption), head, element("tbody", {}, ...lines)));
  }

  drawPictures() {
    const bytes = this.model.get("pixels");
    const all = bytes && bytes.byteLength ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(0);
    const colours = ramp(CIVIDIS);
    let start = 0;
    /** @type {Picture[]} */ const pictures = this.model.get("pictures");
    const figures = pictures.map(({ title, caption, height, width, rgb, low, high }) => {
      const shown = element("canvas", { width: String(width), height: String(height), role: "img", "aria-label": `${title}. ${caption}` });
      const image = new ImageData(width, height);
      for (let i = 0; i < width * height; i += 1) {
        for (let part = 0; part < 3; part += 1) {
          image.data[4 * i + part] = rgb ? all[start + 3 * i + part] : colours[3 * all[start + i] + part];
        }
        image.data[4 * i + 3] = 255;
      }
      start += width * height * (rgb ? 3 : 1);
      penOf(shown).putImageData(image, 0, 0);
      const legend = rgb ? [] : [element("div", { class: "ev-legend" }, said(low), element("i", {}), said(high))];
      return element("figure", {}, element("figcaption", {}, title), shown, ...legend, element("figcaption", {}, caption));
    });
    this.pictures.replaceChildren(...figures);
    this.pictures.hidden = figures.length === 0;
  }
}

export default {
  /** @param {{model: Model, el: HTMLElement}} place */
  render({ model, el }) {
    const view = new GatesView(model, el);
    return () => view.close();
  },
};
