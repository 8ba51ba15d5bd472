import { FieldError } from "./errors.ts";
import type { BitFieldType, FieldType, Members, ScalarType, StructName } from "./grammar.ts";
import { LAYOUTS } from "./layouts/index.ts";

/** Where one member lies. Members of anonymous structures and unions appear under their own names, as in C. */
export interface Field {
  readonly name: string;
  readonly type: FieldType;
  /** Bytes from the start of the enclosing structure; for a bit-field, of the unit that holds it. */
  readonly offset: number;
  /** Bytes; 0 for a flexible array; for a bit-field, of the unit that holds it. */
  readonly size: number;
  /** Only for a bit-field: its place in the unit, least significant bit first. */
  readonly bits?: { readonly shift: number; readonly width: number };
  /** Only for a structure or union. */
  readonly layout?: Layout;
}

/** A structure or union laid out by the System V x86-64 rules. Sizes in bytes, without any flexible array. */
export interface Layout {
  readonly size: number;
  readonly align: number;
  readonly fields: ReadonlyMap<string, Field>;
}

const SCALAR_SIZES: { readonly [T in ScalarType]: number } = {
  u8: 1,
  char: 1,
  u16: 2,
  u32: 4,
  s32: 4,
  u64: 8,
  s64: 8,
  pointer: 8,
};

export function isScalar(type: FieldType): type is ScalarType {
  return typeof type === "string" && Object.hasOwn(SCALAR_SIZES, type);
}

export function isBitField(type: FieldType): type is BitFieldType {
  return typeof type === "string" && type.includes(":");
}

/** Whether a field of this type is one integer: a scalar or a bit-field. */
export function isInteger(type: FieldType): type is ScalarType | BitFieldType {
  return isScalar(type) || isBitField(type);
}

export function isArray(type: FieldType): type is readonly [FieldType, number | "flexible"] {
  return Array.isArray(type);
}

/** The unit and width of a bit-field such as `u8:3`. */
export function bitField(type: BitFieldType): { readonly unit: "u8" | "u16" | "u32"; readonly width: number } {
  const [unit, width] = type.split(":") as ["u8" | "u16" | "u32", string];
  return { unit, width: Number(width) };
}

/** Size and alignment in bytes of a member of this type. */
export function extent(type: FieldType): Layout | { readonly size: number; readonly align: number } {
  if (isScalar(type)) return { size: SCALAR_SIZES[type], align: SCALAR_SIZES[type] };
  if (isBitField(type)) return extent(bitField(type).unit);
  if (isArray(type)) {
    const element = extent(type[0]);
    return { size: type[1] === "flexible" ? 0 : element.size * type[1], align: element.align };
  }
  return layoutOfType(type);
}

/** The layout of a named structure, or of a structure or union stated in place. */
export function layoutOfType(type: StructName | { readonly struct: Members } | { readonly union: Members }): Layout {
  if (typeof type === "string") return layoutOf(type);
  return "struct" in type ? layOut(type.struct, "struct") : layOut(type.union, "union");
}

/** Lays out the structure with this C name; throws FieldError if the table has none. `Struct.layout` keeps the result. */
export function layoutOf(name: StructName): Layout {
  return layOut(membersOf(name), "struct");
}

/** The members of the structure with this C name; throws FieldError if the table has none. */
export function membersOf(name: StructName): Members {
  const members: Members | undefined = Object.hasOwn(LAYOUTS, name) ? LAYOUTS[name] : undefined;
  if (members === undefined)
    throw new FieldError(`no structure "${name}" in the layout table; see LAYOUTS for its names`);
  return members;
}

const roundUp = (value: number, align: number): number => Math.ceil(value / align) * align;

/** System V ABI, AMD64 supplement 3.1.2: aggregates and bit-fields. */
function layOut(members: Members, kind: "struct" | "union"): Layout {
  const fields = new Map<string, Field>();
  let end = 0; // in bits, because of bit-fields
  let size = 0;
  let align = 1;
  for (const [name, type] of Object.entries(members)) {
    const own = extent(type);
    align = Math.max(align, own.align);
    const start = kind === "union" ? 0 : end;
    let offset = roundUp(start, own.align * 8) / 8;
    if (isBitField(type)) {
      const { width } = bitField(type);
      const unit = own.size * 8;
      // A bit-field never straddles two units of its declared type.
      const bit = Math.floor(start / unit) === Math.floor((start + width - 1) / unit) ? start : roundUp(start, unit);
      offset = Math.floor(bit / unit) * own.size;
      end = bit + width;
      fields.set(name, { name, type, offset, size: own.size, bits: { shift: bit % unit, width } });
    } else {
      end = (offset + own.size) * 8;
      if (name.startsWith("$")) promote(fields, type, offset);
      else fields.set(name, { name, type, offset, size: own.size, ...("fields" in own ? { layout: own } : {}) });
    }
    size = Math.max(size, Math.ceil(end / 8));
  }
  return { size: roundUp(size, align), align, fields };
}

function promote(into: Map<string, Field>, type: FieldType, offset: number): void {
  if (typeof type === "string" || isArray(type)) throw new FieldError("only a structure or union can be anonymous");
  for (const field of layoutOfType(type).fields.values()) {
    into.set(field.name, { ...field, offset: field.offset + offset });
  }
}
