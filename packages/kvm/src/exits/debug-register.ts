import { VECTOR, VMCS } from "@likex/vmx";
import { GPR } from "../gpr.ts";
import type { Vcpu } from "../vcpu.ts";
import { injectException, isLongMode, NEXT, skipInstruction } from "./exit.ts";

const DIRECTION_FROM = 1 << 4;
const DR6_FIXED = 0xffff0ff0n;
const DR6_WRITABLE = 0xe00fn;
const DR7_WRITABLE = 0xffff2bffn;
const DR6_BD = 1 << 13;
const DR7_GD = 1 << 13;
const DR7_FIXED = 0x400;
const LOW_32 = 0xffff_ffffn;

/** MOV to and from debug registers. Bits 63:32 of DR6 and DR7 are #GP(0) (SDM Vol 2B, MOV to debug registers). */
export const handleDebugRegister = (vcpu: Vcpu): number => {
  const { processor } = vcpu.vm;
  const { vmx, cpu } = processor;
  const qualification = vmx.vmread32(VMCS.EXIT_QUALIFICATION);
  const debug = qualification & 7;
  const register = (qualification >> 8) & 15;
  if ((vmx.vmread32(VMCS.GUEST_DR7) & DR7_GD) !== 0) return generalDetect(vcpu);
  if ((qualification & DIRECTION_FROM) !== 0) {
    const value = readDebug(vcpu, debug);
    if (register === GPR.rsp) vmx.vmwrite(VMCS.GUEST_RSP, value);
    else cpu.setRegister(register, value);
  } else {
    const whole = register === GPR.rsp ? (vmx.vmread(VMCS.GUEST_RSP) ?? 0n) : cpu.getRegister(register);
    const value = isLongMode(vmx) ? whole : whole & LOW_32;
    if (canonical(debug) >= 6 && value > LOW_32) {
      injectException(vmx, VECTOR.gp, 0);
      return NEXT.resume;
    }
    writeDebug(vcpu, debug, value);
  }
  skipInstruction(vcpu);
  return NEXT.resume;
};

/** DR7.GD: the access is a debug exception instead, which the exit came before (SDM Vol 3B, 17.2.4). */
const generalDetect = (vcpu: Vcpu): number => {
  const { vmx, cpu } = vcpu.vm.processor;
  cpu.dr6 = (cpu.dr6 | DR6_BD) >>> 0;
  vmx.vmwriteNumber(VMCS.GUEST_DR7, vmx.vmread32(VMCS.GUEST_DR7) & ~DR7_GD);
  injectException(vmx, VECTOR.db);
  return NEXT.resume;
};

/** DR4 and DR5 are DR6 and DR7 while CR4.DE is 0. */
const canonical = (debug: number): number => (debug === 4 || debug === 5 ? debug + 2 : debug);

const readDebug = (vcpu: Vcpu, debug: number): bigint => {
  const { vmx, cpu } = vcpu.vm.processor;
  switch (canonical(debug)) {
    case 0:
      return cpu.dr0;
    case 1:
      return cpu.dr1;
    case 2:
      return cpu.dr2;
    case 3:
      return cpu.dr3;
    case 6:
      return BigInt(cpu.dr6);
    default:
      return vmx.vmread(VMCS.GUEST_DR7) ?? BigInt(DR7_FIXED);
  }
};

const writeDebug = (vcpu: Vcpu, debug: number, value: bigint): void => {
  const { vmx, cpu } = vcpu.vm.processor;
  switch (canonical(debug)) {
    case 0:
      cpu.dr0 = value;
      break;
    case 1:
      cpu.dr1 = value;
      break;
    case 2:
      cpu.dr2 = value;
      break;
    case 3:
      cpu.dr3 = value;
      break;
    case 6:
      cpu.dr6 = Number((value & DR6_WRITABLE) | DR6_FIXED);
      break;
    default:
      vmx.vmwrite(VMCS.GUEST_DR7, (value & DR7_WRITABLE) | BigInt(DR7_FIXED));
  }
};
