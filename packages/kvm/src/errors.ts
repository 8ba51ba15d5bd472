/** Base of what this package throws at a caller who misuses its TypeScript API. System calls answer with an errno instead. */
export class EmulatedKvmError extends Error {
  override readonly name: string = "EmulatedKvmError";
}

/** An option of `EmulatedKvm.create` is out of range. */
export class InvalidOptionError extends EmulatedKvmError {
  override readonly name: string = "InvalidOptionError";
}

/** `UserMapping.read` or `write` was asked for bytes outside the mapping, or after it was unmapped. */
export class MappingAccessError extends EmulatedKvmError {
  override readonly name: string = "MappingAccessError";
}
