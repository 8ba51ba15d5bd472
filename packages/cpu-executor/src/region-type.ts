/** Parameters and result of a compiled region's function: the context's address; a REGION_OUTCOME. CONTEXT.rip and the rest are exact. */
export const REGION_TYPE = { params: ["i32"], results: ["i32"] } as const;

/**
 * What a region returns: to go on at CONTEXT.rip, or to go on there with code that is not compiled, because the instruction
 * there, or the budget, is more than the region can do.
 */
export const REGION_OUTCOME = { jump: 0, interpret: 1 } as const;
