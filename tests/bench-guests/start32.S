/* 32-bit multiboot entry: flat segments, no paging; with FLOAT, x87 and SSE on. */
	.section .multiboot, "a"
	.align 4
	.long 0x1badb002, 3, -(0x1badb002 + 3)

	.text
	.code32
	.globl _start
_start:
	cli
	lgdt gdtr
	ljmp $0x08, $1f
1:	mov $0x10, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %fs
	mov %ax, %gs
	mov %ax, %ss
	mov $stack_top, %esp
#ifdef FLOAT
	mov %cr0, %eax
	and $~0x0c, %eax	/* EM, TS off */
	or $0x22, %eax		/* MP, NE */
	mov %eax, %cr0
	mov %cr4, %eax
	or $0x600, %eax		/* OSFXSR, OSXMMEXCPT */
	mov %eax, %cr4
	fninit
#endif
	xor %ebp, %ebp
	sub $12, %esp
	push %ebx		/* multiboot info */
	call rt_start

	.globl isr_soft
isr_soft:
	incl rt_softints
	iret

	.globl isr_fault
isr_fault:
	pusha
	call rt_fault
	popa
	add $4, %esp
	iret

	.section .rodata
	.align 8
gdt:	.quad 0
	.quad 0x00cf9b000000ffff	/* 08: code32 */
	.quad 0x00cf93000000ffff	/* 10: data */
gdtr:	.word gdtr - gdt - 1
	.long gdt

	.bss
	.align 16
	.skip 65536
stack_top:

	.section .note.GNU-stack, "", @progbits
