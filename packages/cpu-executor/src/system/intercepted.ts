import type { CpuState } from "../state.ts";
import { INTERCEPT } from "../stop.ts";
import { DONE, type SystemAccess, VECTOR } from "./access.ts";
import { CONTROL_WRITE, type ControlRegisters, CR4, failControlWrite } from "./control-registers.ts";
import { type CpuModel, readCpuid } from "./cpuid.ts";
import { DR6, DR7, readDebugRegister, writeDebugRegister } from "./debug-registers.ts";
import type { DescriptorTables } from "./descriptor-tables.ts";
import type { Msrs } from "./msrs.ts";
import type { Translations } from "./translations.ts";

const RAX = 0;
const RCX = 1;
const RDX = 2;
const RBX = 3;
const CR2 = 2;
const LOW_32 = 0xffff_ffffn;
/** XCR0 bits that exist: x87 and SSE; x87 is always set. */
const XCR0_DEFINED = 3n;

/** What is known of an instruction: bits of its entry in a table, because all of them come by here. */
const RULE = {
  /** #GP(0) above CPL 0. */
  privileged: 1,
  /** #UD in real and virtual-8086 mode. */
  protectedOnly: 2,
  /** #GP(0) above CPL 0 with CR4.UMIP. */
  userModePrevented: 4,
  descriptorTable: 8,
} as const;

const RULES: Uint8Array = new Uint8Array(64);
const setRule = (rule: number, instructions: readonly (keyof typeof INTERCEPT)[]): void => {
  for (const name of instructions) RULES[INTERCEPT[name]] = (RULES[INTERCEPT[name]] as number) | rule;
};
setRule(RULE.privileged, ["hlt", "rdmsr", "wrmsr", "movToCr", "movFromCr", "movToDr", "movFromDr", "invlpg", "wbinvd"]);
setRule(RULE.privileged, ["invd", "clts", "lmsw", "lgdt", "lidt", "lldt", "ltr", "xsetbv"]);
setRule(RULE.protectedOnly, ["lldt", "ltr", "sldt", "str"]);
setRule(RULE.userModePrevented, ["sgdt", "sidt", "sldt", "str", "smsw"]);
setRule(RULE.descriptorTable, ["lgdt", "lidt", "sgdt", "sidt", "lldt", "ltr", "sldt", "str"]);
const { privileged: PRIVILEGED, protectedOnly: PROTECTED_ONLY, userModePrevented: USER_MODE_PREVENTED } = RULE;
const { descriptorTable: DESCRIPTOR_TABLE } = RULE;

export interface InterceptedParts {
  readonly access: SystemAccess;
  readonly tables: DescriptorTables;
  readonly control: ControlRegisters;
  readonly msrs: Msrs;
  readonly model: CpuModel;
  readonly translations: Translations;
}

/** DR4 and DR5 are other names of DR6 and DR7 unless CR4.DE is set (SDM Vol 3B, 17.2.2). */
const isAlias = (register: number): boolean => register === 4 || register === 5;
const hasDebugRegister = (state: CpuState, register: number): boolean =>
  register <= 7 && !(isAlias(register) && (state.cr4 & CR4.de) !== 0);

/** The instructions that system software may intercept, for when it does not. */
export class InterceptedInstructions {
  readonly #parts: InterceptedParts;
  readonly #state: CpuState;

  constructor(parts: InterceptedParts) {
    this.#parts = parts;
    this.#state = parts.access.state;
  }

  /** No system software can intercept these: MOV to and from CR2 (SDM Vol 3C, 25.1.3). */
  isAlwaysCarriedOut(instruction: number, record: number): boolean {
    const isControl = instruction === INTERCEPT.movToCr || instruction === INTERCEPT.movFromCr;
    return isControl && this.#parts.access.reg(record) === CR2;
  }

  /** The exceptions that come before an intercept (SDM Vol 3C, "Relative Priority of Faults and VM Exits"): DONE, or a STATUS. */
  checkPrivilege(instruction: number, record: number): number {
    const { access } = this.#parts;
    const state = this.#state;
    const isDebug = instruction === INTERCEPT.movToDr || instruction === INTERCEPT.movFromDr;
    if (isDebug && !hasDebugRegister(state, access.reg(record))) return access.undefinedOpcode();
    const rules = RULES[instruction] as number;
    if ((rules & PROTECTED_ONLY) !== 0 && (state.isRealMode || state.isVirtual8086)) return access.undefinedOpcode();
    if (instruction === INTERCEPT.xsetbv && (state.cr4 & CR4.osxsave) === 0) return access.undefinedOpcode();
    if (state.cpl === 0) return DONE;
    if ((rules & PRIVILEGED) !== 0) return access.generalProtection(0);
    if ((state.cr4 & CR4.umip) !== 0 && (rules & USER_MODE_PREVENTED) !== 0) return access.generalProtection(0);
    const readsTsc = instruction === INTERCEPT.rdtsc || instruction === INTERCEPT.rdtscp;
    if (readsTsc && (state.cr4 & CR4.tsd) !== 0) return access.generalProtection(0);
    return DONE;
  }

