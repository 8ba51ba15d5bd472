/** Base of all errors that this package throws: the configuration or the call cannot work as it stands. */
export class VmmError extends Error {
  override readonly name: string = "VmmError";
}

/** A memory slot has an identifier, address or size that KVM does not accept. */
export class InvalidMemorySlotError extends VmmError {
  override readonly name: string = "InvalidMemorySlotError";
}

/** A CPUID table was given for a device that takes none. */
export class CpuidUnavailableError extends VmmError {
  override readonly name: string = "CpuidUnavailableError";
}

/** Two memory slots share guest-physical addresses, or an identifier. */
export class OverlappingMemorySlotsError extends VmmError {
  override readonly name: string = "OverlappingMemorySlotsError";
}

/** Guest memory that was named, for the program or in a read or write, is not covered by the slots. */
export class OutsideMemoryError extends VmmError {
  override readonly name: string = "OutsideMemoryError";
}

/** Part of the program lies outside of the memory slots. */
export class ImageOutsideMemoryError extends OutsideMemoryError {
  override readonly name: string = "ImageOutsideMemoryError";
}

/** The first instruction lies outside of the memory slots. */
export class EntryOutsideMemoryError extends OutsideMemoryError {
  override readonly name: string = "EntryOutsideMemoryError";
}

/** A register name that the processor does not have, or that KVM does not let set. */
export class UnknownRegisterError extends VmmError {
  override readonly name: string = "UnknownRegisterError";
}

/** A value that does not fit in its register. */
export class InvalidRegisterValueError extends VmmError {
  override readonly name: string = "InvalidRegisterValueError";
}

/** A limit that is not a positive integer. */
export class InvalidLimitError extends VmmError {
  override readonly name: string = "InvalidLimitError";
}

/** The MicroVm was disposed of, and then used. */
export class DisposedError extends VmmError {
  override readonly name: string = "DisposedError";
}
