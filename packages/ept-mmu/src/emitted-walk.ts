import { type HostMemory, type HostPhysicalAddress, OutOfHostMemoryError } from "@likex/host-memory";
import { reservedHigh } from "./address.ts";
import { BLOCK, EMITTED_MODE, EMITTED_RIGHTS, KEPT } from "./emitted-block.ts";
import { walkModule } from "./generated/walk-module.ts";
import type { GuestMmuConfiguration } from "./guest-mmu.ts";
import { CR0, CR4, EFER, PAGING_MODE, pagingModeOf } from "./paging-registers.ts";

const NO_EXECUTE = 1 << 31;

/** (block, linear low, linear high, ACCESS bits) to TRANSLATION.ok or pageFault, with the results in the block, or -1 for "ask translate". */
export type EmittedTranslate = (block: number, linearLow: number, linearHigh: number, access: number) => number;

/** The walk as WebAssembly, with the block of host memory that it works with. */
export class EmittedWalk {
  /** A function of WebAssembly over the arena, to be put into a table. */
  readonly translate: EmittedTranslate;
  /** Host address of the block, BLOCK. */
  readonly block: number;
  /** Its guest-physical translations. */
  readonly kept: Int32Array;
  readonly #memory: HostMemory;

  /** `block`: a frame of the arena, all zeros. */
  constructor(memory: HostMemory, block: HostPhysicalAddress) {
    this.#memory = memory;
    this.block = block;
    const kept = (block + BLOCK.kept) >> 2;
    this.kept = memory.i32.subarray(kept, kept + (KEPT.entries * KEPT.bytes) / 4);
    const noteWrite = (address: number): void => memory.noteWrite(address as HostPhysicalAddress);
    const instance = new WebAssembly.Instance(new WebAssembly.Module(walkModule()), {
      host: { memory: memory.memory, noteWrite },
    });
    this.translate = instance.exports.translate as EmittedTranslate;
  }

  /** `entryAccess`: what reading an entry asks of the EPT. */
  configure(configuration: GuestMmuConfiguration, physicalAddressWidth: number, entryAccess: number): void {
    const { cr0, cr3Low, cr4, efer } = configuration;
    const has = (value: number, bit: number, means: number): number => ((value & bit) !== 0 ? means : 0);
    const rights =
      has(cr0, CR0.wp, EMITTED_RIGHTS.writeProtects) |
      has(cr4, CR4.smap, EMITTED_RIGHTS.smap) |
      has(cr4, CR4.pse, EMITTED_RIGHTS.pages4M);
    this.#set(BLOCK.mode, modeOf(configuration));
    this.#set(BLOCK.root, cr3Low & ~0xfff);
    this.#set(BLOCK.reservedHigh, reservedHigh(physicalAddressWidth) | ((efer & EFER.nxe) !== 0 ? 0 : NO_EXECUTE));
    this.#set(BLOCK.rights, rights);
    this.#set(BLOCK.entryAccess, entryAccess);
    this.#set(BLOCK.directBytes, configuration.eptPointer === 0 ? this.#memory.bytes : 0);
  }

  #set(field: number, value: number): void {
    this.#memory.i32[(this.block + field) >> 2] = value;
  }
}

/** A frame for the block; undefined where the arena has none left. */
export function reserveBlock(memory: HostMemory): HostPhysicalAddress | undefined {
  try {
    return memory.allocateFrame();
  } catch (error) {
    if (error instanceof OutOfHostMemoryError) return undefined;
    throw error;
  }
}

/** EMITTED_MODE of registers: without protection keys, and with the root below 4 GiB. */
function modeOf(configuration: GuestMmuConfiguration): number {
  const { cr3High, cr4 } = configuration;
  const mode = pagingModeOf(configuration);
  if (mode === PAGING_MODE.bits32) return EMITTED_MODE.bits32;
  const isKnown = mode === PAGING_MODE.level4 && (cr4 & CR4.pke) === 0 && (cr3High & 0xfffff) === 0;
  return isKnown ? EMITTED_MODE.level4 : EMITTED_MODE.none;
}
