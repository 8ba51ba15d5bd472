import type { BitFieldType, MembersOf, ScalarType, StructName } from "./grammar.ts";

/** 64-bit integers are bigint, narrower ones number. */
type ScalarValue<T> = T extends "u64" | "s64" | "pointer" ? bigint : number;

type UnionToIntersection<U> = (U extends unknown ? (member: U) => void : never) extends (all: infer I) => void
  ? I
  : never;

type Inline<T> = T extends { readonly struct: infer M } ? M : T extends { readonly union: infer M } ? M : never;

/** The members of a structure with those of its anonymous members promoted, as C names them. */
type Named<M> = Pick<M, Exclude<keyof M, `$${string}`>> &
  UnionToIntersection<{ [K in Extract<keyof M, `$${string}`>]: Named<Inline<M[K]>> }[Extract<keyof M, `$${string}`>]>;

type NamedOrEmpty<M> = [Extract<keyof M, `$${string}`>] extends [never] ? M : Named<M>;

/** An array of integers is a typed array over the same bytes; an array of anything else is a frozen array of views. */
type ArrayView<E> = E extends "u8" | "char"
  ? Uint8Array
  : E extends "u16"
    ? Uint16Array
    : E extends "u32"
      ? Uint32Array
      : E extends "s32"
        ? Int32Array
        : E extends "u64" | "pointer"
          ? BigUint64Array
          : E extends "s64"
            ? BigInt64Array
            : readonly FieldView<E>[];

type FieldView<T> = T extends ScalarType | BitFieldType
  ? ScalarValue<T>
  : T extends StructName
    ? View<T>
    : T extends readonly [infer E, unknown]
      ? ArrayView<E>
      : MembersView<Inline<T>>;

type ScalarKeys<M> = { [K in keyof M]: M[K] extends ScalarType | BitFieldType ? K : never }[keyof M];

type ViewOfNamed<M> = { -readonly [K in ScalarKeys<M>]: ScalarValue<M[K]> } & {
  readonly [K in Exclude<keyof M, ScalarKeys<M>>]: FieldView<M[K]>;
};

type MembersView<M> = ViewOfNamed<NamedOrEmpty<M>>;

/**
 * A live view of a KVM structure: a property for every field, which reads and writes the bytes beneath.
 * Of a structure whose name is only known when the program runs it is an object of which no field is known.
 */
export type View<N extends StructName> = StructName extends N
  ? object
  : N extends StructName
    ? MembersView<MembersOf<N>>
    : never;

/** Values for some or all fields of a view of this type, nested as it is. Another view of the same structure is one. */
export type InitOf<V> = {
  readonly [K in keyof V]?: V[K] extends number | bigint
    ? V[K]
    : V[K] extends ArrayLike<infer E>
      ? ArrayLike<E extends number | bigint ? E : InitOf<E>>
      : InitOf<V[K]>;
};

/** A plain copy of a view of this type, no longer tied to bytes. */
export type ValueOf<V> = {
  -readonly [K in keyof V]: V[K] extends number | bigint
    ? V[K]
    : V[K] extends ArrayLike<infer E>
      ? (E extends number | bigint ? E : ValueOf<E>)[]
      : ValueOf<V[K]>;
};

type Nested<T> = T extends ScalarType | BitFieldType | readonly unknown[]
  ? never
  : T extends StructName
    ? PathsOf<NamedOrEmpty<MembersOf<T>>>
    : PathsOf<NamedOrEmpty<Inline<T>>>;

type PathsOf<M> = {
  [K in keyof M & string]: K | ([Nested<M[K]>] extends [never] ? never : `${K}.${Nested<M[K]>}`);
}[keyof M & string];

/**
 * The name of a field, or of a field within a nested one, such as `io.data_offset` of `kvm_run`.
 * Of a structure whose name is only known when the program runs it is any string.
 */
export type FieldPath<N extends StructName> = StructName extends N
  ? string
  : N extends StructName
    ? PathsOf<NamedOrEmpty<MembersOf<N>>>
    : never;
