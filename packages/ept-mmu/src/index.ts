export { ACCESS } from "./access-rights.ts";
export { type GuestPhysicalAddress, gpa, isCanonical } from "./address.ts";
export { EPT_CAPABILITY, EPT_EXIT, EPT_PTE, EPT_VIOLATION, EPTP_ACCESSED_DIRTY } from "./ept-entry.ts";
export { EptWalker } from "./ept-walk.ts";
export { GuestMmu, type GuestMmuConfiguration, type GuestMmuOptions, TRANSLATION } from "./guest-mmu.ts";
export { INVALIDATION, invalidatedByMovToCr4 } from "./invalidation.ts";
export type { PagingRegisters } from "./paging-registers.ts";
export { PDPTE_LOAD } from "./pdpte-registers.ts";
export { SPTE_FORMAT, type SpteFormat, type TdpMapEvent, TdpMmu, type TdpMmuOptions } from "./tdp-mmu.ts";
