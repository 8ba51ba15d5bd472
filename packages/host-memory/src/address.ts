declare const hpaBrand: unique symbol;
declare const hvaBrand: unique symbol;

/** Host-physical address: a byte offset in the arena. 0 means none: the first frame is never handed out. */
export type HostPhysicalAddress = number & { readonly [hpaBrand]: true };

/** Host-virtual address in an address space's user half, below 2^47. */
export type HostVirtualAddress = number & { readonly [hvaBrand]: true };

export const hpa = (value: number): HostPhysicalAddress => value as HostPhysicalAddress;

export const hva = (value: number): HostVirtualAddress => value as HostVirtualAddress;

/** Bytes of a frame and of a page. */
export const PAGE_SIZE = 4096;

export const PAGE_SHIFT = 12;

/** First address above the user half. */
export const USER_LIMIT: number = 2 ** 47;
