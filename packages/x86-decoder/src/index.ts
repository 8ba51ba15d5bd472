export { decodeInto } from "./decode.ts";
export {
  BASE_RIP,
  createDecodedInstruction,
  DECODE_STATUS,
  type DecodedInstruction,
  NO_REGISTER,
  PREFIX,
  SEGMENT,
} from "./decoded.ts";
export { type ControlFlow, type FlagsUse, FORMS, type InstructionForm, type OperandAccess } from "./forms.ts";
