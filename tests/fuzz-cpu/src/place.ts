import { SEGMENT } from "@likex/cpu-executor";
import { createInstructionRows, decodeBatch } from "@likex/x86-decoder";
import { createIntelFormatter } from "@likex/x86-decoder/intel";
import type { Guest } from "./guest.ts";
import { RAM_BYTES } from "./layout.ts";

const LONGEST = 15;

/** Where a guest stands, and the instruction there, if its address is that of the RAM in either half of the address space. */
export function place(guest: Guest): string {
  const { cpu } = guest;
  const { codeBits: bits, rip } = cpu;
  const text = `${cpu.segmentSelector(SEGMENT.cs).toString(16)}:${rip.toString(16)} CPL ${cpu.cpl} ${bits} bits`;
  const linear = bits === 64 ? BigInt.asUintN(47, rip) : BigInt.asUintN(32, cpu.segmentBase(SEGMENT.cs) + rip);
  if (linear >= RAM_BYTES) return text;
  const at = Number(linear);
  const bytes = guest.ram().subarray(at, at + LONGEST);
  const rows = createInstructionRows(1);
  if (decodeBatch(bytes, 0, bytes.length, bits, rows) === 0) return text;
  const hex = Buffer.from(bytes.subarray(0, rows.length[0])).toString("hex");
  return `${text} ${hex} ${createIntelFormatter().format(rows, 0, linear)}`;
}
