import type { Layout } from "./layout.ts";

/**
 * What every view is: a place in bytes. Its fields are accessors on the prototype of its structure's class; its own
 * properties start with `$`, which no name of a field does.
 */
export class AnyView {
  readonly $data: DataView;
  /** Where in the data the structure starts. */
  readonly $base: number;
  /** The nested views and arrays made so far, by field number. */
  $parts: unknown[] | undefined;
  /** On the prototype. */
  declare readonly $layout: Layout;

  constructor(data: DataView, base: number) {
    this.$data = data;
    this.$base = base;
    this.$parts = undefined;
  }
}

export type ViewClass = new (data: DataView, base: number) => AnyView;
