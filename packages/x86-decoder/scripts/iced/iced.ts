import { createRequire } from "node:module";
import type * as Iced from "iced-x86";

/** The peer: a development dependency, loaded as the CommonJS module that it is. */
export const iced = createRequire(import.meta.url)("iced-x86") as typeof Iced;
