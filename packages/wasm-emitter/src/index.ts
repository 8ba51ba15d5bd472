export { ByteWriter } from "./bytes.ts";
export { WasmEmitterError } from "./errors.ts";
export {
  constantOf,
  type Expression,
  expression,
  type F32,
  type F64,
  type I32,
  type I64,
  type Immediate,
  instructionCount,
  type V128,
  type ValueType,
} from "./expression.ts";
export { type FloatOperations, f32, f64 } from "./float.ts";
export { FunctionBuilder, type FunctionReference, type FunctionType, type Label, type Local } from "./function.ts";
export { type IntegerOperations, i32, i64, select } from "./integer.ts";
export { load, type StoreKind } from "./memory.ts";
export { type MemoryLimits, ModuleBuilder } from "./module.ts";
export { type VectorBinary, type VectorOperations, type VectorShift, type VectorUnary, v128 } from "./simd.ts";
