import { type GuestProgram, loadElf, loadFlatBinary, loadMultiboot } from "@likex/loaders";
import type { Image } from "./config.ts";
import type { MemorySlot } from "./memory-layout.ts";

/** What the image puts in memory and how it is entered. @throws LoaderError (`@likex/loaders`). */
export function loadImage(image: Image, slots: readonly MemorySlot[]): GuestProgram {
  switch (image.format) {
    case "multiboot": {
      const writable = slots.filter(({ readOnly }) => readOnly !== true);
      const memory = writable.map(({ guestAddress, size }) => ({ address: guestAddress, length: size }));
      return loadMultiboot(image.bytes, { ...image, memory });
    }
    case "elf":
      return loadElf(image.bytes);
    default:
      return loadFlatBinary(image.bytes, image);
  }
}
