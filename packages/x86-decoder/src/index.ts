export { decodeBatch, decodeInto } from "./decode.ts";
export {
  BASE_RIP,
  createDecodedInstruction,
  DECODE_STATUS,
  type DecodedInstruction,
  INVALID_REASON,
  NO_REGISTER,
  PREFIX,
  SEGMENT,
  unpackRow,
} from "./decoded.ts";
export { type ControlFlow, type FlagsUse, FORMS, type InstructionForm, type OperandAccess } from "./forms.ts";
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
export { createInstructionRows, DecoderError, type InstructionRows, ROW_FLAGS, ROW_REGISTERS } from "./rows.ts";
export { createOperandList, MAX_OPERANDS, OPERAND_KIND, type OperandList, readOperands } from "./operands.ts";
export { NO_REGISTER_ID, REGISTER_BYTES, REGISTER_CLASS, REGISTER_NAMES } from "./registers.ts";
