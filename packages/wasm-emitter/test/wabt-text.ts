import wabt from "wabt";

const FEATURES = {
  ...{ simd: true, bulk_memory: true, reference_types: true },
  ...{ tail_call: true, sat_float_to_int: true, sign_extension: true },
};

const loaded = wabt();

/** From an opening parenthesis to the one that closes it. */
function balanced(text: string, start: number): string {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text[at] === "(") depth += 1;
    else if (text[at] === ")") depth -= 1;
    if (depth === 0) return text.slice(start + 1, at);
  }
  throw new Error("wabt's text has a parenthesis that nothing closes");
}

/**
 * Operators of the last function of a module as wabt prints them, one a line, without comments, hints of alignment and the
 * last `end`. The module need not validate.
 */
export async function wabtLines(bytes: Uint8Array): Promise<string[]> {
  const { readWasm } = await loaded;
  const module = readWasm(bytes, { ...FEATURES, check: false });
  try {
    const text = module
      .toText({ foldExprs: false, inlineExport: false })
      .replaceAll(/\(;.*?;\)/g, "")
      .replaceAll(/;;.*/g, "");
    return balanced(text, text.lastIndexOf("\n  (func") + 3)
      .split("\n")
      .slice(1)
      .map((line) =>
        line
          .replaceAll(/ align=\d+/g, "")
          .replaceAll(/\s+/g, " ")
          .trim(),
      )
      .filter((line) => line !== "" && !line.startsWith("(local"));
  } finally {
    module.destroy();
  }
}
