/** A mistake in what was typed; its message is for the person who typed it. */
export class ProgramTextError extends Error {
  override readonly name: string = "ProgramTextError";
}

/** Reads bytes in hexadecimal, separated as one likes; a semicolon starts a comment. @throws ProgramTextError. */
export function parseBytes(text: string): Uint8Array {
  const digits = text.replaceAll(/;.*$/gm, "").replaceAll(/0x|[\s,]/gi, "");
  const stray = /[^0-9a-f]/i.exec(digits)?.[0];
  if (stray !== undefined)
    throw new ProgramTextError(`"${stray}" is not a hexadecimal digit. Write bytes as ba f8 03.`);
  if (digits === "") throw new ProgramTextError("There are no bytes to run. Write some, such as f4 (HLT).");
  if (digits.length % 2 !== 0) {
    throw new ProgramTextError(
      `${digits.length} hexadecimal digits are no whole number of bytes. Write two for each byte.`,
    );
  }
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Reads a number, decimal or with 0x. @throws ProgramTextError. */
export function parseNumber(what: string, text: string): bigint {
  const number = text.trim();
  if (!/^(0x[0-9a-f]+|[0-9]+)$/i.test(number)) {
    throw new ProgramTextError(`The ${what} "${text}" is not a number. Write it as 4096 or 0x1000.`);
  }
  return BigInt(number.toLowerCase());
}

/** Reads NAME=VALUE, several of them separated by blanks. @throws ProgramTextError. */
export function parseRegisters(text: string): Record<string, bigint> {
  const registers: Record<string, bigint> = {};
  for (const item of text.split(/[\s,]+/).filter((word) => word !== "")) {
    const [name = "", value, ...rest] = item.split("=");
    if (value === undefined || rest.length > 0) {
      throw new ProgramTextError(`The register "${item}" cannot be read. Write NAME=VALUE, such as rax=2.`);
    }
    registers[name.toLowerCase()] = parseNumber(`value of ${name}`, value);
  }
  return registers;
}
