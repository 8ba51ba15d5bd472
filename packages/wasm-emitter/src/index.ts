export { ByteWriter } from "./bytes.ts";
export { WasmEmitterError } from "./errors.ts";
export {
  constantOf,
  type Expression,
  expression,
  type I32,
  type I64,
  type Immediate,
  instructionCount,
  type ValueType,
} from "./expression.ts";
export { FunctionBuilder, type FunctionReference, type FunctionType, type Label, type Local } from "./function.ts";
export { type IntegerOperations, i32, i64, select } from "./integer.ts";
export { load, type StoreKind } from "./memory.ts";
export { type MemoryLimits, ModuleBuilder } from "./module.ts";
