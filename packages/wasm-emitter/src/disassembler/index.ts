export { UnreadableModuleError } from "../errors.ts";
export { formatFunction, formatLine } from "./format.ts";
export { disassemble, functionsOf, type WasmFunctionText, type WasmLine } from "./function-text.ts";
export type { ModuleFunction } from "./module-reader.ts";
