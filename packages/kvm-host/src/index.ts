export type { HostKvmAvailability } from "./availability.ts";
export { HostKvmError, HostKvmUnavailableError, HostKvmUsageError } from "./errors.ts";
export { HostKvm, type HostKvmOptions } from "./host-kvm.ts";
export type { HostMapping } from "./mapping.ts";
