import type { EmulatedKvm, UserMapping } from "@likex/kvm";
import {
  bytesOf,
  create,
  KVM_EXIT,
  KVM_IOCTL,
  kvm_regs,
  kvm_run,
  kvm_sregs,
  kvm_userspace_memory_region,
  view,
} from "@likex/kvm-abi";
import type { Random } from "./random.ts";
import type { CpuStateImage } from "./state.ts";

const RUN_BYTES = 12288;
const SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs", "ldt", "tr"] as const;
const GENERAL = [
  ...["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"],
] as const;

const number = (text: string | undefined): bigint => BigInt(`0x${text ?? 0}`);

/** A VM with one vCPU and one memory slot at address 0, in system calls. */
export class KvmGuest {
  readonly memory: UserMapping;
  readonly #kvm: EmulatedKvm;
  readonly #vcpu: number;
  readonly #area: UserMapping;
  readonly #run: kvm_run;

  constructor(kvm: EmulatedKvm, bytes: number) {
    const system = kvm.open("/dev/kvm");
    const vm = kvm.ioctl(system, KVM_IOCTL.KVM_CREATE_VM, 0);
    this.#kvm = kvm;
    this.memory = kvm.mmap(-1, bytes) as UserMapping;
    const region = { slot: 0, memory_size: BigInt(bytes), userspace_addr: this.memory.address };
    kvm.ioctl(vm, KVM_IOCTL.KVM_SET_USER_MEMORY_REGION, bytesOf(create(kvm_userspace_memory_region, region)));
    this.#vcpu = kvm.ioctl(vm, KVM_IOCTL.KVM_CREATE_VCPU, 0);
    this.#area = kvm.mmap(this.#vcpu, RUN_BYTES) as UserMapping;
    this.#run = view(kvm_run, this.#area.bytes as Uint8Array);
  }

  /** KVM_RUN: 0 or the negated errno. */
  run(): number {
    return this.#kvm.ioctl(this.#vcpu, KVM_IOCTL.KVM_RUN, 0);
  }

  get exitReason(): number {
    return this.#run.exit_reason;
  }

  get rax(): bigint {
    const regs = create(kvm_regs);
    this.#kvm.ioctl(this.#vcpu, KVM_IOCTL.KVM_GET_REGS, bytesOf(regs));
    return regs.rax;
  }

  /** Real mode at address 0, whatever was before. */
  reset(): void {
    const sregs = this.#sregs();
    sregs.cs.base = 0n;
    sregs.cs.selector = 0;
    this.#kvm.ioctl(this.#vcpu, KVM_IOCTL.KVM_SET_SREGS, bytesOf(sregs));
    this.#kvm.ioctl(this.#vcpu, KVM_IOCTL.KVM_SET_REGS, bytesOf(create(kvm_regs, { rflags: 2n })));
  }

  /** Puts as much of a state into the vCPU as KVM's registers hold; 0 or the first negated errno. */
  setState(image: CpuStateImage, random: Random): number {
    const sregs = this.#sregs();
    for (const [index, name] of SEGMENTS.entries()) {
      const { selector, base, limit, accessRights } = image.segments[index]!;
      const segment = sregs[name];
      segment.base = number(base);
      segment.limit = limit;
      segment.selector = selector & 0xffff;
      segment.type = accessRights & 15;
      segment.s = (accessRights >> 4) & 1;
      segment.dpl = (accessRights >> 5) & 3;
      segment.present = (accessRights >> 7) & 1;
      segment.avl = (accessRights >> 12) & 1;
      segment.l = (accessRights >> 13) & 1;
      segment.db = (accessRights >> 14) & 1;
      segment.g = (accessRights >> 15) & 1;
      segment.unusable = (accessRights >> 16) & 1;
    }
    sregs.gdt.base = number(image.gdtr.base);
    sregs.gdt.limit = image.gdtr.limit;
    sregs.idt.base = number(image.idtr.base);
    sregs.idt.limit = image.idtr.limit;
    sregs.cr0 = BigInt(image.cr0 >>> 0);
    sregs.cr2 = number(image.cr2);
    sregs.cr3 = number(image.cr3);
    sregs.cr4 = BigInt(image.cr4 >>> 0);
    sregs.cr8 = BigInt(image.cr8);
    sregs.efer = BigInt(image.efer);
    if (random.chance(4)) sregs.interrupt_bitmap[random.below(4)] = 1n << BigInt(random.below(64));
    const taken = this.#kvm.ioctl(this.#vcpu, KVM_IOCTL.KVM_SET_SREGS, bytesOf(sregs));
    if (taken !== 0) return taken;
    const regs = create(kvm_regs, { rip: number(image.rip), rflags: BigInt(image.rflags >>> 0) });
    for (const [index, name] of GENERAL.entries()) Object.assign(regs, { [name]: number(image.general[index]) });
    return this.#kvm.ioctl(this.#vcpu, KVM_IOCTL.KVM_SET_REGS, bytesOf(regs));
  }

  /** Answers the exit as a VMM does, with random data. */
  answer(random: Random): void {
    const bytes = this.#area.bytes as Uint8Array;
    if (this.exitReason === KVM_EXIT.IO) {
      const { data_offset, size, count } = this.#run.io;
      const at = Number(data_offset);
      for (let i = 0; i < size * count; i++) bytes[at + i] = random.below(256);
    } else if (this.exitReason === KVM_EXIT.MMIO) {
      for (let i = 0; i < 8; i++) this.#run.mmio.data[i] = random.below(256);
    }
  }

  #sregs(): kvm_sregs {
    const sregs = create(kvm_sregs);
    this.#kvm.ioctl(this.#vcpu, KVM_IOCTL.KVM_GET_SREGS, bytesOf(sregs));
    return sregs;
  }
}
