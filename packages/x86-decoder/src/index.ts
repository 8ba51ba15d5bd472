export { BASE_RIP, DECODE_STATUS, INVALID_REASON, NO_REGISTER, PREFIX, SEGMENT } from "./constants.ts";
export { decodeBatch, decodeInto } from "./decode.ts";
export { createDecodedInstruction, type DecodedInstruction, unpackRow } from "./decoded.ts";
export {
  type ControlFlow,
  type FlagsUse,
  FORM_COUNT,
  FORMS,
  formAt,
  type InstructionForm,
  type OperandAccess,
} from "./forms.ts";
export {
  type BranchOperand,
  type DecodeOptions,
  decode,
  type FarPointerOperand,
  type ImmediateOperand,
  type Instruction,
  immediateValue,
  instructionOf,
  type MemoryOperand,
  type NoInstruction,
  type Operand,
  type RegisterOperand,
} from "./instruction.ts";
export { ENCODING } from "./layout.ts";
export { createOperandList, MAX_OPERANDS, OPERAND_KIND, type OperandList, readOperands } from "./operands.ts";
export { NO_REGISTER_ID, REGISTER_BYTES, REGISTER_CLASS, REGISTER_NAMES } from "./registers.ts";
export { ROW_FLAGS, ROW_REGISTERS } from "./row-fields.ts";
export {
  createInstructionRows,
  DecoderError,
  type DecoderExtension,
  type InstructionRows,
  type RowsOptions,
} from "./rows.ts";
