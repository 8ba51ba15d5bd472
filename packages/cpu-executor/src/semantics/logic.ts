import type { SemanticsBuilder } from "./builder.ts";
import type { SemanticsTable } from "./table.ts";
import type { Value } from "./width.ts";

const logic =
  (operation: "and" | "or" | "xor") =>
  (b: SemanticsBuilder): void => {
    const { value, write } = b.modify(0);
    const result = b.let(b.width[operation](value, b.let(b.read(1))) as Value);
    write(result);
    b.setFlags("logic", result, result);
  };

export const logical: SemanticsTable = {
  and: { write: logic("and") },
  or: { write: logic("or") },
  xor: { write: logic("xor") },
  test: {
    write: (b) => {
      const value = b.let(b.read(0));
      const result = b.let(b.width.and(value, b.let(b.read(1))));
      b.setFlags("logic", result, result);
    },
  },
  not: {
    write: (b) => {
      const { value, write } = b.modify(0);
      write(b.let(b.width.not(value)));
    },
  },
};
