import { checkPhysicalAddress } from "./address.ts";
import { EntryUnreachableError } from "./errors.ts";
import type { RealModeEntry } from "./program.ts";

const SEGMENT_BYTES = 0x1_0000;
/** CS.base has 32 bits outside 64-bit mode (SDM Vol 3C 27.3.1.2: bits 63:32 must be zero). */
const CODE_BASE_END = 2 ** 32;

/**
 * Expresses a guest-physical address as CS and IP of real-address mode.
 *
 * In the lowest 64 KiB CS is 0, so that IP equals the address. Above, CS.base is the address rounded down to 64 KiB.
 * From 1 MiB on no selector can express that base; the processor keeps it in the descriptor cache all the same, as it
 * does with the reset vector (base 0xffff0000, selector 0xf000; SDM Vol 3A 10.1.4), until the guest loads CS.
 *
 * @throws InvalidAddressError for what is no address, EntryUnreachableError from 4 GiB on.
 */
export function realModeEntry(address: number): RealModeEntry {
  checkPhysicalAddress("entry", address);
  if (address >= CODE_BASE_END) {
    throw new EntryUnreachableError(
      `The entry 0x${address.toString(16)} is at or above 4 GiB, where real-address mode cannot fetch. Load and enter the program below 0x100000000.`,
    );
  }
  const instructionPointer = address % SEGMENT_BYTES;
  const codeBase = address - instructionPointer;
  return { mode: "real", address, codeSelector: (codeBase >>> 4) & 0xffff, codeBase, instructionPointer };
}
