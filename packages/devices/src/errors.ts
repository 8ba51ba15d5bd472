/** Base of all errors that this package throws: whoever assembles the machine asked for what cannot be. */
export class DeviceError extends Error {
  override readonly name: string = "DeviceError";
}

/** A port or MMIO range that is none, or that another device has already. */
export class InvalidHandlerRangeError extends DeviceError {
  override readonly name: string = "InvalidHandlerRangeError";
}
