/** Base of all errors that this package throws for what its caller asked. */
export class CpuError extends Error {
  override readonly name: string = "CpuError";
}

/** An option is out of its range. */
export class InvalidCpuOptionError extends CpuError {
  override readonly name: string = "InvalidCpuOptionError";
}
