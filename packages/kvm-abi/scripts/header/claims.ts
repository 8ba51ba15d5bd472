import * as abi from "../../src/index.ts";
import {
  bitField,
  extent,
  type Field,
  isArray,
  isBitField,
  isInteger,
  type Layout,
  layoutOfType,
} from "../../src/layout.ts";

/** One number that the package states, and the C expression that must give the same. */
export interface Claim {
  /** What it is about, unique: `kvm_run.io.port offset`, `KVM_EXIT_IO`. */
  readonly id: string;
  readonly group: string;
  /** The structure or the family of constants that it belongs to. */
  readonly subject: string;
  readonly expression: string;
  readonly expected: number;
}

/** The families of constants: C names are the key with this prefix. */
const CONSTANTS: readonly { group: string; prefix: string; values: { readonly [name: string]: number } }[] = [
  { group: "ioctls", prefix: "", values: abi.KVM_IOCTL },
  { group: "capabilities", prefix: "KVM_CAP_", values: abi.KVM_CAP },
  { group: "exit reasons", prefix: "KVM_EXIT_", values: abi.KVM_EXIT },
  { group: "errno", prefix: "", values: abi.ERRNO },
  ...flagFamilies(),
];

/** Every other exported table of numbers is a family whose prefix is its own name. */
function flagFamilies(): { group: string; prefix: string; values: { readonly [name: string]: number } }[] {
  const families = [];
  const single: { [name: string]: number } = {};
  for (const [name, value] of Object.entries(abi) as [string, unknown][]) {
    if (!name.startsWith("KVM") || ["KVM_IOCTL", "KVM_CAP", "KVM_EXIT"].includes(name)) continue;
    if (typeof value === "number") single[name] = value;
    else families.push({ group: "flags", prefix: `${name}_`, values: value as { readonly [name: string]: number } });
  }
  return [...families, { group: "flags", prefix: "", values: single }];
}

/** Everything that the package states about the ABI. */
export function claims(): Claim[] {
  return [...Object.values(abi).flatMap((value) => (isStruct(value) ? structClaims(value) : [])), ...constantClaims()];
}

type AnyStruct = abi.Struct<abi.StructName>;

function isStruct(value: unknown): value is AnyStruct {
  return typeof value === "object" && value !== null && "layout" in value;
}

function constantClaims(): Claim[] {
  return CONSTANTS.flatMap(({ group, prefix, values }) =>
    Object.entries(values).map(([name, expected]) => ({
      id: prefix + name,
      group,
      subject: group,
      expression: prefix + name,
      expected,
    })),
  );
}

function structClaims({ name, layout }: AnyStruct): Claim[] {
  const add = (what: string, expression: string, expected: number): Claim => ({
    id: `${name} ${what}`,
    group: "structures",
    subject: name,
    expression,
    expected,
  });
  return [
    add("size", `sizeof(struct ${name})`, layout.size),
    add("alignment", `_Alignof(struct ${name})`, layout.align),
    ...fieldClaims(name, layout, "", 0),
  ];
}

function fieldClaims(struct: string, layout: Layout, prefix: string, base: number): Claim[] {
  return [...layout.fields.values()].flatMap((field) => {
    const path = prefix + field.name;
    const own = isBitField(field.type)
      ? bitFieldClaims(struct, path, field, base)
      : ordinaryFieldClaims(struct, path, field, base);
    return [...own, ...nestedClaims(struct, path, field, base + field.offset)];
  });
}

/** Members of a structure or union stated in place, or of the first element of an array of such. */
function nestedClaims(struct: string, path: string, field: Field, base: number): Claim[] {
  const type = isArray(field.type) ? field.type[0] : field.type;
  if (typeof type === "string" || isArray(type)) return [];
  return fieldClaims(struct, layoutOfType(type), isArray(field.type) ? `${path}[0].` : `${path}.`, base);
}

function ordinaryFieldClaims(struct: string, path: string, field: Field, base: number): Claim[] {
  const at = `((struct ${struct} *)0)->${path}`;
  const add = (what: string, expression: string, expected: number): Claim => ({
    id: `${struct}.${path} ${what}`,
    group: "structures",
    subject: struct,
    expression,
    expected,
  });
  const { type } = field;
  const result = [add("offset", `offsetof(struct ${struct}, ${path})`, base + field.offset)];
  if (isArray(type)) {
    const [element, count] = type;
    result.push(add("element size", `sizeof(${at}[0])`, extent(element).size));
    if (count !== "flexible") result.push(add("length", `sizeof(${at}) / sizeof(${at}[0])`, count));
    result.push(...typeClaims(add, `${at}[0]`, element));
  } else {
    result.push(add("size", `sizeof(${at})`, field.size), ...typeClaims(add, at, type));
  }
  return result;
}

/** That the field is of the kind of type stated: signedness, pointer, or that very structure. */
function typeClaims(
  add: (what: string, expression: string, expected: number) => Claim,
  at: string,
  type: Field["type"],
): Claim[] {
  if (type === "pointer") return [add("is a pointer", `__builtin_classify_type(${at}) == 5`, 1)];
  if (type === "char") return [add("is char", `__builtin_types_compatible_p(__typeof__(${at}), char)`, 1)];
  if (isInteger(type)) return [add("is signed", `((__typeof__(${at}))-1) < 0`, type.startsWith("s") ? 1 : 0)];
  if (typeof type !== "string") return [];
  return [add(`is ${type}`, `__builtin_types_compatible_p(__typeof__(${at}), struct ${type})`, 1)];
}

/** A bit-field has no address: the program sets it to all ones and looks which bits of the structure changed. */
function bitFieldClaims(struct: string, path: string, field: Field, base: number): Claim[] {
  if (!isBitField(field.type) || field.bits === undefined) return [];
  const set = (what: string): string =>
    `({ struct ${struct} x; memset(&x, 0, sizeof x); x.${path} = -1; ${what}((const unsigned char *)&x, sizeof x); })`;
  const first = (base + field.offset) * 8 + field.bits.shift;
  const common = { group: "structures", subject: struct };
  return [
    { ...common, id: `${struct}.${path} first bit`, expression: set("first_bit"), expected: first },
    { ...common, id: `${struct}.${path} width`, expression: set("bit_count"), expected: bitField(field.type).width },
  ];
}
