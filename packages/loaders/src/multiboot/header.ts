import { InvalidMultibootError, UnsupportedMultibootError } from "../errors.ts";

/** In the header that makes an image bootable (Multiboot Specification 0.6.96, 3.1.2). */
export const MULTIBOOT_HEADER_MAGIC = 0x1bad_b002;
/** In EAX when the program starts (3.2). */
export const MULTIBOOT_LOADER_MAGIC = 0x2bad_b002;

/** The header lies in this many first bytes of the image, aligned to 4 (3.1). */
const SEARCHED_BYTES = 8192;
const HEADER_BYTES = 12;
/** Header with the five address fields. */
const ADDRESSES_END = 32;

const FLAG = {
  pageAlignedModules: 1 << 0,
  memoryInformation: 1 << 1,
  videoMode: 1 << 2,
  addresses: 1 << 16,
} as const;
/** Of these a loader that does not know one must refuse the image. */
const REQUIREMENTS = 0xffff;
const MET_REQUIREMENTS = FLAG.pageAlignedModules | FLAG.memoryInformation;

/** Where to load an image that is not ELF: the "a.out kludge" (3.1.3). Physical addresses. */
export interface AddressFields {
  readonly headerAddress: number;
  readonly loadAddress: number;
  /** End of what is loaded; 0: the rest of the file. */
  readonly loadEndAddress: number;
  /** End of the zeroed memory behind it; 0: there is none. */
  readonly bssEndAddress: number;
  readonly entryAddress: number;
}

export interface MultibootHeader {
  /** Offset in the image. */
  readonly offset: number;
  /** There when bit 16 of the flags is set: then they go before what an ELF header says. */
  readonly addresses: AddressFields | undefined;
}

function findHeader(view: DataView): number | undefined {
  const end = Math.min(view.byteLength, SEARCHED_BYTES);
  for (let at = 0; at + HEADER_BYTES <= end; at += 4) {
    if (view.getUint32(at, true) !== MULTIBOOT_HEADER_MAGIC) continue;
    // Magic, flags and checksum add up to zero. A magic number without that may be any code or data.
    const sum = MULTIBOOT_HEADER_MAGIC + view.getUint32(at + 4, true) + view.getUint32(at + 8, true);
    if (sum % 2 ** 32 === 0) return at;
  }
  return undefined;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Whether an image can be given to `loadMultiboot`. */
export function hasMultibootHeader(bytes: Uint8Array): boolean {
  return findHeader(viewOf(bytes)) !== undefined;
}

/** @throws InvalidMultibootError, UnsupportedMultibootError. */
export function readMultibootHeader(bytes: Uint8Array): MultibootHeader {
  const view = viewOf(bytes);
  const offset = findHeader(view);
  if (offset === undefined) {
    throw new InvalidMultibootError(
      "The image has no multiboot header (1badb002, flags and checksum) in its first 8192 bytes. Give a kernel that was built for multiboot 1.",
    );
  }
  const flags = view.getUint32(offset + 4, true);
  const unmet = flags & REQUIREMENTS & ~MET_REQUIREMENTS;
  if (unmet !== 0) {
    const what = (unmet & FLAG.videoMode) !== 0 ? "a video mode, and this machine has no display" : "unknown features";
    throw new UnsupportedMultibootError(
      `The image's multiboot header demands ${what} (flags 0x${flags.toString(16)}). Build it without that.`,
    );
  }
  if ((flags & FLAG.addresses) === 0) return { offset, addresses: undefined };
  if (offset + ADDRESSES_END > view.byteLength) {
    throw new InvalidMultibootError(
      "The image ends within its multiboot header. It is truncated; get a complete copy.",
    );
  }
  const field = (at: number): number => view.getUint32(offset + at, true);
  return {
    offset,
    addresses: {
      headerAddress: field(12),
      loadAddress: field(16),
      loadEndAddress: field(20),
      bssEndAddress: field(24),
      entryAddress: field(28),
    },
  };
}
