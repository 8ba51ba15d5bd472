import {
  EntryOutsideMemoryError,
  ImageOutsideMemoryError,
  InvalidMemorySlotError,
  OverlappingMemorySlotsError,
} from "./errors.ts";
import { hex } from "./hex.ts";

/** A memory slot: a run of guest-physical addresses backed by memory of the VMM. */
export interface MemorySlot {
  /** KVM's slot identifier, 0 to 32763. */
  readonly slot: number;
  /** Guest-physical address of the first byte; a multiple of 4096. */
  readonly guestAddress: number;
  /** Bytes; a positive multiple of 4096. */
  readonly size: number;
  /** The guest's writes leave the slot as it is and become MMIO exits (KVM_MEM_READONLY). Default false. */
  readonly readOnly?: boolean;
}

/** A part of a run of guest memory that lies in one slot. */
export interface SlotRange {
  /** Index in the list of slots that the layout was made from. */
  readonly index: number;
  /** Offset of the part in the slot, bytes. */
  readonly slotOffset: number;
  /** Offset of the part in the run, bytes. */
  readonly runOffset: number;
  /** Bytes. */
  readonly length: number;
}

const PAGE_BYTES = 4096;
const PHYSICAL_ADDRESS_END = 2 ** 52;
/** KVM_USER_MEM_SLOTS on x86-64: what KVM_CAP_NR_MEMSLOTS answers. */
const SLOT_IDENTIFIERS = 32764;

function checkSlot({ slot, guestAddress, size }: MemorySlot): void {
  const fail = (problem: string, remedy: string): never => {
    throw new InvalidMemorySlotError(`Memory slot ${slot}: ${problem}. ${remedy}.`);
  };
  if (!Number.isInteger(slot) || slot < 0 || slot >= SLOT_IDENTIFIERS) {
    fail("its identifier is not accepted by KVM", `Give an integer from 0 to ${SLOT_IDENTIFIERS - 1}`);
  }
  if (!Number.isSafeInteger(guestAddress) || guestAddress < 0 || guestAddress % PAGE_BYTES !== 0) {
    fail(`its guest address ${hex(guestAddress)} is not page-aligned`, "Give a multiple of 4096 (0x1000)");
  }
  if (!Number.isSafeInteger(size) || size <= 0 || size % PAGE_BYTES !== 0) {
    fail(`its size ${size} is not a whole number of pages`, "Give a positive multiple of 4096 (0x1000)");
  }
  if (guestAddress + size > PHYSICAL_ADDRESS_END) {
    fail(`it ends at ${hex(guestAddress + size)}, above the guest-physical address space`, "End below 2^52");
  }
}

const describe = (slot: MemorySlot): string =>
  `slot ${slot.slot} (${hex(slot.guestAddress)} to ${hex(slot.guestAddress + slot.size - 1)})`;

/** The checked memory slots of a virtual machine, and where an address lies in them. */
export class MemoryLayout {
  readonly slots: readonly MemorySlot[];
  readonly #byAddress: readonly number[];

  /** @throws InvalidMemorySlotError, OverlappingMemorySlotsError. */
  constructor(slots: readonly MemorySlot[]) {
    if (slots.length === 0) {
      throw new InvalidMemorySlotError("The virtual machine has no memory. Give at least one memory slot.");
    }
    const identifiers = new Set<number>();
    for (const slot of slots) {
      checkSlot(slot);
      if (identifiers.has(slot.slot)) {
        throw new OverlappingMemorySlotsError(
          `Memory slot ${slot.slot} is given twice. Give each slot its own identifier.`,
        );
      }
      identifiers.add(slot.slot);
    }
    this.slots = slots.map((slot) => ({ ...slot }));
    const start = (index: number): number => this.slots[index]?.guestAddress ?? 0;
    this.#byAddress = this.slots.map((_, index) => index).sort((a, b) => start(a) - start(b));
    this.#checkOverlaps();
  }

  #checkOverlaps(): void {
    let previous: MemorySlot | undefined;
    for (const index of this.#byAddress) {
      const slot = this.slots[index];
      if (slot === undefined) continue;
      if (previous !== undefined && previous.guestAddress + previous.size > slot.guestAddress) {
        throw new OverlappingMemorySlotsError(
          `Memory ${describe(previous)} and ${describe(slot)} overlap. Move or shrink one of them.`,
        );
      }
      previous = slot;
    }
  }

  /** The parts of `length` bytes at `address`, in address order; `undefined` when a byte of them is in no slot. */
  find(address: number, length: number): SlotRange[] | undefined {
    const ranges: SlotRange[] = [];
    let runOffset = 0;
    for (const index of this.#byAddress) {
      const slot = this.slots[index];
      if (runOffset === length || slot === undefined) break;
      const slotOffset = address + runOffset - slot.guestAddress;
      if (slotOffset < 0) return undefined;
      if (slotOffset >= slot.size) continue;
      const partLength = Math.min(length - runOffset, slot.size - slotOffset);
      ranges.push({ index, slotOffset, runOffset, length: partLength });
      runOffset += partLength;
    }
    return runOffset === length ? ranges : undefined;
  }

  /** As `find`, for a part of the program. @throws ImageOutsideMemoryError. */
  findImage(address: number, length: number): SlotRange[] {
    const ranges = this.find(address, length);
    if (ranges === undefined) {
      throw new ImageOutsideMemoryError(
        `The program takes ${length} bytes from ${hex(address)} to ${hex(address + length - 1)}, which is not all in ${this.#describe()}. Load it elsewhere or give more memory.`,
      );
    }
    return ranges;
  }

  /** @throws EntryOutsideMemoryError. */
  checkEntry(address: number): void {
    if (this.find(address, 1) === undefined) {
      throw new EntryOutsideMemoryError(
        `The entry ${hex(address)} is not in ${this.#describe()}. Enter where the program is.`,
      );
    }
  }

  #describe(): string {
    return `the memory: ${this.slots.map(describe).join(", ")}`;
  }
}
