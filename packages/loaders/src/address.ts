import { InvalidAddressError } from "./errors.ts";

/** First address after guest-physical address space: x86-64 has at most 52 physical address bits (SDM Vol 3A 4.1.4). */
export const PHYSICAL_ADDRESS_END: number = 2 ** 52;

export function checkPhysicalAddress(what: string, address: number): void {
  if (!Number.isSafeInteger(address) || address < 0 || address >= PHYSICAL_ADDRESS_END) {
    throw new InvalidAddressError(
      `The ${what} is ${address}, which is no guest-physical address. Give an integer from 0 to 2^52 - 1.`,
    );
  }
}
