// The pure part of the slider.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

const source = await readFile(new URL("../../effv2viz/widgets/static/slider.js", import.meta.url), "utf8");
const { moveBy } = await import(`data:text/javascript,${encodeURIComponent(source)}`);

test("keys move a slider within its ends, other keys do nothing", () => {
  assert.equal(moveBy("ArrowRight", 3, 22), 4);
  assert.equal(moveBy("ArrowRight", 22, 22), 22);
  assert.equal(moveBy("ArrowDown", 0, 22), 0);
  assert.equal(moveBy("PageUp", 3, 22), 5);
  assert.equal(moveBy("Home", 7, 22), 0);
  assert.equal(moveBy("End", 7, 22), 22);
  assert.equal(moveBy("x", 7, 22), null);
});
