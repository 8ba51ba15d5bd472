import type { OutputStream } from "./terminal.ts";

/** Letters of one write: enough for its system call to cost nothing. */
const CHUNK_LETTERS = 1 << 16;

/** Collects text and writes it in chunks; each is written when `write` returns, so that a slow reader slows the writer. */
export class OutputBuffer {
  readonly #stream: OutputStream;
  #text = "";

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  readonly write = (text: string): void => {
    this.#text += text;
    if (this.#text.length >= CHUNK_LETTERS) this.flush();
  };

  flush(): void {
    this.#stream.write(this.#text);
    this.#text = "";
  }
}
