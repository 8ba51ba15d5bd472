import { ERRNO, KVM_IOCTL, kvm_regs, kvm_sregs, sizeOf } from "@likex/kvm-abi";
import { getRegs, setRegs } from "./registers.ts";
import { getSregs, setSregs } from "./special-registers.ts";
import { FileMapping, type UserMapping } from "./user-mapping.ts";
import type { IoctlArgument } from "./user-pointer.ts";
import type { Vcpu } from "./vcpu.ts";

const REGS_BYTES = sizeOf(kvm_regs);
const SREGS_BYTES = sizeOf(kvm_sregs);

/** KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS and KVM_SET_SREGS; undefined for another request. */
export const registerRequest = (vcpu: Vcpu, request: number, argument: IoctlArgument): number | undefined => {
  const { pointer } = vcpu.vm.kernel;
  switch (request) {
    case KVM_IOCTL.KVM_GET_REGS:
      pointer.bytes.fill(0, 0, REGS_BYTES);
      getRegs(vcpu, pointer.view);
      return pointer.copyOut(argument, REGS_BYTES) ? 0 : -ERRNO.EFAULT;
    case KVM_IOCTL.KVM_SET_REGS:
      if (!pointer.copyIn(argument, REGS_BYTES)) return -ERRNO.EFAULT;
      setRegs(vcpu, pointer.view);
      return 0;
    case KVM_IOCTL.KVM_GET_SREGS:
      pointer.bytes.fill(0, 0, SREGS_BYTES);
      getSregs(vcpu, pointer.view);
      return pointer.copyOut(argument, SREGS_BYTES) ? 0 : -ERRNO.EFAULT;
    case KVM_IOCTL.KVM_SET_SREGS:
      if (!pointer.copyIn(argument, SREGS_BYTES)) return -ERRNO.EFAULT;
      return setSregs(vcpu, pointer.view);
    default:
      return undefined;
  }
};

/** Maps a vCPU's run area, for which `file` is given another reference. A longer mapping has nothing behind its rest. */
export const mapRunArea = (vcpu: Vcpu, length: number, file: { get(): void; put(): void }): UserMapping => {
  file.get();
  return new FileMapping({
    address: vcpu.runAreaAddress,
    length,
    bytes: length < vcpu.runBytes.length ? vcpu.runBytes.subarray(0, length) : vcpu.runBytes,
    file,
  });
};
