import { AnyView } from "./any-view.ts";
import { FieldError } from "./errors.ts";
import type { InitOf, ValueOf } from "./types.ts";

type Fields = { [name: string]: unknown };
type Elements = { [index: number]: unknown; readonly length: number };

/** The view behind a value of a view type; throws FieldError if it is something else. */
export function asView(value: object): AnyView {
  if (value instanceof AnyView) return value;
  throw new FieldError("not a view of a KVM structure; make one with view() or create()");
}

/**
 * Writes the given fields, nested as the structure is, and leaves all others. Arrays may be shorter than the field.
 * Throws FieldError for a field that the structure does not have, or an array with too many elements.
 */
export function assign<V extends object>(target: V, values: InitOf<V>): V {
  assignFields(asView(target), values as Fields);
  return target;
}

/** A plain copy of all fields, with plain arrays: for printing and comparing. Unions appear in all their readings. */
export function toObject<V extends object>(of: V): ValueOf<V> {
  return plain(asView(of)) as ValueOf<V>;
}

function assignFields(target: AnyView, values: Fields): void {
  const { fields } = target.$layout;
  const struct = target.constructor.name;
  const names = values instanceof AnyView ? values.$layout.fields.keys() : Object.keys(values);
  for (const name of names) {
    if (!fields.has(name)) {
      throw new FieldError(`${struct} has no field "${name}"; it has ${[...fields.keys()].join(", ")}`);
    }
    assignTo(target as unknown as Fields, name, values[name], `${struct}.${name}`);
  }
}

/** `holder[key] = value`, where the holder is a view or an array in one. Undefined leaves it. */
function assignTo(holder: Fields | Elements, key: string | number, value: unknown, path: string): void {
  if (value === undefined) return;
  const current = (holder as Fields)[key];
  if (typeof current !== typeof value || value === null) throw new FieldError(mismatch(path, current, value));
  if (typeof current !== "object") (holder as Fields)[key] = value;
  else if (current instanceof AnyView) assignFields(current, value as Fields);
  else assignElements(current as Elements, value as Elements, path);
}

function assignElements(target: Elements, values: Elements, path: string): void {
  if (typeof values.length !== "number") throw new FieldError(`${path} takes an array`);
  if (values.length > target.length) {
    throw new FieldError(`${values.length} elements for ${path}, which has room for ${target.length}`);
  }
  for (let i = 0; i < values.length; i++) assignTo(target, i, values[i], `${path}[${i}]`);
}

function mismatch(path: string, current: unknown, value: unknown): string {
  if (typeof current === "bigint") return `${path} takes a bigint (write 5n for 5), not ${typeof value} ${value}`;
  if (typeof current === "number") return `${path} takes a number, not ${typeof value} ${value}`;
  return `${path} takes an object or array, not ${typeof value} ${value}`;
}

/** The fields of a view as a plain object. */
export function plain(value: unknown): unknown {
  if (value instanceof AnyView) {
    const fields = value as unknown as Fields;
    return Object.fromEntries([...value.$layout.fields.keys()].map((name) => [name, plain(fields[name])]));
  }
  if (typeof value === "object" && value !== null) return Array.from(value as Elements, plain);
  return value;
}
