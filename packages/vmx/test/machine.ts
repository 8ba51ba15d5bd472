import { STOP } from "@likex/cpu-executor";
import {
  PROFILES,
  VMCS,
  VMX_STATUS,
  type VmcsFieldName,
  Vmx,
  type VmxOptions,
  type VmxTraceEvent,
} from "../src/index.ts";
import { FakeCpu, FakeMemory, FakeMmu, type Step } from "./fake-processor.ts";

export const VMXON_REGION = 0x1000;
export const VMCS_A = 0x2000;
export const VMCS_B = 0x3000;
export const BITMAP_A = 0x4000;
export const BITMAP_B = 0x5000;
export const MSR_BITMAP = 0x6000;
export const MSR_AREA = 0x7000;

/** A guest in real mode as LiKeX sets it up, with valid host state: passes every check. */
export const VALID: Partial<Record<VmcsFieldName, bigint>> = {
  PIN_BASED_VM_EXEC_CONTROL: 0x17n,
  CPU_BASED_VM_EXEC_CONTROL: 0xa581e5f2n,
  SECONDARY_VM_EXEC_CONTROL: 0x82n,
  VM_EXIT_CONTROLS: 0x3fefffn,
  VM_ENTRY_CONTROLS: 0xd1ffn,
  EXCEPTION_BITMAP: 0x60042n,
  EPT_POINTER: 0x801en,
  VMCS_LINK_POINTER: 0xffff_ffff_ffff_ffffn,
  CR0_GUEST_HOST_MASK: 0xfffffffffffffff7n,
  CR0_READ_SHADOW: 0x60000010n,
  CR4_GUEST_HOST_MASK: 0xfffffffffffef871n,
  GUEST_CR0: 0x30n,
  GUEST_CR4: 0x2040n,
  GUEST_DR7: 0x400n,
  GUEST_RFLAGS: 2n,
  GUEST_IA32_PAT: 0x7040600070406n,
  ...Object.fromEntries(
    (["CS", "SS", "DS", "ES", "FS", "GS"] as const).flatMap((name) => [
      [`GUEST_${name}_AR_BYTES`, name === "CS" ? 0x9bn : 0x93n],
      [`GUEST_${name}_LIMIT`, 0xffffn],
    ]),
  ),
  GUEST_TR_AR_BYTES: 0x8bn,
  GUEST_TR_LIMIT: 0xffffn,
  GUEST_LDTR_AR_BYTES: 0x82n,
  GUEST_LDTR_LIMIT: 0xffffn,
  GUEST_GDTR_LIMIT: 0xffffn,
  GUEST_IDTR_LIMIT: 0xffffn,
  HOST_CR0: 0x80050033n,
  HOST_CR3: 0x9000n,
  HOST_CR4: 0x26e0n,
  HOST_CS_SELECTOR: 0x10n,
  HOST_SS_SELECTOR: 0x18n,
  HOST_TR_SELECTOR: 0x40n,
  HOST_IDTR_BASE: 0xfffffe0000000000n,
  HOST_IA32_PAT: 0x7040600070406n,
  HOST_IA32_EFER: 0xd01n,
  HOST_RIP: 0xffffffff81000000n,
};

/** A Vmx over a scripted processor, in VMX operation with a current VMCS that passes every check. */
export class Machine {
  readonly cpu: FakeCpu = new FakeCpu();
  readonly mmu: FakeMmu = new FakeMmu();
  readonly memory: FakeMemory = new FakeMemory();
  readonly events: VmxTraceEvent[] = [];
  /** Whether machines get a sink by default: without one an exit leaves guest state in the processor (untraced.test.ts). */
  static trace: "events" | "none" = "events";
  readonly vmx: Vmx;
  readonly #revision: number;

  constructor(options: Partial<VmxOptions> = {}) {
    const profile = options.profile ?? PROFILES.likex;
    this.#revision = profile.revision;
    this.vmx = new Vmx({
      cpu: this.cpu,
      mmu: this.mmu,
      memory: this.memory,
      profile,
      ...(Machine.trace === "events" ? { trace: (event: VmxTraceEvent) => this.events.push(event) } : {}),
      ...options,
    });
    for (const region of [VMXON_REGION, VMCS_A, VMCS_B]) this.memory.u32[region / 4] = this.#revision;
  }

  static ready(options: Partial<VmxOptions> = {}, fields: Partial<Record<VmcsFieldName, bigint>> = {}): Machine {
    const machine = new Machine(options);
    machine.expectSuccess(machine.vmx.vmxon(VMXON_REGION));
    machine.use(VMCS_A, fields);
    return machine;
  }

  use(region: number, fields: Partial<Record<VmcsFieldName, bigint>> = {}): void {
    this.expectSuccess(this.vmx.vmclear(region));
    this.expectSuccess(this.vmx.vmptrld(region));
    for (const [name, value] of Object.entries({ ...VALID, ...fields })) this.write(name as VmcsFieldName, value);
  }

  write(name: VmcsFieldName, value: bigint): void {
    this.expectSuccess(this.vmx.vmwrite(VMCS[name], value));
  }

  read(name: VmcsFieldName): bigint {
    const value = this.vmx.vmread(VMCS[name]);
    if (value === undefined) throw new Error(`vmread of ${name} failed`);
    return value;
  }

  number(name: VmcsFieldName): number {
    return this.vmx.vmreadNumber(VMCS[name]);
  }

  /** Launches, or resumes, with a script of stops. */
  enter(...script: Step[]): this {
    this.cpu.script.push(...script);
    const launched = this.memory.u32[(this.vmx.vmptrst() + 8) / 4] !== 0;
    this.expectSuccess(launched ? this.vmx.vmresume(1000) : this.vmx.vmlaunch(1000));
    return this;
  }

  expectSuccess(status: number): void {
    if (status !== VMX_STATUS.succeed) {
      const current = this.vmx.vmptrst();
      throw new Error(`VMfail ${status}, error ${current < 0 ? "none" : this.number("VM_INSTRUCTION_ERROR")}`);
    }
  }
}

export const stopOnInstruction =
  (instruction: number, length: number, operandReg = 0, operandRm = 0): Step =>
  (cpu) => {
    Object.assign(cpu.stop, { instruction, instructionLength: length, operandReg, operandRm });
    return STOP.instruction;
  };

export const stopOnException =
  (vector: number, errorCode = -1, length = 2): Step =>
  (cpu) => {
    const eventType = vector === 3 || vector === 4 ? 6 : 3;
    Object.assign(cpu.stop, { vector, errorCode, instructionLength: length, eventType });
    return STOP.exception;
  };

export interface PortAccess {
  readonly port: number;
  readonly size?: number;
  readonly isIn?: boolean;
  readonly isImmediate?: boolean;
  readonly isString?: boolean;
  readonly isRep?: boolean;
  readonly addressSize?: number;
  readonly segment?: number;
  readonly length?: number;
}

export const stopOnPort =
  (access: PortAccess): Step =>
  (cpu) => {
    cpu.stop.portQualification =
      ((access.size ?? 1) - 1) |
      (access.isIn === true ? 8 : 0) |
      (access.isString === true ? 16 : 0) |
      (access.isRep === true ? 32 : 0) |
      (access.isImmediate === true ? 64 : 0) |
      (access.port << 16);
    cpu.stop.portAddressSize = access.addressSize ?? 16;
    cpu.stop.portSegment = access.segment ?? 3;
    cpu.stop.instructionLength = access.length ?? 1;
    return STOP.port;
  };

export const stopOnMmu = (): Step => () => STOP.mmu;
