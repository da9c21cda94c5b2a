// The pure parts of the front end: node --test tests/frontend
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

const source = await readFile(new URL("../../effv2viz/widgets/static/gates.js", import.meta.url), "utf8");
const gates = await import(`data:text/javascript,${encodeURIComponent(source)}`);

const rows = [{ name: "a", label: "a", width: 2 }, { name: "b", label: "b", width: 3 }];
const columns = ["gate", "reference"].map((key) => ({ key, label: key, low: 0, high: 1, signed: false }));

/** Some numbers that begin at a byte of a longer message. */
function within(numbers, offset) {
  const message = new ArrayBuffer(offset + 4 * numbers.length + 5);
  const view = new DataView(message, offset, 4 * numbers.length);
  numbers.forEach((number, i) => view.setFloat32(4 * i, number, true));
  return view;
}

test("a buffer is read from where it starts in its message", () => {
  for (const offset of [0, 4, 3]) assert.deepEqual([...gates.floats(within([0.5, 0.25], offset))], [0.5, 0.25]);
  assert.equal(gates.floats(new DataView(new ArrayBuffer(0))).length, 0);
});

test("a matrix gives each column of each row, and refuses data of another size", () => {
  const matrix = new gates.Matrix(rows, columns, within([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 4));
  assert.deepEqual([...matrix.get("gate", "b")], [3, 4, 5]);
  assert.deepEqual([...matrix.get("reference", "a")], [6, 7]);
  assert.equal(matrix.get("gate", "c"), null);
  assert.throws(() => new gates.Matrix(rows, columns, within([1, 2], 0)), /2 numbers for 2 columns of 5 gates/);
});

test("channels are ranked with ties by number", () => {
  assert.deepEqual([...gates.ranking(4, Float32Array.of(0.5, 0.9, 0.5, 0.1))], [1, 0, 2, 3]);
  assert.deepEqual([...gates.ranking(3, null)], [0, 1, 2]);
  assert.deepEqual([...gates.ranking(3, Float32Array.of(NaN, -1, NaN))], [1, 0, 2]);
});

test("zooming keeps what is under the pointer and stays inside", () => {
  assert.deepEqual(gates.zoomed([0, 100], 0.5, 20, 100), [10, 60]);
  assert.deepEqual(gates.zoomed([10, 60], 4, 20, 100), [0, 100]);
  assert.deepEqual(gates.zoomed([40, 50], 0.1, 45, 100), [41, 49]);
  assert.deepEqual(gates.holding([10, 60], 80, 100), [31, 81]);
  assert.deepEqual(gates.holding([10, 60], 30, 100), [10, 60]);
});

test("a colour ramp passes through its colours", () => {
  const colours = gates.ramp(["#000000", "#ff0000", "#ffffff"]);
  assert.deepEqual([...colours.slice(0, 3)], [0, 0, 0]);
  assert.deepEqual([...colours.slice(765)], [255, 255, 255]);
  assert.ok(colours[3 * 127] > 250 && colours[3 * 127 + 1] < 5);
});

test("one request is open at a time, unfinished edits are replaced, finished ones are kept, stale answers dropped", () => {
  const sent = [];
  const requests = new gates.Requests((message) => sent.push(message), "v");
  const edit = (value, done) => requests.ask({ row: "a", channels: [0], value, done });
  edit(0.1, false);
  edit(0.2, false);
  edit(0.3, true);
  edit(0.4, false);
  edit(0.5, false);
  assert.deepEqual(sent.map((m) => m.value), [0.1]);
  assert.equal(requests.answered("other.1"), false);
  assert.equal(requests.answered("v.1"), true);
  assert.equal(requests.answered("v.1"), false);
  assert.equal(requests.answered("v.2"), true);
  assert.equal(requests.answered("v.3"), true);
  assert.deepEqual(sent.map((m) => [m.id, m.value, m.done]), [["v.1", 0.1, false], ["v.2", 0.3, true], ["v.3", 0.5, false]]);
  edit(0.6, true);
  assert.equal(sent.at(-1).id, "v.4");
});

test("numbers are said alike", () => {
  assert.deepEqual([0.5, -0.25, 0.0002, -0.0, NaN].map(gates.said), ["0.500", "\u22120.250", "2.0e-4", "0.000", "not known"]);
});

test("extremes are the largest above and the lowest below zero of a part of the order", () => {
  const [values, order] = [Float32Array.of(0.5, -2, NaN, 3), Int32Array.of(3, 2, 0, 1)];
  assert.deepEqual(gates.extremes(values, order, 0, 4), [-2, 3]);
  assert.deepEqual(gates.extremes(values, order, 1, 3), [0, 0.5]);
  assert.deepEqual(gates.extremes(values, order, 1, 2), [0, 0]);
});
