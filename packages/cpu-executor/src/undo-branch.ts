import type { HostMemory } from "@likex/host-memory";
import { CONTEXT } from "./context.ts";
import type { InstructionSelector } from "./predecode.ts";
import { BLOCK, RECORD } from "./record.ts";
import type { CpuState } from "./state.ts";
import type { SystemAccess } from "./system/access.ts";

const RCX = 1;

/**
 * Takes back a near branch to a target that no branch may have: not canonical, or beyond the limit of CS. The branch itself
 * raises #GP then (SDM Vol 2A, JMP, CALL), so RIP, rSP and rCX become what they were before it. Emitted code need
 * not check targets for this, because an invalid one never is in the jump cache. False when no branch led here.
 */
export function undoBranch(
  state: CpuState,
  memory: HostMemory,
  selector: InstructionSelector,
  access: SystemAccess,
): boolean {
  const { u8, u16, i32, u64 } = memory;
  const context = state.contextAddress;
  let record = i32[(context + CONTEXT.stopRecord) >> 2] as number;
  const block = i32[(context + CONTEXT.block) >> 2] as number;
  if (record <= block) return false;
  let key = selector.keyOf(record, memory);
  const fused = key.split(" + ");
  if (fused.length === 2) {
    key = fused[1] as string;
    record += RECORD.size;
  }
  const [mnemonic, bits] = key.split(" ") as [string, string];
  if (!/^(j|call|ret|loop)/.test(mnemonic)) return false;
  let rip = u64[(block + BLOCK.rip) >> 3] as bigint;
  for (let at = block + BLOCK.size; at < record; at += RECORD.size) rip += BigInt(u8[at + RECORD.length] as number);
  state.rip = rip;
  const bytes = BigInt(Number(bits) / 8);
  if (mnemonic === "call") access.setStackPointer(access.stackPointer + bytes);
  if (mnemonic === "ret") {
    const freed = key.split(" ").length > 2 ? (u16[(record + RECORD.immediate) >> 1] as number) : 0;
    access.setStackPointer(access.stackPointer - bytes - BigInt(freed));
  }
  if (mnemonic.startsWith("loop")) {
    const width = access.addressBits(record);
    const count = BigInt.asUintN(width, state.getRegister(RCX) + 1n);
    const kept = width === 16 ? state.getRegister(RCX) & ~0xffffn : 0n;
    state.setRegister(RCX, kept | count);
  }
  return true;
}
