export { EmulatedKvm, type EmulatedKvmOptions } from "./emulated-kvm.ts";
export { EmulatedKvmError, InvalidOptionError, MappingAccessError } from "./errors.ts";
export type { TraceEvent, TraceSink } from "./trace-events.ts";
export type { UserMapping } from "./user-mapping.ts";
export type { IoctlArgument } from "./user-pointer.ts";
