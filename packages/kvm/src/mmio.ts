import { ACCESS, type Cpu, MMIO_RESULT, STOP } from "@likex/cpu-executor";
import { ERRNO, KVM_EXIT } from "@likex/kvm-abi";
import { VMCS } from "@likex/vmx";
import type { DeviceMemory } from "./emulation-mmu.ts";
import { emulationFailure } from "./exits/emulation-failure.ts";
import { injectException, NEXT, RFLAGS_RF } from "./exits/exit.ts";
import { GPR } from "./gpr.ts";
import type { MmioFragment, MmioState } from "./mmio-state.ts";
import { RUN } from "./run-area.ts";
import { PENDING, type Vcpu } from "./vcpu.ts";
import { MAP_RESULT, type Vm } from "./vm.ts";

const FRAGMENT_BYTES = 8;

/** Device memory as one instruction of one vCPU sees it. */
export class VcpuDevices implements DeviceMemory {
  readonly #vm: Vm;
  readonly #state: MmioState;
  /** MAP_RESULT of the last page that memory stands behind but that could not be had. */
  failure: number = MAP_RESULT.mapped;

  constructor(vm: Vm, state: MmioState) {
    this.#vm = vm;
    this.#state = state;
  }

  mapPage(guestPhysical: number, access: number): boolean {
    const result = this.#vm.mapPage(guestPhysical, access === ACCESS.write ? "write" : "read");
    if (result !== MAP_RESULT.mapped && result !== MAP_RESULT.noMemory) this.failure = result;
    return result === MAP_RESULT.mapped;
  }

  read(guestPhysical: number, size: number, data: Uint8Array): number {
    const state = this.#state;
    for (let done = 0; done < size; done += FRAGMENT_BYTES) {
      const wanted = { guestPhysical: guestPhysical + done, size: Math.min(FRAGMENT_BYTES, size - done) };
      const answer = state.answerTo(wanted);
      if (answer === undefined) {
        state.wanted = wanted;
        return MMIO_RESULT.stop;
      }
      data.set(answer.data, done);
    }
    return MMIO_RESULT.done;
  }

  restart(): void {
    this.#state.restart();
  }

  write(guestPhysical: number, size: number, data: Uint8Array): number {
    for (let done = 0; done < size; done += FRAGMENT_BYTES) {
      const end = Math.min(size, done + FRAGMENT_BYTES);
      this.#state.writes.push({ guestPhysical: guestPhysical + done, size: end - done, data: data.slice(done, end) });
    }
    return MMIO_RESULT.done;
  }
}

const ALL_EXCEPTIONS = 0xffffffff;

/**
 * Executes the instruction at RIP with the accesses to device memory going to the VMM. A read exits before the
 * instruction is done, RIP at it; a write when it is done, RIP past it.
 */
export const emulateMmio = (vcpu: Vcpu): number => {
  const { cpu, vmx, mmu } = vcpu.vm.processor;
  const state = vcpu.mmio;
  const devices = new VcpuDevices(vcpu.vm, state);
  state.restart();
  // The EPT violation saved RF for an instruction that would be fetched again; here it is not.
  vmx.vmwriteNumber(VMCS.GUEST_RFLAGS, vmx.vmread32(VMCS.GUEST_RFLAGS) & ~RFLAGS_RF);
  vmx.loadGuestState();
  const count = cpu.getRegister(GPR.rcx);
  const destination = cpu.getRegister(GPR.rdi);
  mmu.devices = devices;
  // The next VM entry sets both again. Whatever the instruction raises is injected by that entry.
  cpu.exceptionBitmap = ALL_EXCEPTIONS;
  cpu.windowRequest = 0;
  const stop = cpu.run(1);
  mmu.devices = undefined;
  if (devices.failure !== MAP_RESULT.mapped) {
    return devices.failure === MAP_RESULT.outOfMemory ? -ERRNO.ENOMEM : -ERRNO.EFAULT;
  }
  switch (stop) {
    case STOP.budget:
      if (state.writes.length > 0 && isRepetition(cpu, count, destination)) suspendRepetition(vcpu);
      else vmx.saveGuestState();
      state.finish();
      return completeMmioWrites(vcpu);
    case STOP.mmio:
      return exitMmioRead(vcpu);
    case STOP.exception: {
      const { vector, errorCode } = cpu.stop;
      vmx.saveGuestState();
      state.finish();
      injectException(vmx, vector, errorCode < 0 ? undefined : errorCode);
      // A single-step trap comes after an instruction that may have written.
      return completeMmioWrites(vcpu);
    }
    default:
      state.finish();
      return emulationFailure(vcpu);
  }
};