  execute(instruction: number, record: number): number {
    const { access, tables, control, msrs, translations } = this.#parts;
    if (((RULES[instruction] as number) & DESCRIPTOR_TABLE) !== 0) return tables.execute(instruction, record);
    switch (instruction) {
      case INTERCEPT.hlt:
        this.#state.halted = true;
        return DONE;
      case INTERCEPT.cpuid:
        return this.#cpuid();
      case INTERCEPT.rdtsc:
        return this.#setPair(msrs.tsc);
      case INTERCEPT.rdtscp:
        this.#state.setRegister(RCX, msrs.state.tscAux);
        return this.#setPair(msrs.tsc);
      case INTERCEPT.rdmsr:
        return this.#readMsr();
      case INTERCEPT.wrmsr:
        return msrs.write(this.#low(RCX), this.#pair()) ? DONE : access.generalProtection(0);
      case INTERCEPT.movToCr:
      case INTERCEPT.movFromCr:
        return this.#controlRegister(instruction, record);
      case INTERCEPT.movToDr:
      case INTERCEPT.movFromDr:
        return this.#debugRegister(instruction, record);
      case INTERCEPT.clts:
        control.clearTaskSwitched();
        return DONE;
      case INTERCEPT.lmsw: {
        const value = access.readWord(record);
        if (access.failed) return access.failure;
        control.loadMachineStatus(value);
        return DONE;
      }
      case INTERCEPT.smsw:
        return this.storeMachineStatus(record, this.#state.cr0);
      case INTERCEPT.invlpg:
        access.locateOperand(record);
        translations.invalidatePage(access.linearLow, access.linearHigh);
        return DONE;
      case INTERCEPT.pause:
      case INTERCEPT.wbinvd:
      case INTERCEPT.invd:
        return DONE;
      case INTERCEPT.rdpmc:
        // There are no performance counters.
        return access.generalProtection(0);
      case INTERCEPT.xsetbv:
        return this.#setExtendedControl();
      default:
        // MONITOR and MWAIT are not advertised; RSM and the VMX instructions have nothing behind them.
        return access.undefinedOpcode();
    }
  }

  /** SMSW stores a CR0 value: 16 bits in memory, the operand size in a register. */
  storeMachineStatus(record: number, cr0: number): number {
    const { access } = this.#parts;
    const register = access.rm(record);
    if (register < 0) access.writeOperand(record, 2, BigInt(cr0 & 0xffff));
    else access.writeRegister(register, access.operandBytes(record), BigInt(cr0 >>> 0));
    return access.failed ? access.failure : DONE;
  }

  #low(register: number): number {
    return this.#state.registerLow(register);
  }

  /** EDX:EAX. */
  #pair(): bigint {
    return (BigInt(this.#low(RDX)) << 32n) | BigInt(this.#low(RAX));
  }

  #setPair(value: bigint): number {
    this.#state.setRegister(RAX, value & LOW_32);
    this.#state.setRegister(RDX, value >> 32n);
    return DONE;
  }

  #cpuid(): number {
    const state = this.#state;
    const control = { cr4: state.cr4, xcr0: state.fpu.xcr0 };
    const { eax, ebx, ecx, edx } = readCpuid(this.#parts.model.cpuid, this.#low(RAX), this.#low(RCX), control);
    state.setRegister(RAX, BigInt(eax));
    state.setRegister(RBX, BigInt(ebx));
    state.setRegister(RCX, BigInt(ecx));
    state.setRegister(RDX, BigInt(edx));
    return DONE;
  }

  #readMsr(): number {
    const value = this.#parts.msrs.read(this.#low(RCX));
    return value === undefined ? this.#parts.access.generalProtection(0) : this.#setPair(value);
  }

  #controlRegister(instruction: number, record: number): number {
    const { access, control } = this.#parts;
    const state = this.#state;
    const is64 = state.codeBits === 64;
    // #PF handlers read CR2: no bigint for it.
    if (instruction === INTERCEPT.movFromCr && access.reg(record) === CR2) {
      state.setRegisterPair(access.rm(record), state.cr2Low, is64 ? state.cr2High : 0);
      return DONE;
    }
    const value = control.read(access.reg(record));
    if (value === undefined) return access.undefinedOpcode();
    const general = access.rm(record);
    if (instruction === INTERCEPT.movFromCr) {
      state.setRegister(general, is64 ? value : value & LOW_32);
      return DONE;
    }
    const source = is64 ? state.getRegister(general) : state.getRegister(general) & LOW_32;
    const result = control.write(access.reg(record), source);
    return result === CONTROL_WRITE.done ? DONE : failControlWrite(access, result);
  }

  #debugRegister(instruction: number, record: number): number {
    const { access } = this.#parts;
    const state = this.#state;
    if ((state.dr7 & DR7.gd) !== 0) {
      state.dr6 = (state.dr6 | DR6.bd) >>> 0;
      state.dr7 &= ~DR7.gd;
      return access.raise(VECTOR.db);
    }
    const named = access.reg(record);
    const register = isAlias(named) ? named + 2 : named;
    const general = access.rm(record);
    const mask = state.codeBits === 64 ? -1n : LOW_32;
    if (instruction === INTERCEPT.movFromDr) {
      state.setRegister(general, readDebugRegister(state, register) & BigInt.asUintN(64, mask));
      return DONE;
    }
    const value = state.getRegister(general) & BigInt.asUintN(64, mask);
    return writeDebugRegister(state, register, value) ? DONE : access.generalProtection(0);
  }

  #setExtendedControl(): number {
    const { access } = this.#parts;
    const state = this.#state;
    const value = this.#pair();
    const isValid = (value & 1n) !== 0n && (value & ~XCR0_DEFINED) === 0n;
    if (this.#low(RCX) !== 0 || !isValid) return access.generalProtection(0);
    state.xcr0 = value;
    return DONE;
  }
}
