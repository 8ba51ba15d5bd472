import { AnyView } from "./any-view.ts";
import { ViewAlignmentError, ViewBoundsError } from "./errors.ts";
import type { StructName } from "./grammar.ts";
import { flexibleArray, type Struct, sizeOf } from "./struct.ts";
import type { InitOf, View } from "./types.ts";
import { assign, asView } from "./values.ts";

/**
 * A live view of the structure that starts `offset` bytes into `bytes`: no copy. A flexible array at its end has as
 * many elements as the rest of `bytes` has room for, whatever the structure's own count says.
 *
 * Integers up to 32 bits are numbers and 64-bit ones bigints; both are taken modulo their width when written, as an
 * assignment in C does. A DataView instead of a Uint8Array saves an allocation where many views lie in one memory.
 *
 * Throws ViewBoundsError if the structure does not fit, ViewAlignmentError if it would start where C could not put it
 * (relative to the start of the underlying buffer).
 */
export function view<N extends StructName>(
  struct: Struct<N>,
  bytes: Uint8Array | DataView,
  offset: number = 0,
): View<N> {
  const { size, align } = struct.layout;
  if (!(offset >= 0 && offset + size <= bytes.byteLength)) {
    throw new ViewBoundsError(
      `${struct.name} takes ${size} bytes, and does not fit at offset ${offset} of ${bytes.byteLength} bytes`,
    );
  }
  if ((bytes.byteOffset + offset) % align !== 0) {
    throw new ViewAlignmentError(
      `${struct.name} needs an address that is a multiple of ${align}, not ${bytes.byteOffset + offset}; copy the bytes with slice()`,
    );
  }
  const data = bytes instanceof DataView ? bytes : new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return new struct.viewClass(data, offset) as unknown as View<N>;
}

/**
 * A view over new zeroed bytes, with `init` assigned to it. A flexible array gets as many elements as `init` gives it,
 * or `flexibleCount` if that is more. Throws FieldError as `assign` does.
 */
export function create<N extends StructName>(
  struct: Struct<N>,
  init: InitOf<View<N>> = {},
  flexibleCount: number = 0,
): View<N> {
  const array = flexibleArray(struct.layout)?.field.name;
  const given = array === undefined ? undefined : (init as { [name: string]: ArrayLike<unknown> | undefined })[array];
  const made = view(struct, new Uint8Array(sizeOf(struct, Math.max(given?.length ?? 0, flexibleCount))));
  assign(made, init);
  return made;
}

/** The bytes beneath a view, live: the structure with its flexible array; what an ioctl takes as its argument. */
export function bytesOf(of: object): Uint8Array {
  const any = asView(of);
  const { size } = any.$layout;
  const data = any.$data;
  const room = data.byteLength - any.$base;
  const array = flexibleArray(any.$layout);
  const length =
    array === undefined
      ? size
      : array.field.offset + Math.floor((room - array.field.offset) / array.elementSize) * array.elementSize;
  return new Uint8Array(data.buffer, data.byteOffset + any.$base, Math.max(size, length));
}

/** Whether the value is a view of a KVM structure, or of one nested in it. */
export function isView(value: unknown): boolean {
  return value instanceof AnyView;
}
