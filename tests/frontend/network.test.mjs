// The pure parts of the network strip.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

const source = await readFile(new URL("../../effv2viz/widgets/static/network.js", import.meta.url), "utf8");
const network = await import(`data:text/javascript,${encodeURIComponent(source)}`);
const blocks = ["stem.conv", "stage1.0", "stage2.0", "stage2.1", "head.conv"].map((name) => ({
  name, site: name.startsWith("stage2") ? name : "",
}));

test("arrow keys go from site to site and stay at the ends", () => {
  assert.equal(network.neighbour(blocks, "stage2.0", 1), "stage2.1");
  assert.equal(network.neighbour(blocks, "stage2.1", 1), "stage2.1");
  assert.equal(network.neighbour(blocks, "stage2.1", -Infinity), "stage2.0");
});

test("blocks of a stage stand together", () => {
  assert.deepEqual(network.stages(blocks), [
    { name: "stage1", first: 1, last: 1 },
    { name: "stage2", first: 2, last: 3 },
  ]);
});

test("an axis has round numbers", () => {
  assert.deepEqual(network.ticks(432), [0, 200, 400]);
  assert.deepEqual(network.ticks(3840), [0, 2000]);
});
