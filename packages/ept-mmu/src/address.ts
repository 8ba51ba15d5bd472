declare const gpaBrand: unique symbol;

/** Guest-physical address, below 2^52. */
export type GuestPhysicalAddress = number & { readonly [gpaBrand]: true };

export const gpa = (value: number): GuestPhysicalAddress => value as GuestPhysicalAddress;

/** True when bits 63:47 of a linear address are all equal (SDM Vol 1, 3.3.7.1); of its high half, an int32, that is 31:15. */
export const isCanonical = (linearHigh: number): boolean => {
  const top = linearHigh >> 15;
  return top === 0 || top === -1;
};

/** Of an entry's high half, bits 51:MAXPHYADDR. */
export const reservedHigh = (physicalAddressWidth: number): number =>
  (0xfffff & ~((1 << Math.max(0, physicalAddressWidth - 32)) - 1)) >>> 0;
