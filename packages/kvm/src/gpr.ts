/** General registers by their number in instructions (SDM Vol 2, "Encoding of general-purpose registers"). */
export const GPR = { rax: 0, rcx: 1, rdx: 2, rbx: 3, rsp: 4, rbp: 5, rsi: 6, rdi: 7 } as const;
