declare const gpaBrand: unique symbol;

/** Guest-physical address, below 2^52. */
export type GuestPhysicalAddress = number & { readonly [gpaBrand]: true };

export const gpa = (value: number): GuestPhysicalAddress => value as GuestPhysicalAddress;
