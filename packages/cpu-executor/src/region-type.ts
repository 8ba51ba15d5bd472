/**
 * Parameters and result of a compiled region's function: the context's address and which entry of the region; a REGION_OUTCOME.
 * CONTEXT.rip and the rest are exact.
 */
export const REGION_TYPE = { params: ["i32", "i32"], results: ["i32"] } as const;

/**
 * What a region returns: to go on at CONTEXT.rip, or to go on there with code that is not compiled, because the instruction
 * there, or the budget, is more than the region can do.
 */
export const REGION_OUTCOME = { jump: 0, interpret: 1 } as const;

/**
 * Runs regions from a compiled block on, one after the other (context, block): the block to go on with where the interpreter
 * is to, or a RUN_OUTCOME.
 */
export const REGION_RUN_TYPE = { params: ["i32", "i32"], results: ["i32"] } as const;

/** No block is known for CONTEXT.rip: where a branch has led, or where a region has left an instruction to the interpreter. */
export const RUN_OUTCOME = { lookup: 0, resume: -1 } as const;
