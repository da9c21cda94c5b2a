/**
 * A button that sends a file to the kernel, in parts that pass through a notebook server. A file of more than `most`
 * bytes is only announced, for the kernel to say that it is too large.
 */

export const PART = 4_000_000; // bytes; a server may end the connection at a message of 10 MiB

/** What is sent of a file: each message's header and the bytes with it.
 * @param {string} name @param {ArrayBuffer | null} bytes null for a file that is too large @param {number} size */
export function messages(name, bytes, size) {
  if (!bytes) return [{ header: { name, size, part: 0, parts: 0 }, bytes: new ArrayBuffer(0) }];
  const parts = Math.max(1, Math.ceil(bytes.byteLength / PART));
  return Array.from({ length: parts }, (_, part) => ({
    header: { name, size, part, parts },
    bytes: bytes.slice(part * PART, (part + 1) * PART),
  }));
}

/** @param {{model: import("./gates.js").Model, el: HTMLElement}} place */
function render({ model, el }) {
  const root = Object.assign(document.createElement("div"), { className: "effv2viz ev-upload" });
  const button = Object.assign(document.createElement("button"), { type: "button" });
  const input = Object.assign(document.createElement("input"), { type: "file", accept: "image/*", hidden: true });
  root.append(button, input);
  el.append(root);
  const show = () => {
    button.textContent = model.get("title");
    button.disabled = model.get("disabled");
  };
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", async () => {
    const file = input.files?.[0];
    if (!file) return;
    button.textContent = `reading ${file.name}`;
    button.disabled = true;
    try {
      const bytes = file.size > model.get("most") ? null : await file.arrayBuffer();
      for (const message of messages(file.name, bytes, file.size)) model.send(message.header, undefined, [message.bytes]);
    } finally {
      input.value = ""; // the same file can be chosen again
      show();
    }
  });
  const heard = ["change:title", "change:disabled"];
  for (const event of heard) model.on(event, show);
  show();
  return () => {
    for (const event of heard) model.off(event, show);
    root.remove();
  };
}

export default { render };
