import assert from "node:assert/strict";
import { test } from "node:test";
import { moveBy } from "../../effv2viz/widgets/static/slider.js";

test("keys move a slider within its ends, other keys do nothing", () => {
  assert.equal(moveBy("ArrowRight", 3, 22), 4);
  assert.equal(moveBy("ArrowRight", 22, 22), 22);
  assert.equal(moveBy("ArrowDown", 0, 22), 0);
  assert.equal(moveBy("PageUp", 3, 22), 5);
  assert.equal(moveBy("Home", 7, 22), 0);
  assert.equal(moveBy("End", 7, 22), 22);
  assert.equal(moveBy("x", 7, 22), null);
});
