import { UsageError } from "../errors.ts";
import { parseInteger } from "./numbers.ts";

/** Reads NAME=VALUE. Whether there is such a register is the runner's question. */
export function parseRegister(text: string): readonly [name: string, value: bigint] {
  const separator = text.indexOf("=");
  if (separator < 1) throw new UsageError(`The register "${text}" cannot be read. Write NAME=VALUE, such as rax=2.`);
  const name = text.slice(0, separator).trim().toLowerCase();
  return [name, parseInteger(`value of ${name}`, text.slice(separator + 1).trim())];
}
