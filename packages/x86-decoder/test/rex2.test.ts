import { describe, expect, it } from "vitest";
import {
  createInstructionRows,
  createOperandList,
  decodeBatch,
  FORMS,
  INVALID_REASON,
  OPERAND_KIND,
  REGISTER_NAMES,
  readOperands,
} from "../src/index.ts";

/** Intel APX Architecture Specification, 3.1.2.1: D5, then M0 R4 X4 B4 W R3 X3 B3. */
function decodeApx(hex: string, bits: 16 | 32 | 64 = 64) {
  const rows = createInstructionRows(1, { extensions: ["apx-rex2"] });
  const bytes = Uint8Array.from(Buffer.from(hex, "hex"));
  decodeBatch(bytes, 0, bytes.length, bits, rows);
  const list = readOperands(rows, 0, createOperandList());
  const names = Array.from({ length: list.count }, (_, n) => {
    const name = (id: number): string => REGISTER_NAMES[id] ?? "-";
    if (list.kind[n] === OPERAND_KIND.register) return name(list.register[n]!);
    return list.kind[n] === OPERAND_KIND.memory ? `[${name(list.register[n]!)}+${name(list.index[n]!)}]` : "";
  });
  return { mnemonic: FORMS[rows.form[0]!]?.mnemonic, names, reason: rows.form[0] === 0 ? rows.flags[0] : 0 };
}

describe("the REX2 prefix", () => {
  it.each([
    ["d55801c0", "add", ["r16", "r16"]],
    ["d51801c0", "add", ["r16", "rax"]],
    ["d54801c0", "add", ["rax", "r16"]],
    ["d57f01c7", "add", ["r31", "r24"]],
    ["d5188b00", "mov", ["rax", "[r16+-]"]],
    ["d5388b0408", "mov", ["rax", "[r16+r17]"]],
    ["d5308b0420", "mov", ["eax", "[r16+r20]"]],
    ["d51050", "push", ["r16"]],
    ["d59058c0", "addps", ["xmm0", "xmm0"]],
    ["d598c8", "bswap", ["r16"]],
  ])("%s is %s", (hex, mnemonic, names) => {
    const { mnemonic: found, names: operands } = decodeApx(hex);
    expect(found).toBe(mnemonic);
    expect(operands).toEqual(names);
  });

  it.each([
    ["d50070fe", "a short jump"],
    ["d500a4", "a string instruction"],
    ["d580800000000000", "a near jump"],
    ["d500e8000000", "a call"],
  ])("%s is invalid: %s must not follow it", (hex) => {
    expect(decodeApx(hex).reason).toBe(INVALID_REASON.opcode);
  });

  it("is invalid behind REX", () => {
    expect(decodeApx("48d50001c0").reason).toBe(INVALID_REASON.prefixBeforeVex);
  });

  it("is AAD outside of 64-bit mode, and invalid in it without the extension", () => {
    expect(decodeApx("d50a", 32).mnemonic).toBe("aad");
    const rows = createInstructionRows(1);
    decodeBatch(Uint8Array.of(0xd5, 0x18, 0x01, 0xc0), 0, 4, 64, rows);
    expect(rows.form[0]).toBe(0);
  });
});
