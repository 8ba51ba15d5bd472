/* Executes instructions on this machine's own processor. Reads struct header and records from file 0, writes what came of
 * them to file 1; built and driven by native-oracle.ts. x86-64 Linux, user mode. Freestanding: there is no thread-local
 * storage, so FS and GS are the instruction's, and nothing but the instruction touches vector registers. */
#include <asm/ldt.h>
#include <asm/sigcontext.h>
#include <asm/unistd.h>
#include <linux/mman.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096UL
#define REGION_BYTES 1024
#define MAX_PAGES 16
#define MAX_SEGMENTS 64
#define BATCH 32

struct header {
	uint32_t records;
	uint32_t code_page;
	uint32_t pages;
	uint32_t segments;
	uint32_t page[MAX_PAGES];
	struct user_desc segment[MAX_SEGMENTS];
};

/* test/support/native-record.ts has the same offsets. */
struct record {
	uint64_t gpr[16];
	uint32_t rflags;
	uint32_t trap;
	uint32_t error_code;
	uint32_t ip;
	uint64_t fault_address;
	uint64_t fs_base;
	uint64_t gs_base;
	uint32_t code_length;
	uint32_t landing;
	uint8_t code[16];
	uint16_t selectors[6];
	uint32_t bits;
	uint32_t region;
	uint32_t region_from;
	uint32_t region_to;
	uint32_t code_base;
	uint8_t fx[512];
	uint8_t memory[REGION_BYTES];
	uint8_t unused[32];
};

_Static_assert(offsetof(struct record, fx) == 224 && sizeof(struct record) == 1792, "native-record.ts");

/* What comes before the records on file 1. */
struct answer {
	/* -errno of the segment that Linux refused first, or 0. */
	int32_t refused;
	uint32_t refused_segment;
	uint64_t xcr0;
};

struct record rec __attribute__((aligned(64)));
static const uint32_t initial_mxcsr __attribute__((used)) = 0x1f80;
uint64_t host_stack;
uint32_t host_ss;
uint32_t landed;
struct {
	uint32_t offset;
	uint16_t selector;
} far_target __attribute__((aligned(8)));

void run_snippet(void);
void snippet_exit(void);
void snippet_landed(void);
void snippet_recover(void);
void restore_signal(void);

__asm__(
	".text\n"
	"run_snippet:\n"
	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"mov %rsp, host_stack(%rip)\n"
	"fxrstor64 rec+224(%rip)\n"
	"mov rec+192(%rip), %ax; mov %eax, %es; mov rec+198(%rip), %ax; mov %eax, %ds\n"
	"mov rec+200(%rip), %ax; mov %eax, %fs; mov rec+202(%rip), %ax; mov %eax, %gs\n"
	"cmpl $64, rec+204(%rip); jne 1f\n"
	"mov rec+152(%rip), %rax; wrfsbase %rax; mov rec+160(%rip), %rax; wrgsbase %rax\n"
	"1: mov rec+128(%rip), %eax; push %rax; popfq\n"
	"mov rec+196(%rip), %ax; mov %eax, %ss\n"
	"mov rec+32(%rip), %rsp\n"
	"mov rec+0(%rip), %rax; mov rec+8(%rip), %rcx; mov rec+16(%rip), %rdx; mov rec+24(%rip), %rbx\n"
	"mov rec+40(%rip), %rbp; mov rec+48(%rip), %rsi; mov rec+56(%rip), %rdi\n"
	"mov rec+64(%rip), %r8; mov rec+72(%rip), %r9; mov rec+80(%rip), %r10; mov rec+88(%rip), %r11\n"
	"mov rec+96(%rip), %r12; mov rec+104(%rip), %r13; mov rec+112(%rip), %r14; mov rec+120(%rip), %r15\n"
	"ljmpl *far_target(%rip)\n"
	"snippet_landed:\n"
	"movl $1, landed(%rip)\n"
	"snippet_exit:\n"
	"mov %rax, rec+0(%rip); mov %rcx, rec+8(%rip); mov %rdx, rec+16(%rip); mov %rbx, rec+24(%rip)\n"
	"mov %rsp, rec+32(%rip); mov %rbp, rec+40(%rip); mov %rsi, rec+48(%rip); mov %rdi, rec+56(%rip)\n"
	"mov %r8, rec+64(%rip); mov %r9, rec+72(%rip); mov %r10, rec+80(%rip); mov %r11, rec+88(%rip)\n"
	"mov %r12, rec+96(%rip); mov %r13, rec+104(%rip); mov %r14, rec+112(%rip); mov %r15, rec+120(%rip)\n"
	"mov %ss, %eax; mov %ax, rec+196(%rip)\n"
	"mov host_ss(%rip), %eax; mov %eax, %ss; mov host_stack(%rip), %rsp\n"
	"pushfq; pop %rax; mov %eax, rec+128(%rip)\n"
	"mov %es, %eax; mov %ax, rec+192(%rip); mov %ds, %eax; mov %ax, rec+198(%rip)\n"
	"mov %fs, %eax; mov %ax, rec+200(%rip); mov %gs, %eax; mov %ax, rec+202(%rip)\n"
	"rdfsbase %rax; mov %rax, rec+152(%rip); rdgsbase %rax; mov %rax, rec+160(%rip)\n"
	"fxsave64 rec+224(%rip)\n"
	"snippet_recover:\n"
	"push $0x202; popfq\n"
	"fninit; ldmxcsr initial_mxcsr(%rip)\n"
	"xor %eax, %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %fs; mov %eax, %gs\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"ret\n"
	"restore_signal:\n"
	"mov $15, %eax; syscall\n" /* rt_sigreturn: never reached, the handler does not return */
	".globl _start\n"
	"_start:\n"
	"xor %ebp, %ebp; and $-16, %rsp; call start\n");

