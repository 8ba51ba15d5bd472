import { readFileSync } from "node:fs";

const bytes = JSON.parse(readFileSync(new URL("../programs/programs.json", import.meta.url), "utf8")) as {
  readonly [name: string]: string;
};

/** The machine code of programs/NAME.s, in hexadecimal. */
export function program(name: string): string {
  const hex = bytes[name];
  if (hex === undefined) throw new Error(`programs.json has no ${name}; run the assemble script`);
  return hex;
}

/** The names of all programs. */
export const programNames: readonly string[] = Object.keys(bytes);