/** Of what writes memory only REP MOVS and REP STOS count RCX down and move RDI: one element of theirs is done. */
const isRepetition = (cpu: Cpu, count: bigint, destination: bigint): boolean =>
  count - cpu.getRegister(GPR.rcx) === 1n && destination !== cpu.getRegister(GPR.rdi);

/** RIP stays at the instruction, after its last element too: it ends when it is met with RCX 0. */
const suspendRepetition = (vcpu: Vcpu): void => {
  const { vmx } = vcpu.vm.processor;
  const rip = vmx.vmread(VMCS.GUEST_RIP);
  vmx.saveGuestState();
  if (rip !== undefined) vmx.vmwrite(VMCS.GUEST_RIP, rip);
  vmx.vmwriteNumber(VMCS.GUEST_RFLAGS, vmx.vmread32(VMCS.GUEST_RFLAGS) | RFLAGS_RF);
};

/** Takes the data of the read that the VMM has answered, and goes on with the instruction. */
export const completeMmioRead = (vcpu: Vcpu): number => {
  const { wanted, reads } = vcpu.mmio;
  if (wanted === undefined) return NEXT.resume;
  const at = RUN.mmioData;
  reads.push({ ...wanted, data: vcpu.runBytes.slice(at, at + wanted.size) });
  return emulateMmio(vcpu);
};

/** Hands over the next write of a finished instruction, if there is one. */
export const completeMmioWrites = (vcpu: Vcpu): number => {
  const write = vcpu.mmio.writes.shift();
  if (write === undefined) return NEXT.resume;
  vcpu.pending = PENDING.mmioWrites;
  return exitMmio(vcpu, write, 1);
};

const exitMmioRead = (vcpu: Vcpu): number => {
  const { wanted } = vcpu.mmio;
  if (wanted === undefined) return emulationFailure(vcpu);
  vcpu.pending = PENDING.mmioRead;
  return exitMmio(vcpu, { ...wanted, data: new Uint8Array(FRAGMENT_BYTES) }, 0);
};

/**
 * The exit of a hypervisor that emulates no instructions: the address and the direction, no data (length 0). The VMM
 * reads the instruction at RIP, carries it out on the registers and moves RIP.
 */
export const reportMmio = (vcpu: Vcpu, guestPhysical: number, isWrite: boolean): number =>
  exitMmio(vcpu, { guestPhysical, size: 0, data: new Uint8Array(FRAGMENT_BYTES) }, isWrite ? 1 : 0);

const exitMmio = (vcpu: Vcpu, { guestPhysical, size, data }: MmioFragment, isWrite: number): number => {
  const { kernel } = vcpu.vm;
  const { u8, u32 } = kernel.memory;
  const area = vcpu.runArea;
  u32[(area + RUN.exitReason) >> 2] = KVM_EXIT.MMIO;
  u32[(area + RUN.mmioPhysAddr) >> 2] = guestPhysical;
  u32[(area + RUN.mmioPhysAddr + 4) >> 2] = Math.floor(guestPhysical / 0x1_0000_0000);
  u8.fill(0, area + RUN.mmioData, area + RUN.mmioData + FRAGMENT_BYTES);
  u8.set(data, area + RUN.mmioData);
  u32[(area + RUN.mmioLen) >> 2] = size;
  u8[area + RUN.mmioIsWrite] = isWrite;
  kernel.trace?.({ type: "handle_mmio", physAddr: guestPhysical, length: size, isWrite: isWrite !== 0 });
  return NEXT.user;
};