static long system_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static void copy(void *to, const void *from, size_t bytes)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

static void zero(void *to, size_t bytes)
{
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(0) : "memory");
}

static __attribute__((noreturn)) void leave(int code)
{
	for (;;)
		system_call(__NR_exit_group, code, 0, 0, 0, 0, 0);
}

/* Reads or writes exactly this many bytes, or ends the program. */
static void transfer(long number, int file, void *data, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		long count = system_call(number, file, (long)((char *)data + done), (long)(bytes - done), 0, 0, 0);

		if (count <= 0)
			leave(3);
		done += (size_t)count;
	}
}

struct user_context {
	unsigned long flags;
	void *link;
	struct {
		void *address;
		int flags;
		size_t size;
	} stack;
	struct sigcontext registers;
};

/* The instruction raised an exception. What is interrupted is not returned to: that saves a system call. */
static void on_signal(int number, void *info, struct user_context *context)
{
	struct sigcontext *c = &context->registers;

	(void)number;
	(void)info;
	rec.gpr[0] = c->rax, rec.gpr[1] = c->rcx, rec.gpr[2] = c->rdx, rec.gpr[3] = c->rbx;
	rec.gpr[4] = c->rsp, rec.gpr[5] = c->rbp, rec.gpr[6] = c->rsi, rec.gpr[7] = c->rdi;
	rec.gpr[8] = c->r8, rec.gpr[9] = c->r9, rec.gpr[10] = c->r10, rec.gpr[11] = c->r11;
	rec.gpr[12] = c->r12, rec.gpr[13] = c->r13, rec.gpr[14] = c->r14, rec.gpr[15] = c->r15;
	rec.rflags = (uint32_t)c->eflags;
	rec.trap = (uint32_t)c->trapno + 1;
	rec.error_code = (uint32_t)c->err;
	rec.ip = (uint32_t)c->rip;
	rec.fault_address = c->cr2;
	__asm__("mov %%es, %0" : "=m"(rec.selectors[0]));
	rec.selectors[1] = c->cs;
	rec.selectors[2] = c->ss;
	__asm__("mov %%ds, %0" : "=m"(rec.selectors[3]));
	__asm__("mov %%fs, %0" : "=m"(rec.selectors[4]));
	__asm__("mov %%gs, %0" : "=m"(rec.selectors[5]));
	__asm__("rdfsbase %0" : "=r"(rec.fs_base));
	__asm__("rdgsbase %0" : "=r"(rec.gs_base));
	copy(rec.fx, (void *)(uintptr_t)c->fpstate, sizeof rec.fx);
	__asm__ volatile("mov host_stack(%rip), %rsp; jmp snippet_recover");
}

static uint8_t signal_stack[65536] __attribute__((aligned(64)));

