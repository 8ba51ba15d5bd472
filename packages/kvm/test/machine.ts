import {
  bytesOf,
  create,
  KVM_IOCTL,
  kvm_regs,
  kvm_run,
  kvm_sregs,
  kvm_userspace_memory_region,
  view,
} from "@likex/kvm-abi";
import { EmulatedKvm, type EmulatedKvmOptions, type UserMapping } from "../src/index.ts";

export type PersonalityName = "kvm" | "rust_kvm";

/** README's program of LiKeX: mov dx,3f8; add al,bl; add al,'0'; out; mov al,'\n'; out; hlt. */
export const SEED = [0xba, 0xf8, 0x03, 0x00, 0xd8, 0x04, 0x30, 0xee, 0xb0, 0x0a, 0xee, 0xf4];

export const bytes = (hex: string): number[] =>
  hex
    .trim()
    .split(/\s+/)
    .map((byte) => Number.parseInt(byte, 16));

export interface Registers {
  rip?: bigint;
  rax?: bigint;
  rbx?: bigint;
  rcx?: bigint;
  rdx?: bigint;
  rsi?: bigint;
  rdi?: bigint;
  rsp?: bigint;
  rflags?: bigint;
}

export interface MachineOptions extends EmulatedKvmOptions {
  personality?: PersonalityName;
  /** An existing driver. */
  kvm?: EmulatedKvm;
  /** Guest address of the code, and RIP. */
  at?: number;
  registers?: Registers;
}

/** One VM with one vCPU over either device file, in system calls. */
export class Machine {
  readonly kvm: EmulatedKvm;
  readonly system: number;
  readonly vm: number;
  readonly vcpu: number;
  readonly area: UserMapping;
  readonly run: kvm_run;
  readonly memory: UserMapping;

  constructor(code: readonly number[], options: MachineOptions = {}) {
    const { personality = "kvm", at = 0, registers = {}, kvm, ...rest } = options;
    this.kvm = kvm ?? EmulatedKvm.create({ memoryBytes: 4 << 20, ...rest });
    this.system = this.kvm.open(personality === "kvm" ? "/dev/kvm" : "/dev/rust_kvm");
    const shared = personality === "rust_kvm";
    const vm = this.kvm.ioctl(this.system, KVM_IOCTL.KVM_CREATE_VM, 0);
    this.vm = shared ? this.system : vm;
    this.memory = this.anonymous(0x10000);
    this.memory.write(at, Uint8Array.from(code));
    this.region({ slot: 0, memory_size: 0x4000n, userspace_addr: this.memory.address });
    const vcpu = this.kvm.ioctl(this.vm, KVM_IOCTL.KVM_CREATE_VCPU, 0);
    this.vcpu = shared ? this.system : vcpu;
    this.area = this.kvm.mmap(this.vcpu, shared ? 4096 : 12288) as UserMapping;
    this.run = view(kvm_run, this.area.bytes as Uint8Array);
    const sregs = this.sregs();
    sregs.cs.base = 0n;
    sregs.cs.selector = 0;
    this.kvm.ioctl(this.vcpu, KVM_IOCTL.KVM_SET_SREGS, bytesOf(sregs));
    this.setRegs({ rip: BigInt(at), rflags: 2n, ...registers });
  }

  /** Another VM over the same driver. */
  sibling(code: readonly number[], registers: Registers): Machine {
    return new Machine(code, { kvm: this.kvm, registers });
  }

  anonymous(length: number): UserMapping {
    return this.kvm.mmap(-1, length) as UserMapping;
  }

  region(init: Parameters<typeof create<"kvm_userspace_memory_region">>[1]): number {
    return this.kvm.ioctl(
      this.vm,
      KVM_IOCTL.KVM_SET_USER_MEMORY_REGION,
      bytesOf(create(kvm_userspace_memory_region, init)),
    );
  }

  /** KVM_RUN: the exit reason, or the negated errno. */
  step(): number {
    const result = this.kvm.ioctl(this.vcpu, KVM_IOCTL.KVM_RUN, 0);
    return result === 0 ? this.run.exit_reason : result;
  }

  regs(): kvm_regs {
    const regs = create(kvm_regs);
    this.kvm.ioctl(this.vcpu, KVM_IOCTL.KVM_GET_REGS, bytesOf(regs));
    return regs;
  }

  setRegs(values: Registers): void {
    this.kvm.ioctl(this.vcpu, KVM_IOCTL.KVM_SET_REGS, bytesOf(create(kvm_regs, values)));
  }

  sregs(): kvm_sregs {
    const sregs = create(kvm_sregs);
    this.kvm.ioctl(this.vcpu, KVM_IOCTL.KVM_GET_SREGS, bytesOf(sregs));
    return sregs;
  }

  /** The data of a port exit, live. */
  get ioData(): Uint8Array {
    const { io } = this.run;
    return (this.area.bytes as Uint8Array).subarray(
      Number(io.data_offset),
      Number(io.data_offset) + io.size * io.count,
    );
  }

  /** The exit as one comparable object. */
  describe(): object {
    const { io, mmio } = this.run;
    if (this.run.exit_reason === 2) {
      const { direction, size, port, count } = io;
      return { io: direction === 1 ? "out" : "in", size, port, count, data: [...this.ioData] };
    }
    if (this.run.exit_reason === 6) {
      const { phys_addr, len, is_write } = mmio;
      const data = Array.from({ length: len }, (_, index) => mmio.data[index]);
      return { mmio: is_write ? "write" : "read", at: phys_addr, data: is_write ? data : len };
    }
    return { reason: this.run.exit_reason };
  }
}
