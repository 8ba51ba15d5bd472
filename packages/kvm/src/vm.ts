import { TdpMmu } from "@likex/ept-mmu";
import { type HostPhysicalAddress, type HostVirtualAddress, hva, OutOfHostMemoryError } from "@likex/host-memory";
import { KVM_MEM } from "@likex/kvm-abi";
import { INVEPT_TYPE, VMX_MSR } from "@likex/vmx";
import type { Kernel } from "./kernel.ts";
import { type MemoryRegion, type Memslot, Memslots } from "./memslots.ts";
import type { Personality } from "./personality.ts";
import type { Processor } from "./processor.ts";
import type { Vcpu } from "./vcpu.ts";

const PAGE = 4096;
const EPT_CAP_EXECUTE_ONLY = 1n << 0n;
const EPT_CAP_ACCESSED_DIRTY = 1n << 21n;

/** What `mapPage` found at a guest-physical address. */
export const MAP_RESULT = { mapped: 0, noMemory: 1, badUserAddress: 2, outOfMemory: 3 } as const;

/**
 * A virtual machine: its memory slots, the EPT that maps them, its vCPUs. It lives as long as a file of it or of one
 * of its vCPUs does.
 */
export class Vm {
  readonly kernel: Kernel;
  readonly processor: Processor;
  readonly slots: Memslots = new Memslots();
  /** By id; an id stays taken when the vCPU's file is closed. */
  readonly vcpus: Map<number, Vcpu> = new Map();
  #tdp: TdpMmu | undefined;
  #references = 1;
  #inveptNeeded = false;
  #destroyed = false;

  constructor(kernel: Kernel, personality: Personality) {
    this.kernel = kernel;
    this.processor = kernel.processor(personality);
    this.processor.addVm();
    kernel.addVm(this);
  }

  get(): void {
    this.#references++;
  }

  put(): void {
    this.#references--;
    if (this.#references === 0) this.destroy();
  }

  /** The EPT; its root is made for the first vCPU. */
  tdp(): TdpMmu {
    if (this.#tdp !== undefined) return this.#tdp;
    const { personality, vmx } = this.processor;
    const { trace } = this.kernel;
    this.#tdp = new TdpMmu(this.kernel.memory, {
      format: personality.spteFormat,
      ...(trace === undefined ? {} : { trace }),
    });
    if (trace !== undefined) {
      const capability = vmx.readMsr(VMX_MSR.IA32_VMX_EPT_VPID_CAP) ?? 0n;
      trace({
        type: "mmu_create",
        rootHpa: this.#tdp.rootHpa,
        adDisabled: (capability & EPT_CAP_ACCESSED_DIRTY) === 0n,
        executeOnly: (capability & EPT_CAP_EXECUTE_ONLY) !== 0n,
      });
    }
    return this.#tdp;
  }

  /** KVM_SET_USER_MEMORY_REGION: 0 or the negated errno. */
  setMemoryRegion(region: MemoryRegion): number {
    const change = this.slots.set(region);
    this.kernel.trace?.({
      type: "memory_region",
      slot: region.slot,
      flags: region.flags,
      guestPhysAddr: region.guestPhysAddr,
      pages: Math.floor(region.memorySize / PAGE),
      userspaceAddr: region.userspaceAddr,
      result: typeof change === "number" ? change : 0,
    });
    if (typeof change === "number") return change;
    if (change.removed !== undefined) this.#zap(change.removed.baseGfn, change.removed.pages);
    return 0;
  }

  /** Maps the page of a guest-physical address for a read, fetch or (`write`) write; a MAP_RESULT. */
  mapPage(guestPhysical: number, access: "read" | "write"): number {
    try {
      return this.#mapPage(guestPhysical, access);
    } catch (error) {
      if (error instanceof OutOfHostMemoryError) return MAP_RESULT.outOfMemory;
      throw error;
    }
  }

  #mapPage(guestPhysical: number, access: "read" | "write"): number {
    const gfn = Math.floor(guestPhysical / PAGE);
    const slot = this.slots.find(gfn);
    if (slot === undefined) return MAP_RESULT.noMemory;
    const readOnly = isReadOnly(slot);
    if (readOnly && access === "write") return MAP_RESULT.noMemory;
    const { space, trace } = this.kernel;
    const page = space.translatePage(userAddress(slot, gfn), access);
    if (page === undefined) return MAP_RESULT.badUserAddress;
    const writable = page.writable && !readOnly;
    const pfn = page.hpa / PAGE;
    trace?.({ type: "page_fault", gfn, pfn, writable });
    const tdp = this.tdp();
    // An entry that was present may be cached by the processor; one that was not cannot be.
    if (tdp.lookup(gfn) !== 0n) this.#inveptNeeded = true;
    tdp.map(gfn, pfn, { write: writable, execute: true });
    this.#invalidate();
    return MAP_RESULT.mapped;
  }

  /** Host-physical address of a guest-physical page, for the hypervisor's own reads; undefined where there is no memory. */
  pageForRead(guestPhysical: number): HostPhysicalAddress | undefined {
    const gfn = Math.floor(guestPhysical / PAGE);
    const slot = this.slots.find(gfn);
    return slot === undefined ? undefined : this.kernel.space.translatePage(userAddress(slot, gfn), "read")?.hpa;
  }

  /** User memory at [start, end) has changed its frames or is gone: no guest may reach the old ones. */
  invalidateUserRange(start: number, end: number): void {
    for (const slot of this.slots.all) {
      const from = Math.max(start, slot.userspaceAddr);
      const to = Math.min(end, slot.userspaceAddr + slot.pages * PAGE);
      if (from >= to) continue;
      const first = Math.floor((from - slot.userspaceAddr) / PAGE);
      const last = Math.ceil((to - slot.userspaceAddr) / PAGE);
      this.#zap(slot.baseGfn + first, last - first);
    }
  }

  #zap(gfn: number, pages: number): void {
    if (this.#tdp === undefined) return;
    this.#tdp.zap(gfn, pages);
    this.#inveptNeeded = true;
    this.#invalidate();
  }

  #invalidate(): void {
    if (!this.#inveptNeeded || this.#tdp === undefined) return;
    this.#inveptNeeded = false;
    this.processor.vmx.invept(INVEPT_TYPE.singleContext, this.#tdp.eptPointer);
  }

  /** Frees everything, whoever still refers to it. A second call does nothing. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    const { trace } = this.kernel;
    this.kernel.removeVm(this);
    for (const vcpu of this.vcpus.values()) vcpu.destroy();
    this.vcpus.clear();
    this.#inveptNeeded = true;
    this.#invalidate();
    this.#tdp?.dispose();
    this.#tdp = undefined;
    trace?.({ type: "guest_dropped" });
    this.processor.removeVm();
  }
}

const isReadOnly = (slot: Memslot): boolean => (slot.flags & KVM_MEM.READONLY) !== 0;

const userAddress = (slot: Memslot, gfn: number): HostVirtualAddress =>
  hva(slot.userspaceAddr + (gfn - slot.baseGfn) * PAGE);