static void install_handler(void)
{
	static const int caught[] = { 4 /* ILL */, 5 /* TRAP */, 7 /* BUS */, 8 /* FPE */, 11 /* SEGV */ };
	struct {
		void *address;
		int flags;
		size_t size;
	} stack = { signal_stack, 0, sizeof signal_stack };
	struct {
		void *handler;
		unsigned long flags;
		void *restorer;
		unsigned long mask;
	} action = { (void *)on_signal, 0x4c000004 /* SIGINFO, RESTORER, ONSTACK, NODEFER */, (void *)restore_signal, 0 };

	system_call(__NR_sigaltstack, (long)&stack, 0, 0, 0, 0, 0);
	for (unsigned i = 0; i < sizeof caught / sizeof *caught; i++)
		system_call(__NR_rt_sigaction, caught[i], (long)&action, 0, 8, 0, 0);
}

static void map_page(uint32_t address, long protection)
{
	long flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

	if (system_call(__NR_mmap, address, PAGE, protection, flags, -1, 0) != (long)address)
		leave(4);
}

/* A jump to an exit. Without a memory operand, so that it works whatever the instruction did. */
static void put_exit(uint8_t *at, void (*target)(void), uint32_t bits)
{
	uint32_t offset = (uint32_t)(uintptr_t)target;
	uint16_t selector = 0x33;

	if (bits == 64) {
		uint32_t distance = offset - ((uint32_t)(uintptr_t)at + 5);

		*at++ = 0xe9;
		copy(at, &distance, 4);
		return;
	}
	if (bits == 16)
		*at++ = 0x66;
	*at++ = 0xea;
	copy(at, &offset, 4);
	copy(at + 4, &selector, 2);
}

static void execute(uint8_t *code)
{
	uint8_t *region = (uint8_t *)(uintptr_t)rec.region;
	uint8_t *from = region + rec.region_from, *to = region + rec.region_to;
	size_t mapped = (size_t)(to - from);
	uint8_t *first = (uint8_t *)((uintptr_t)from & ~(PAGE - 1));
	uint8_t *last = (uint8_t *)(((uintptr_t)to + PAGE - 1) & ~(PAGE - 1));
	uint32_t before = rec.ip;

	copy(code, rec.code, rec.code_length);
	put_exit(code + rec.code_length, snippet_exit, rec.bits);
	if (rec.landing)
		put_exit(code + rec.landing, snippet_landed, rec.bits);
	zero(first, (size_t)(last - first));
	copy(from, rec.memory + rec.region_from, mapped);
	far_target.offset = before;
	far_target.selector = rec.selectors[1];
	landed = 0;
	run_snippet();
	if (!rec.trap)
		rec.ip = before + (landed ? rec.landing : rec.code_length);
	copy(rec.memory + rec.region_from, from, mapped);
}

static struct header header;
static struct answer answer;
static struct record batch[BATCH] __attribute__((aligned(64)));

void start(void)
{
	uint32_t low, high;

	install_handler();
	transfer(__NR_read, 0, &header, sizeof header);
	map_page(header.code_page, PROT_READ | PROT_WRITE | PROT_EXEC);
	for (uint32_t i = 0; i < header.pages; i++)
		map_page(header.page[i], PROT_READ | PROT_WRITE);
	for (uint32_t i = 0; i < header.segments; i++) {
		long result = system_call(__NR_modify_ldt, 0x11, (long)&header.segment[i], sizeof(struct user_desc), 0, 0, 0);

		/* The C library's int is what Linux returns here. */
		if ((int)result != 0 && answer.refused == 0) {
			answer.refused = (int)result;
			answer.refused_segment = i;
		}
	}
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	answer.xcr0 = (uint64_t)high << 32 | low;
	__asm__ volatile("mov %%ss, %0" : "=r"(host_ss));
	transfer(__NR_write, 1, &answer, sizeof answer);
	for (uint32_t left = header.records; left > 0;) {
		uint32_t count = left < BATCH ? left : BATCH;

		transfer(__NR_read, 0, batch, count * sizeof *batch);
		for (uint32_t i = 0; i < count; i++) {
			copy(&rec, &batch[i], sizeof rec);
			execute((uint8_t *)(uintptr_t)header.code_page);
			copy(&batch[i], &rec, sizeof rec);
		}
		transfer(__NR_write, 1, batch, count * sizeof *batch);
		left -= count;
	}
	leave(0);
}
