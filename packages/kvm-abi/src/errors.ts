/** Base of every error that this package throws. They all mean that the calling program asked for the impossible. */
export class KvmAbiError extends Error {
  override readonly name: string = "KvmAbiError";
}

/** The bytes given are too few for the structure, or the offset lies outside them. */
export class ViewBoundsError extends KvmAbiError {
  override readonly name: string = "ViewBoundsError";
}

/** The structure would begin at an address that C does not allow for it. */
export class ViewAlignmentError extends KvmAbiError {
  override readonly name: string = "ViewAlignmentError";
}

/** A field name or value does not fit the structure. */
export class FieldError extends KvmAbiError {
  override readonly name: string = "FieldError";
}
