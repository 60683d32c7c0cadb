// The command line that asks what the page asks, and a button that copies it.

import { find, setText } from "../shared/dom.js";

const COPIED_MS = 2000;
const BODIES = { "api/aivoice": `  -d '{"text": "Hello", "language": "en-US"}' -o hello.wav -H 'Accept: audio/wav'` };
const PICTURE = `  -d "{\\"base64_drawing\\": \\"data:image/png;base64,$(base64 < picture.png | tr -d '\\n')\\"}"`;

/** The example; *said(text)* is told what screen readers should say. */
export function createExample({ texts, said }) {
  const example = find("example");

  async function copy() {
    try {
      await navigator.clipboard.writeText(example.textContent);
    } catch {
      getSelection().selectAllChildren(example); // no clipboard without HTTPS: the old way
      document.execCommand("copy");
    }
    find("copy").textContent = texts().copied;
    said(texts().copied);
    setTimeout(() => setText(find("copy"), texts().copy), COPIED_MS);
  }

  find("copy").addEventListener("click", copy);
  return {
    /** Show how to ask *path*. */
    show(path) {
      const address = new URL(path, document.baseURI);
      const lines = [`curl ${address} \\`, "  -H 'Content-Type: application/json' \\", BODIES[path] ?? PICTURE];
      setText(example, lines.join("\n"));
    },
  };
}
