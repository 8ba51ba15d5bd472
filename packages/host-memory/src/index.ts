export { type HostPhysicalAddress, type HostVirtualAddress, hpa, hva, PAGE_SIZE } from "./address.ts";
export {
  AddressSpace,
  type AddressSpaceNotifier,
  type MapOptions,
  type Mapping,
  type MemoryAccess,
  type PageTranslation,
} from "./address-space.ts";
export { BadAddressError, HostMemoryError, InvalidMemoryArgumentError, OutOfHostMemoryError } from "./errors.ts";
export { HostMemory, type HostMemoryOptions } from "./host-memory.ts";
