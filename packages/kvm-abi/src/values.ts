import { AnyView } from "./any-view.ts";
import { FieldError } from "./errors.ts";
import type { InitOf, ValueOf } from "./types.ts";

type Record = { [name: string]: unknown };
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
  assignFields(asView(target), values as Record);
  return target;
}

/** A plain copy of all fields, with plain arrays: for printing and comparing. Unions appear in all their readings. */
export function toObject<V extends object>(of: V): ValueOf<V> {
  return plain(asView(of)) as ValueOf<V>;
}

function assignFields(target: AnyView, values: Record): void {
  const { fields } = target.$layout;
  const names = values instanceof AnyView ? values.$layout.fields.keys() : Object.keys(values);
  for (const name of names) {
    const value = values[name];
    if (value === undefined) continue;
    if (!fields.has(name)) {
      throw new FieldError(
        `${target.constructor.name} has no field "${name}"; it has ${[...fields.keys()].join(", ")}`,
      );
    }
    const field = target as unknown as Record;
    if (typeof value !== "object") field[name] = value;
    else assignPart(field[name], value as object, name);
  }
}

function assignPart(part: unknown, value: object, name: string): void {
  if (part instanceof AnyView) {
    assignFields(part, value as Record);
    return;
  }
  const elements = part as Elements;
  const given = value as Elements;
  if (given.length > elements.length) {
    throw new FieldError(`${given.length} elements for "${name}", which has room for ${elements.length}`);
  }
  for (let i = 0; i < given.length; i++) {
    const element = given[i];
    if (typeof element === "object") assignPart(elements[i], element as object, `${name}[${i}]`);
    else elements[i] = element;
  }
}

/** The fields of a view as a plain object. */
export function plain(value: unknown): unknown {
  if (value instanceof AnyView) {
    const fields = value as unknown as Record;
    return Object.fromEntries([...value.$layout.fields.keys()].map((name) => [name, plain(fields[name])]));
  }
  if (typeof value === "object" && value !== null) return Array.from(value as Elements, plain);
  return value;
}
