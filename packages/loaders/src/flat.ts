import { checkPhysicalAddress, PHYSICAL_ADDRESS_END } from "./address.ts";
import { EmptyImageError, ImageTooLargeError } from "./errors.ts";
import type { GuestProgram, RealModeEntry } from "./program.ts";
import { realModeEntry } from "./real-mode.ts";

export interface FlatBinaryOptions {
  /** Guest-physical address of the first byte. Default 0. */
  readonly loadAddress?: number;
  /** Guest-physical address of the first instruction. Default: the load address. */
  readonly entry?: number;
}

/**
 * A flat binary: bytes that are copied to memory as they are and entered in real-address mode.
 *
 * @throws EmptyImageError, InvalidAddressError, ImageTooLargeError, EntryUnreachableError.
 */
export function loadFlatBinary(bytes: Uint8Array, options: FlatBinaryOptions = {}): GuestProgram<RealModeEntry> {
  const loadAddress = options.loadAddress ?? 0;
  if (bytes.length === 0) {
    throw new EmptyImageError("The flat binary is empty. Give a file with at least one instruction.");
  }
  checkPhysicalAddress("load address", loadAddress);
  if (loadAddress + bytes.length > PHYSICAL_ADDRESS_END) {
    throw new ImageTooLargeError(
      `The flat binary of ${bytes.length} bytes at 0x${loadAddress.toString(16)} ends above the guest-physical address space. Load it at a lower address.`,
    );
  }
  const segments = [{ address: loadAddress, bytes, memorySize: bytes.length }];
  return { segments, entry: realModeEntry(options.entry ?? loadAddress) };
}
