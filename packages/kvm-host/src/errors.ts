/** Base of every error that this package throws. */
export class HostKvmError extends Error {
  override name = "HostKvmError";
}

/** The machine, or this process on it, cannot use the real device; the message says why and what to do. */
export class HostKvmUnavailableError extends HostKvmError {
  override name = "HostKvmUnavailableError";
}

/** The caller asked for something that the driver cannot do. */
export class HostKvmUsageError extends HostKvmError {
  override name = "HostKvmUsageError";
}
