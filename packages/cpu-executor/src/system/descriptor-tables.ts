import { SEGMENT } from "../context.ts";
import { INTERCEPT } from "../stop.ts";
import { DONE, isCanonical, type SystemAccess } from "./access.ts";
import type { SegmentLoads } from "./segment-load.ts";

const BASE_24 = 0xff_ffffn;

/** LGDT, LIDT, SGDT, SIDT, LLDT, LTR, SLDT and STR (SDM Vol 2A, 2B). Privilege has been checked. */
export class DescriptorTables {
  readonly #access: SystemAccess;
  readonly #loads: SegmentLoads;

  constructor(access: SystemAccess, loads: SegmentLoads) {
    this.#access = access;
    this.#loads = loads;
  }

  execute(instruction: number, record: number): number {
    const access = this.#access;
    const { state } = access;
    switch (instruction) {
      case INTERCEPT.lgdt:
        return this.#load(record, (base, limit) => {
          state.gdtrBase = base;
          state.gdtrLimit = limit;
        });
      case INTERCEPT.lidt:
        return this.#load(record, (base, limit) => {
          state.idtrBase = base;
          state.idtrLimit = limit;
        });
      case INTERCEPT.sgdt:
        return this.#store(record, state.gdtrBase, state.gdtrLimit);
      case INTERCEPT.sidt:
        return this.#store(record, state.idtrBase, state.idtrLimit);
      case INTERCEPT.sldt:
        return this.#storeSelector(record, SEGMENT.ldtr);
      case INTERCEPT.str:
        return this.#storeSelector(record, SEGMENT.tr);
      default: {
        const selector = access.readWord(record);
        if (access.failed) return access.failure;
        return instruction === INTERCEPT.lldt ? this.#loads.loadLdt(selector) : this.#loads.loadTask(selector);
      }
    }
  }

  /** A base has 8 bytes in 64-bit mode, else 4, of which a 16-bit operand size takes 3. */
  #load(record: number, set: (base: bigint, limit: number) => void): number {
    const access = this.#access;
    const is64 = access.state.codeBits === 64;
    const limit = Number(access.readOperand(record, 2));
    const stored = access.readOperand(record, is64 ? 8 : 4, 2);
    const base = !is64 && access.operandBytes(record) === 2 ? stored & BASE_24 : stored;
    if (is64 && !isCanonical(base)) access.generalProtection(0);
    if (access.failed) return access.failure;
    set(base, limit);
    return DONE;
  }

  #store(record: number, base: bigint, limit: number): number {
    const access = this.#access;
    const is64 = access.state.codeBits === 64;
    access.writeOperand(record, 2, BigInt(limit));
    access.writeOperand(record, is64 ? 8 : 4, base, 2);
    return access.failed ? access.failure : DONE;
  }

  #storeSelector(record: number, register: number): number {
    const access = this.#access;
    const selector = BigInt(access.state.segmentSelector(register));
    const destination = access.rm(record);
    if (destination < 0) access.writeOperand(record, 2, selector);
    else access.writeRegister(destination, access.operandBytes(record), selector);
    return access.failed ? access.failure : DONE;
  }
}
