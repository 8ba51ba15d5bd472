import type { LAYOUTS } from "./layouts/index.ts";

/** Integer types by their kernel name without the underscores; `char` is a byte, `pointer` 64 bits of user address. */
export type ScalarType = "u8" | "u16" | "u32" | "u64" | "s32" | "s64" | "char" | "pointer";

/** A bit-field: its declared type and its width, such as `u8:3`. */
export type BitFieldType = `${"u8" | "u16" | "u32"}:${number}`;

/** The members of a structure or union, in declaration order. A name that starts with `$` marks an anonymous member. */
export interface Members {
  readonly [name: string]: FieldType;
}

/**
 * The type of a member: an integer, a bit-field, the name of a structure in the table, `[element, count]`,
 * `[element, "flexible"]` for an array that continues past the structure, or a structure or union stated in place.
 */
export type FieldType =
  | ScalarType
  | BitFieldType
  | StructName
  | readonly [element: FieldType, count: number | "flexible"]
  | { readonly struct: Members }
  | { readonly union: Members };

/** The C name of a structure in the layout table. */
export type StructName = keyof typeof LAYOUTS;

/** The members of a named structure, as the table states them. */
export type MembersOf<N extends StructName> = (typeof LAYOUTS)[N];
