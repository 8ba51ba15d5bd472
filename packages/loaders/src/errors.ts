/** Base of all errors that this package throws: the caller asked for something that cannot be loaded. */
export class LoaderError extends Error {
  override readonly name: string = "LoaderError";
}

/** The file has no bytes, so there is nothing to run. */
export class EmptyImageError extends LoaderError {
  override readonly name: string = "EmptyImageError";
}

/** An address is not a guest-physical address: not an integer, negative, or 2^52 and above. */
export class InvalidAddressError extends LoaderError {
  override readonly name: string = "InvalidAddressError";
}

/** The image starts below the end of guest-physical address space and ends above it. */
export class ImageTooLargeError extends LoaderError {
  override readonly name: string = "ImageTooLargeError";
}

/** The entry point cannot be expressed as a real-mode CS base and 16-bit IP. */
export class EntryUnreachableError extends LoaderError {
  override readonly name: string = "EntryUnreachableError";
}

/** The bytes are no ELF file, or a damaged one. */
export class InvalidElfError extends LoaderError {
  override readonly name: string = "InvalidElfError";
}

/** An ELF file for another processor. */
export class UnsupportedElfError extends LoaderError {
  override readonly name: string = "UnsupportedElfError";
}

/** An ELF file that is no program to start: an object file, one without loadable parts, or one that begins above 4 GiB. */
export class NotBootableError extends LoaderError {
  override readonly name: string = "NotBootableError";
}

/** The image has no multiboot header, or one that is damaged. */
export class InvalidMultibootError extends LoaderError {
  override readonly name: string = "InvalidMultibootError";
}

/** A multiboot header that demands what this loader does not provide. */
export class UnsupportedMultibootError extends LoaderError {
  override readonly name: string = "UnsupportedMultibootError";
}

/** Guest memory has no place left for what goes beside the program. */
export class NoRoomError extends LoaderError {
  override readonly name: string = "NoRoomError";
}
