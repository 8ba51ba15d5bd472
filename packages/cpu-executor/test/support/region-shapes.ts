import { ModuleBuilder } from "@likex/wasm-emitter";
import { createDecodedInstruction, DECODE_STATUS, decodeInto, FORMS, type InstructionForm } from "@likex/x86-decoder";
import { INTERPRETER_KEYS } from "../../src/generated/interpreter.ts";
import { importFlagFunctions } from "../../src/interpreter/flag-functions.ts";
import { describe, type RegionInstruction, refusalOf } from "../../src/jit/instruction.ts";
import { routineType } from "../../src/jit/routine-imports.ts";
import { writeInstruction } from "../../src/jit/write-instruction.ts";
import { InstructionSelector } from "../../src/predecode.ts";
import { REGION_TYPE } from "../../src/region-type.ts";
import { encodingParts } from "./encoding-parts.ts";

const MODES = [64, 32] as const;
const SIZES = [16, 32, 64] as const;
const REPEATS = [undefined, 0xf3, 0xf2] as const;
const [RBX_BYTE, REGISTERS, LONGEST] = [0x43, 0xc1, 15];

function immediateBytes(code: string, size: number, bits: 32 | 64): number {
  if (/^(Ib|Ibs|Jb)$/.test(code)) return 1;
  if (code === "Iw") return 2;
  if (code === "Iz" || code === "Jz") return size === 16 ? 2 : 4;
  if (code === "Ap") return size === 16 ? 4 : 6;
  if (/^O[bv]$/.test(code)) return bits / 8;
  return code === "Iv" ? size / 8 : 0;
}

/** Bytes of a form: registers 0 and 1, or memory at rBX + 8. */
function bytesOf(form: InstructionForm, bits: 32 | 64, size: number, memory: boolean, repeat?: number): Uint8Array {
  const parts = encodingParts(form);
  const bytes: number[] = [];
  if (size === 16 && parts.prefix !== 0x66 && parts.vex === undefined) bytes.push(0x66);
  if (parts.vex !== undefined) {
    const { map, prefix, length } = parts.vex;
    const usesVvvv = form.operands.some((code) => code.startsWith("B"));
    bytes.push(0xc4, 0xe0 | map, (size === 64 ? 0x80 : 0) | (usesVvvv ? 0x68 : 0x78) | length | prefix);
  } else {
    if (parts.prefix !== undefined) bytes.push(parts.prefix);
    else if (repeat !== undefined) bytes.push(repeat);
    if (size === 64) bytes.push(0x48);
  }
  bytes.push(...parts.opcode);
  if (parts.modrmRegister !== undefined) bytes.push(parts.modrmRegister + 1);
  else if (parts.modrm !== "none") {
    const reg = (typeof parts.modrm === "number" ? parts.modrm : 0) << 3;
    if (memory) bytes.push(RBX_BYTE | reg, 8);
    else bytes.push(REGISTERS | reg);
  }
  const immediates = form.operands.reduce((sum, code) => sum + immediateBytes(code, size, bits), 0);
  return Uint8Array.from([...bytes, ...new Array<number>(immediates).fill(1)]);
}

/** WebAssembly instructions that one instruction becomes in a region whose block it begins. */
function operationsOf(instruction: RegionInstruction, bits: 32 | 64): number {
  const module = new ModuleBuilder();
  const flagFunctions = importFlagFunctions(module, "shared");
  const code = module.function("region", REGION_TYPE.params, REGION_TYPE.results);
  const routine = (name: string) => ({ index: 0, type: routineType(name) });
  return writeInstruction(code, instruction, { rip: 0n, bits }, { flagFunctions, routine });
}

/** What regions make of each shape of the instruction table: WebAssembly instructions, or why they leave it to the interpreter. */
export function regionShapes(): ReadonlyMap<string, number | string> {
  const found = new Map<string, number | string>();
  const selector = new InstructionSelector(INTERPRETER_KEYS.split("\n"), () => {});
  for (const form of FORMS)
    for (const bits of MODES)
      for (const size of SIZES)
        for (const memory of [false, true])
          for (const repeat of REPEATS) {
            const bytes = bytesOf(form, bits, size, memory, repeat);
            const decoded = createDecodedInstruction();
            if (bytes.length > LONGEST) continue;
            if (decodeInto(bytes, 0, bytes.length, bits, decoded) !== DECODE_STATUS.ok) continue;
            if (decoded.form !== form.id || decoded.length !== bytes.length) continue;
            const selection = selector.select(decoded);
            if (selection === undefined || found.has(selection.key)) continue;
            const instruction = describe(decoded, selection, 0);
            const refusal = instruction === undefined ? "names a segment register" : refusalOf(selection);
            found.set(selection.key, refusal ?? operationsOf(instruction as RegionInstruction, bits));
          }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** One line for each shape. */
export const regionShapeLines = (): readonly string[] =>
  [...regionShapes()].map(([key, what]) => `${key}: ${typeof what === "number" ? what : `not compiled, ${what}`}`);
