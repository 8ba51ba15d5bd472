import type { ViewClass } from "./any-view.ts";
import { FieldError } from "./errors.ts";
import type { StructName } from "./grammar.ts";
import { extent, type Field, isArray, type Layout, layoutOf, membersOf } from "./layout.ts";
import type { FieldPath } from "./types.ts";
import { viewClass } from "./view-class.ts";

/**
 * One KVM structure: its C name and its layout. Each is exported under its C name (`kvm_regs`, `kvm_run`, …),
 * with the type of its views beside it under the same name.
 */
export class Struct<N extends StructName> {
  readonly name: N;
  #layout: Layout | undefined;
  #viewClass: ViewClass | undefined;

  /** Throws FieldError if the layout table has no structure of that name. */
  constructor(name: N) {
    membersOf(name);
    this.name = name;
  }

  /** Worked out at first use: most programs use a few structures. */
  get layout(): Layout {
    this.#layout ??= layoutOf(this.name);
    return this.#layout;
  }

  /** The class of this structure's views, made at first use. Use `view`, `create` or `View` rather than this. */
  get viewClass(): ViewClass {
    this.#viewClass ??= viewClass(this.name, this.layout);
    return this.#viewClass;
  }
}

/** The flexible array that the structure ends in, if it has one. */
export function flexibleArray(layout: Layout): { readonly field: Field; readonly elementSize: number } | undefined {
  for (const field of layout.fields.values()) {
    if (isArray(field.type) && field.type[1] === "flexible") return { field, elementSize: extent(field.type[0]).size };
  }
  return undefined;
}

/**
 * Bytes of the structure (C's `sizeof`), plus `flexibleCount` elements of the flexible array that it ends in.
 * Throws FieldError when a count is given for a structure without such an array.
 */
export function sizeOf<N extends StructName>(struct: Struct<N>, flexibleCount: number = 0): number {
  if (flexibleCount === 0) return struct.layout.size;
  const array = flexibleArray(struct.layout);
  if (array === undefined) {
    throw new FieldError(
      `${struct.name} does not end in a flexible array; take sizeOf(${struct.name}) without a count`,
    );
  }
  return Math.max(struct.layout.size, array.field.offset + flexibleCount * array.elementSize);
}

/** Bytes from the structure's start to the field (C's `offsetof`); of a bit-field, to the unit that holds it. */
export function offsetOf<N extends StructName>(struct: Struct<N>, path: FieldPath<N>): number {
  return find(struct, path).offset;
}

/** Bytes of the field; 0 for a flexible array. */
export function fieldSize<N extends StructName>(struct: Struct<N>, path: FieldPath<N>): number {
  return find(struct, path).size;
}

function find(struct: Struct<StructName>, path: string): Field {
  let layout: Layout | undefined = struct.layout;
  let offset = 0;
  let found: Field | undefined;
  for (const name of path.split(".")) {
    found = layout?.fields.get(name);
    if (found === undefined) throw new FieldError(`${struct.name} has no field "${path}" (looked for "${name}")`);
    offset += found.offset;
    layout = found.layout;
  }
  if (found === undefined) throw new FieldError(`an empty path names no field of ${struct.name}`);
  return { ...found, offset };
}
