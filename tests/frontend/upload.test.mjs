// The pure part of the upload button.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

const source = await readFile(new URL("../../effv2viz/widgets/static/upload.js", import.meta.url), "utf8");
const { messages, PART } = await import(`data:text/javascript,${encodeURIComponent(source)}`);

test("a file goes in parts that are small enough, and comes together again", () => {
  const file = Uint8Array.from({ length: 2 * PART + 5 }, (_, i) => (i * 7) % 251);
  const sent = messages("a.png", file.buffer, file.length);
  assert.deepEqual(sent.map(({ header }) => [header.part, header.parts]), [[0, 3], [1, 3], [2, 3]]);
  assert.ok(sent.every(({ bytes }) => bytes.byteLength <= PART));
  const whole = Buffer.concat(sent.map(({ bytes }) => Buffer.from(bytes)));
  assert.equal(Buffer.compare(whole, Buffer.from(file)), 0);
});

test("an empty file is one part, one that is too large none", () => {
  assert.deepEqual(messages("a.png", new ArrayBuffer(0), 0).map(({ header }) => header.parts), [1]);
  assert.deepEqual(messages("a.png", null, 3e7).map(({ header }) => header), [{ name: "a.png", size: 3e7, part: 0, parts: 0 }]);
});
