/** Guest program loaders: bytes in, guest memory contents and entry state out. */

export {
  EmptyImageError,
  EntryUnreachableError,
  ImageTooLargeError,
  InvalidAddressError,
  LoaderError,
} from "./errors.ts";
export { type FlatBinaryOptions, loadFlatBinary } from "./flat.ts";
export type { GuestProgram, ProgramSegment, RealModeEntry } from "./program.ts";
export { realModeEntry } from "./real-mode.ts";
