export { type GuestPhysicalAddress, gpa } from "./address.ts";
export { EPT_EXIT, EPT_PTE, EPT_VIOLATION, EPTP_ACCESSED_DIRTY } from "./ept-entry.ts";
export { EptWalker } from "./ept-walk.ts";
export { ACCESS, GuestMmu, type GuestMmuConfiguration, type GuestMmuOptions, TRANSLATION } from "./guest-mmu.ts";
export { SPTE_FORMAT, type SpteFormat, type TdpMapEvent, TdpMmu, type TdpMmuOptions } from "./tdp-mmu.ts";
