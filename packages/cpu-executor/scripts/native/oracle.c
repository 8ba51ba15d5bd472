/* Executes instructions on this machine's own processor: reads struct input records from stdin, writes struct output
 * records to stdout. Built and driven by native-oracle.ts. 64-bit user mode, x86-64 Linux. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define CODE 0x10000000UL
#define DATA 0x20000000UL
#define WINDOW (DATA + 0x700)
#define WINDOW_BYTES 256

/* FXSAVE64 images are at multiples of 16. */
struct input {
	uint64_t gpr[16];
	uint64_t rflags;
	uint8_t code[16];
	uint64_t code_length;
	uint8_t memory[WINDOW_BYTES];
	uint8_t fx[512];
};

struct output {
	uint64_t gpr[16];
	uint64_t rflags;
	/* Exception vector plus 1, or 0. */
	uint64_t trap;
	uint8_t memory[WINDOW_BYTES];
	uint8_t fx[512];
};

struct input in __attribute__((aligned(16)));
struct output out __attribute__((aligned(16)));
static const uint32_t initial_mxcsr __attribute__((used)) = 0x1f80;
uint64_t host_stack;
uint64_t code_address = CODE;
void run_snippet(void);
void snippet_exit(void);
void snippet_recover(void);

__asm__(
	".text\n"
	"run_snippet:\n"
	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"mov %rsp, host_stack(%rip)\n"
	"fxrstor64 in+416(%rip)\n"
	"pushq in+128(%rip); popfq\n"
	"mov in+0(%rip), %rax; mov in+8(%rip), %rcx; mov in+16(%rip), %rdx; mov in+24(%rip), %rbx\n"
	"mov in+40(%rip), %rbp; mov in+48(%rip), %rsi; mov in+56(%rip), %rdi\n"
	"mov in+64(%rip), %r8; mov in+72(%rip), %r9; mov in+80(%rip), %r10; mov in+88(%rip), %r11\n"
	"mov in+96(%rip), %r12; mov in+104(%rip), %r13; mov in+112(%rip), %r14; mov in+120(%rip), %r15\n"
	"mov in+32(%rip), %rsp\n"
	"jmp *code_address(%rip)\n"
	"snippet_exit:\n"
	"mov %rax, out+0(%rip); mov %rcx, out+8(%rip); mov %rdx, out+16(%rip); mov %rbx, out+24(%rip)\n"
	"mov %rsp, out+32(%rip); mov %rbp, out+40(%rip); mov %rsi, out+48(%rip); mov %rdi, out+56(%rip)\n"
	"mov %r8, out+64(%rip); mov %r9, out+72(%rip); mov %r10, out+80(%rip); mov %r11, out+88(%rip)\n"
	"mov %r12, out+96(%rip); mov %r13, out+104(%rip); mov %r14, out+112(%rip); mov %r15, out+120(%rip)\n"
	"mov host_stack(%rip), %rsp\n"
	"pushfq; popq out+128(%rip)\n"
	"fxsave64 out+400(%rip)\n"
	"snippet_recover:\n"
	"cld; fninit; ldmxcsr initial_mxcsr(%rip)\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"ret\n");

static const int saved_order[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static void on_signal(int number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	(void)number;
	(void)info;
	for (int i = 0; i < 16; i++)
		out.gpr[i] = (uint64_t)uc->uc_mcontext.gregs[saved_order[i]];
	out.rflags = (uint64_t)uc->uc_mcontext.gregs[REG_EFL];
	memcpy(out.fx, uc->uc_mcontext.fpregs, sizeof out.fx);
	out.trap = (uint64_t)uc->uc_mcontext.gregs[REG_TRAPNO] + 1;
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)snippet_recover;
	uc->uc_mcontext.gregs[REG_RSP] = (greg_t)host_stack;
	uc->uc_mcontext.gregs[REG_EFL] &= ~0x40500L; /* AC, TF, DF */
}

static uint8_t signal_stack[65536];

int main(void)
{
	stack_t alternate = { .ss_sp = signal_stack, .ss_size = sizeof signal_stack };
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	static const int caught[] = { SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGBUS };
	uint8_t *code, *data;

	sigaltstack(&alternate, 0);
	for (unsigned i = 0; i < sizeof caught / sizeof *caught; i++)
		sigaction(caught[i], &action, 0);
	code = mmap((void *)CODE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	data = mmap((void *)DATA, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (code == MAP_FAILED || data == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	while (fread(&in, sizeof in, 1, stdin) == 1) {
		uint8_t *after = code + in.code_length;
		uint64_t back = (uint64_t)(uintptr_t)snippet_exit;

		memcpy(code, in.code, in.code_length);
		memcpy(after, "\xff\x25\0\0\0\0", 6); /* jmp *0(%rip) */
		memcpy(after + 6, &back, 8);
		memset(data, 0, 4096);
		memcpy((void *)WINDOW, in.memory, WINDOW_BYTES);
		memset(&out, 0, sizeof out);
		run_snippet();
		memcpy(out.memory, (void *)WINDOW, WINDOW_BYTES);
		if (fwrite(&out, sizeof out, 1, stdout) != 1)
			return 1;
	}
	return 0;
}
