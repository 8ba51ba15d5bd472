import { describe, expect, it } from "vitest";
import { type Base64Platform, decodeBase64 } from "../src/base64.ts";

/** Lengths that leave 0, 1 and 2 characters of padding. */
const SAMPLES = [0, 1, 2, 3, 255, 256].map((length) => Uint8Array.from({ length }, (_, i) => (i * 89) & 0xff));

const PLATFORMS: readonly (readonly [name: string, platform: Base64Platform])[] = [
  ["this platform", globalThis as Base64Platform],
  ["only atob", { Uint8Array: {}, atob }],
  ["Node's Buffer", { Uint8Array: {}, Buffer, atob }],
  [
    "Uint8Array.fromBase64",
    { Uint8Array: { fromBase64: (text) => Uint8Array.from(Buffer.from(text, "base64")) }, atob },
  ],
];

describe("base64", () => {
  it.each(PLATFORMS)("gives the bytes back with %s", (_, platform) => {
    for (const sample of SAMPLES) {
      const bytes = decodeBase64(Buffer.from(sample).toString("base64"), platform);
      expect([...bytes]).toEqual([...sample]);
    }
  });
});
