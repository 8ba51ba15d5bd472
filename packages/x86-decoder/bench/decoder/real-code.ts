import { basename } from "node:path";
import { executableSections, realPrograms } from "../../scripts/iced/sources.ts";

const MOST_BYTES = 3_000_000;

/** The first megabytes of the largest executable section of each program that is found. */
export function realCode(): { readonly name: string; readonly path: string; readonly bytes: Uint8Array }[] {
  return realPrograms().map((path) => {
    const largest = executableSections(path).reduce((a, b) => (b.length > a.length ? b : a));
    return { name: basename(path), path, bytes: Uint8Array.from(largest.subarray(0, MOST_BYTES)) };
  });
}
