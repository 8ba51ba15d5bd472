import { AnyView, type ViewClass } from "./any-view.ts";
import type { BitFieldType, FieldType, ScalarType } from "./grammar.ts";
import { bitField, extent, type Field, isArray, isBitField, isInteger, type Layout, layoutOfType } from "./layout.ts";
import { plain } from "./values.ts";

type Part = (data: DataView, at: number) => unknown;

/** Makes the class of a structure's views: an accessor for each field, none of which looks a name up when it runs. */
export function viewClass(name: string, layout: Layout): ViewClass {
  return makeClass(name, layout, new Map());
}

/** `classes` holds the classes of the named structures met so far, so that eight segments share one. */
function makeClass(name: string, layout: Layout, classes: Map<string, ViewClass>): ViewClass {
  const Made = class extends AnyView {};
  Object.defineProperty(Made, "name", { value: name });
  Object.defineProperty(Made.prototype, "$layout", { value: layout });
  // Node prints a view as its fields, not as the place that it points to.
  Object.defineProperty(Made.prototype, Symbol.for("nodejs.util.inspect.custom"), {
    value(this: AnyView): unknown {
      return plain(this);
    },
  });
  let part = 0;
  for (const field of layout.fields.values()) {
    const accessors = isInteger(field.type)
      ? integerAccessors(field, field.type)
      : partAccessor(field.offset, part++, partMaker(field, classes));
    Object.defineProperty(Made.prototype, field.name, { ...accessors, enumerable: true, configurable: false });
  }
  return Made;
}

/** A nested view or an array: made at the first read, the same object from then on. */
function partAccessor(offset: number, index: number, make: Part): PropertyDescriptor & ThisType<AnyView> {
  return {
    get(): unknown {
      this.$parts ??= [];
      this.$parts[index] ??= make(this.$data, this.$base + offset);
      return this.$parts[index];
    },
  };
}

function partMaker(field: Field, classes: Map<string, ViewClass>): Part {
  const { type } = field;
  if (isArray(type)) return arrayMaker(type[0], type[1], classes);
  return elementMaker(type, classes, field.name);
}

function elementMaker(type: FieldType, classes: Map<string, ViewClass>, name: string): Part {
  if (isArray(type)) return arrayMaker(type[0], type[1], classes);
  if (isInteger(type)) throw new TypeError("integers are read by their accessors");
  let Class = typeof type === "string" ? classes.get(type) : undefined;
  if (Class === undefined) {
    Class = makeClass(typeof type === "string" ? type : name, layoutOfType(type), classes);
    if (typeof type === "string") classes.set(type, Class);
  }
  const Known = Class;
  return (data, at) => new Known(data, at);
}

const TYPED_ARRAYS = {
  u8: Uint8Array,
  char: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  s32: Int32Array,
  u64: BigUint64Array,
  pointer: BigUint64Array,
  s64: BigInt64Array,
} satisfies { readonly [T in ScalarType]: unknown };

/** A flexible array has as many elements as the bytes given to `view` have room for. */
function arrayMaker(element: FieldType, count: number | "flexible", classes: Map<string, ViewClass>): Part {
  const { size } = extent(element);
  const countAt = (data: DataView, at: number): number =>
    count === "flexible" ? Math.max(0, Math.floor((data.byteLength - at) / size)) : count;
  if (isInteger(element)) {
    if (isBitField(element)) throw new TypeError("C has no arrays of bit-fields");
    const TypedArray: new (buffer: ArrayBufferLike, at: number, count: number) => unknown = TYPED_ARRAYS[element];
    return (data, at) => new TypedArray(data.buffer, data.byteOffset + at, countAt(data, at));
  }
  const make = elementMaker(element, classes, "element");
  return (data, at) => Object.freeze(Array.from({ length: countAt(data, at) }, (_, i) => make(data, at + i * size)));
}

function integerAccessors(field: Field, type: ScalarType | BitFieldType): PropertyDescriptor & ThisType<AnyView> {
  if (isBitField(type)) return bitFieldAccessors(field, type);
  const at = field.offset;
  switch (type) {
    case "u8":
    case "char":
      return {
        get(): number {
          return this.$data.getUint8(this.$base + at);
        },
        set(value: number): void {
          this.$data.setUint8(this.$base + at, value);
        },
      };
    case "u16":
      return {
        get(): number {
          return this.$data.getUint16(this.$base + at, true);
        },
        set(value: number): void {
          this.$data.setUint16(this.$base + at, value, true);
        },
      };
    case "u32":
      return {
        get(): number {
          return this.$data.getUint32(this.$base + at, true);
        },
        set(value: number): void {
          this.$data.setUint32(this.$base + at, value, true);
        },
      };
    case "s32":
      return {
        get(): number {
          return this.$data.getInt32(this.$base + at, true);
        },
        set(value: number): void {
          this.$data.setInt32(this.$base + at, value, true);
        },
      };
    case "u64":
    case "pointer":
      return {
        get(): bigint {
          return this.$data.getBigUint64(this.$base + at, true);
        },
        set(value: bigint): void {
          this.$data.setBigUint64(this.$base + at, value, true);
        },
      };
    case "s64":
      return {
        get(): bigint {
          return this.$data.getBigInt64(this.$base + at, true);
        },
        set(value: bigint): void {
          this.$data.setBigInt64(this.$base + at, value, true);
        },
      };
  }
}

function bitFieldAccessors(field: Field, type: BitFieldType): PropertyDescriptor & ThisType<AnyView> {
  const shift = field.bits?.shift ?? 0;
  const mask = 2 ** bitField(type).width - 1;
  const whole = integerAccessors({ ...field, type: bitField(type).unit }, bitField(type).unit);
  return {
    get(): number {
      return (whole.get?.call(this) >>> shift) & mask;
    },
    set(value: number): void {
      whole.set?.call(this, (whole.get?.call(this) & ~(mask << shift)) | ((value & mask) << shift));
    },
  };
}
