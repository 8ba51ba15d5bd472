import { UsageError } from "../errors.ts";
import { parseAddress, parseSize } from "./numbers.ts";

/** What one `--slot` asks for. */
export interface SlotOption {
  readonly slot: number;
  readonly guestAddress: number;
  readonly size: number;
  readonly readOnly: boolean;
}

/** Reads ID=ADDRESS:SIZE, with :ro for a read-only slot. */
export function parseSlot(text: string): SlotOption {
  const [, slot, address, size, readOnly] = /^([^=:]+)=([^=:]+):([^=:]+)(:ro)?$/.exec(text) ?? [];
  if (slot === undefined || address === undefined || size === undefined) {
    throw new UsageError(
      `The slot "${text}" cannot be read. Write ID=ADDRESS:SIZE or ID=ADDRESS:SIZE:ro, such as 1=0x8000:4K:ro.`,
    );
  }
  return {
    slot: parseAddress("slot identifier", slot),
    guestAddress: parseAddress("slot address", address),
    size: parseSize("slot size", size),
    readOnly: readOnly !== undefined,
  };
}
