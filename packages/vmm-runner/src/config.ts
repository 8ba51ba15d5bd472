import type { MmioHandler, MmioRange, PortHandler, PortRange } from "@likex/devices";
import type { CpuidEntry, VcpuExit } from "@likex/kvm-client";
import type { MultibootModule } from "@likex/loaders";
import type { Console, InputSource } from "./console.ts";
import type { MemorySlot } from "./memory-layout.ts";
import type { RegisterValues } from "./registers.ts";

/** Which of the two KVM device files: Linux's `/dev/kvm`, or LiKeX's `/dev/rust_kvm`. */
export type Personality = "kvm" | "rust_kvm";

/** A flat binary, entered in real-address mode. */
export interface FlatImage {
  readonly format?: "flat";
  readonly bytes: Uint8Array;
  /** Guest-physical address of the first byte. Default 0. */
  readonly loadAddress?: number;
  /** Guest-physical address of the first instruction, below 4 GiB. Default: the load address. */
  readonly entry?: number;
}

/** A multiboot 1 kernel, entered in 32-bit protected mode with its information structure in memory. */
export interface MultibootImage {
  readonly format: "multiboot";
  readonly bytes: Uint8Array;
  /** Default empty. */
  readonly commandLine?: string;
  readonly modules?: readonly MultibootModule[];
}

/** An ELF program without a boot protocol, entered in 32-bit protected mode with all general registers 0. */
export interface ElfImage {
  readonly format: "elf";
  readonly bytes: Uint8Array;
}

export type Image = FlatImage | MultibootImage | ElfImage;

/** What {@link MicroVm.create} builds. */
export interface MicroVmConfig {
  readonly image: Image;
  /** Default `kvm`. */
  readonly personality?: Personality;
  /** Default: slot 0, 64 KiB at address 0. */
  readonly memory?: readonly MemorySlot[];
  /** Over what the image's entry sets; a general register that neither names is 0, RFLAGS is 2. */
  readonly registers?: RegisterValues;
  /**
   * What the guest's CPUID answers, made from what the driver supports with the vCPU's APIC id filled in. Default: that.
   * Not on `/dev/rust_kvm`, whose guests always see the processor's own.
   */
  readonly cpuid?: (supported: readonly CpuidEntry[]) => readonly CpuidEntry[];
  /** What the guest's output becomes. Default: `serial` on `/dev/kvm`, `likex` on `/dev/rust_kvm`. */
  readonly console?: Console;
  /**
   * What the other end of the `serial` console's line sends: asked for the next byte when the guest reads a register of the
   * UART that has room for it. Default: nothing.
   */
  readonly input?: InputSource;
  /** Bytes of output that a result keeps. Default 1 MiB. */
  readonly outputLimit?: number;
  /** Told each piece of output as it comes. The bytes are valid during the call. */
  readonly onOutput?: (bytes: Uint8Array) => void;
  /** Told each exit before it is handled. The object is reused for the next one. */
  readonly onExit?: (exit: VcpuExit) => void;
  /** First of the four ports of a debug-exit device (`DebugExit` of `@likex/devices`). Default: there is none. */
  readonly debugExitPort?: number;
  readonly ports?: readonly PortDevice[];
  readonly mmio?: readonly MmioDevice[];
}

/** A device and its ports. */
export interface PortDevice extends PortRange {
  readonly handler: PortHandler;
}

/** A device and its guest-physical addresses. */
export interface MmioDevice extends MmioRange {
  readonly handler: MmioHandler;
}

export const DEFAULT_MEMORY: readonly MemorySlot[] = [{ slot: 0, guestAddress: 0, size: 0x1_0000 }];
export const DEFAULT_OUTPUT_LIMIT: number = 1 << 20;
