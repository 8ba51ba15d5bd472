/** A WebAssembly feature, and what likex does with it. */
export interface WasmFeature {
  readonly name: string;
  readonly use: "required" | "optional";
  /** A module that is valid only where the feature exists. */
  readonly module: readonly number[];
}

const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
/** One function type, () -> (), and one function of it. */
const ONE_FUNCTION = [0x01, 0x04, 0x01, 0x60, 0x00, 0x00, 0x03, 0x02, 0x01, 0x00];
const ONE_MEMORY = [0x05, 0x03, 0x01, 0x00, 0x01];

/** A code section with one function body without locals. */
function code(...instructions: number[]): number[] {
  const body = [0x00, ...instructions, 0x0b];
  return [0x0a, body.length + 2, 0x01, body.length, ...body];
}

const I32_ZERO = [0x41, 0x00];
const DROP = 0x1a;

/** Encodings: WebAssembly specification, sections 5.4 (instructions) and 5.5 (modules), and its feature proposals. */
export const WASM_FEATURES: readonly WasmFeature[] = [
  {
    name: "sign extension",
    use: "required",
    module: [...HEADER, ...ONE_FUNCTION, ...code(...I32_ZERO, 0xc0, DROP)],
  },
  {
    name: "multiple values",
    use: "required",
    module: [
      ...HEADER,
      0x01,
      0x06,
      0x01,
      0x60,
      0x00,
      0x02,
      0x7f,
      0x7f,
      0x03,
      0x02,
      0x01,
      0x00,
      ...code(...I32_ZERO, ...I32_ZERO),
    ],
  },
  {
    name: "bulk memory",
    use: "required",
    module: [
      ...HEADER,
      ...ONE_FUNCTION,
      ...ONE_MEMORY,
      ...code(...I32_ZERO, ...I32_ZERO, ...I32_ZERO, 0xfc, 0x0b, 0x00),
    ],
  },
  {
    name: "BigInt as i64",
    use: "required",
    module: [...HEADER, 0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7e, 0x03, 0x02, 0x01, 0x00, ...code(0x42, 0x00)],
  },
  {
    name: "shared memory",
    use: "optional",
    module: [...HEADER, 0x05, 0x04, 0x01, 0x03, 0x01, 0x01],
  },
  {
    name: "SIMD",
    use: "optional",
    module: [...HEADER, ...ONE_FUNCTION, ...code(...I32_ZERO, 0xfd, 0x0f, DROP)],
  },
  {
    name: "tail calls",
    use: "optional",
    module: [...HEADER, ...ONE_FUNCTION, ...code(0x12, 0x00)],
  },
  {
    name: "exception handling",
    use: "optional",
    module: [...HEADER, ...ONE_FUNCTION, ...code(0x1f, 0x40, 0x00, 0x0b)],
  },
  {
    name: "64-bit memory",
    use: "optional",
    module: [...HEADER, 0x05, 0x03, 0x01, 0x04, 0x01],
  },
  {
    name: "several memories",
    use: "optional",
    module: [...HEADER, 0x05, 0x05, 0x02, 0x00, 0x01, 0x00, 0x01],
  },
];

export interface WasmFeatureReport {
  readonly name: string;
  readonly use: "required" | "optional";
  readonly available: boolean;
}

/** What this JavaScript engine's WebAssembly has, found by validating a tiny module for each. */
export function detectWasmFeatures(): WasmFeatureReport[] {
  return WASM_FEATURES.map(({ name, use, module }) => ({
    name,
    use,
    available: WebAssembly.validate(Uint8Array.from(module)),
  }));
}
