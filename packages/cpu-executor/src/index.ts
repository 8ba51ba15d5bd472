export { ACCESS, MMIO_RESULT, MMU_RESULT, type Mmu } from "./mmu.ts";
export { createStopDetails, INTERCEPT, STOP, type StopDetails } from "./stop.ts";
