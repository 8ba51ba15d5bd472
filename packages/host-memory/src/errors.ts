/** Base of every error that this package throws. */
export class HostMemoryError extends Error {
  override readonly name: string = "HostMemoryError";
}

/** The arena has no frames left for what was asked. */
export class OutOfHostMemoryError extends HostMemoryError {
  override readonly name = "OutOfHostMemoryError";
  readonly framesAsked: number;
  readonly framesFree: number;

  constructor(framesAsked: number, framesFree: number, contiguous: "contiguous" | "single") {
    const run = contiguous === "contiguous" && framesAsked <= framesFree ? " in one run" : "";
    super(
      `${framesAsked} frames of 4 KiB asked, ${framesFree} free${run === "" ? "" : ", but not"}${run}: release some or create the arena with more bytes`,
    );
    this.framesAsked = framesAsked;
    this.framesFree = framesFree;
  }
}

/** A user address that nothing is mapped at. */
export class BadAddressError extends HostMemoryError {
  override readonly name = "BadAddressError";
  readonly address: number;

  constructor(address: number) {
    super(`nothing is mapped at user address 0x${address.toString(16)}`);
    this.address = address;
  }
}

/** An argument that cannot be meant: a size of 0, an unaligned address, a frame that is not allocated. */
export class InvalidMemoryArgumentError extends HostMemoryError {
  override readonly name = "InvalidMemoryArgumentError";
}
