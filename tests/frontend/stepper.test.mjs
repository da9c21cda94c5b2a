// The pure parts of the stepper.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

const source = await readFile(new URL("../../effv2viz/widgets/static/stepper.js", import.meta.url), "utf8");
const stepper = await import(`data:text/javascript,${encodeURIComponent(source)}`);
const shape = { channels: 2, hidden: 2, activation: "SiLU", height: 4, width: 3 };
// squeeze, before, hidden, logit, gate, weights (2 x 2), bias, low, high
const values = [0.5, -0.25, 1, 2, 0.5, 0.25, 1, -0.4, 0.7, 0.3, 1, 2, -1, 0, 0, 0.1, -1, 0, 2, 3];

function message(offset, numbers = values) {
  const buffer = new ArrayBuffer(offset + 4 * numbers.length);
  const view = new DataView(buffer, offset);
  numbers.forEach((number, i) => view.setFloat32(4 * i, number, true));
  return view;
}

test("the buffer is read part by part, from anywhere in its message", () => {
  for (const offset of [0, 3, 8]) {
    const numbers = stepper.unpack(message(offset), shape);
    assert.deepEqual([...numbers.squeeze], [0.5, -0.25]);
    assert.deepEqual([...numbers.weights], [1, 2, -1, 0]);
  }
  assert.throws(() => stepper.unpack(message(0, [1, 2]), shape), /2 numbers for a site of 2 channels and 2 hidden/);
});

test("what hidden units add makes the logit that the formula says", () => {
  const numbers = stepper.unpack(message(0), shape);
  assert.deepEqual([...stepper.contributions(numbers, 1)], [-0.5, 0]);
  const texts = stepper.formulas(numbers, shape, 0);
  assert.equal(texts[1], "z0 = mean of 12 numbers = 0.500");
  assert.match(texts[2], /^h0 = SiLU\(1\.000\) = 0\.500; it adds 0\.500/);
  assert.equal(texts[3], "logit = 0.000 + 0.500 + 0.500 = 1.000; s0 = σ(1.000) = 0.700");
});
