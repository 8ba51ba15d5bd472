import type { TraceEvent } from "./trace-events.ts";

/** The event as one line of JSON. 64-bit values, which JSON numbers cannot hold, are strings in hexadecimal: `"0x3f8"`. */
export const renderJson = (event: TraceEvent): string =>
  JSON.stringify(event, (_key, value: unknown) => (typeof value === "bigint" ? `0x${value.toString(16)}` : value));
