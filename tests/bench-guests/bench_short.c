/* A short program: ten million instructions in eight routines, none of which
 * runs for long.  What it costs to compile them has to pay for itself. */
#include "rt.h"

const char bench_name[] = "short";
const u32 bench_scale = 1;

#define SIEVE 120000
#define BYTES 12288
#define SORTED 700
#define SIDE 48
#define SLOTS 4096
#define NODES 2048

static u8 composite[SIEVE];
static u8 bytes[BYTES];
static u32 words[SORTED];
static u32 left[SIDE][SIDE], right[SIDE][SIDE];
static u32 slots[SLOTS];
static u16 next[NODES];

static u32 primes(void)
{
	u32 count = 0;
	for (u32 i = 2; i < SIEVE; i++)
		composite[i] = 0;
	for (u32 i = 2; i < SIEVE; i++) {
		if (composite[i])
			continue;
		count++;
		for (u32 j = i * 2; j < SIEVE; j += i)
			composite[j] = 1;
	}
	return count;
}

static u32 __attribute__((noinline)) fibonacci(u32 n)
{
	return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static u32 bitwise_crc(u32 seed)
{
	u32 crc = ~0u;
	for (u32 i = 0; i < BYTES; i++)
		bytes[i] = (u8)(rt_rand(&seed) >> 13);
	for (u32 i = 0; i < BYTES; i++) {
		crc ^= bytes[i];
		for (int k = 0; k < 8; k++)
			crc = crc & 1 ? 0xedb88320u ^ (crc >> 1) : crc >> 1;
	}
	return crc;
}

static u32 insertion_sort(u32 seed)
{
	u32 sum = 0;
	for (u32 i = 0; i < SORTED; i++) {
		u32 value = rt_rand(&seed), j = i;
		for (; j && words[j - 1] > value; j--)
			words[j] = words[j - 1];
		words[j] = value;
	}
	for (u32 i = 0; i < SORTED; i++)
		sum = rt_mix(sum, words[i]);
	return sum;
}

static u32 product(u32 seed)
{
	u32 trace = 0;
	for (u32 i = 0; i < SIDE; i++)
		for (u32 j = 0; j < SIDE; j++) {
			left[i][j] = rt_rand(&seed) >> 20;
			right[i][j] = rt_rand(&seed) >> 20;
		}
	for (u32 i = 0; i < SIDE; i++)
		for (u32 j = 0; j < SIDE; j++) {
			u32 sum = 0;
			for (u32 k = 0; k < SIDE; k++)
				sum += left[i][k] * right[k][j];
			trace ^= sum;
		}
	return trace;
}

static u32 hash_table(u32 seed)
{
	u32 found = 0;
	for (u32 i = 0; i < SLOTS; i++)
		slots[i] = 0;
	for (u32 i = 0; i < SLOTS * 3; i++) {
		u32 key = (rt_rand(&seed) >> 8) % (SLOTS / 2) + 1;
		u32 at = key * 0x9e3779b1u >> 20;
		while (slots[at] && slots[at] != key)
			at = (at + 1) & (SLOTS - 1);
		found += slots[at] == key;
		slots[at] = key;
	}
	return found;
}

static u32 list_walk(u32 steps)
{
	u32 at = 0, sum = 0;
	for (u32 i = 0; i < NODES; i++)
		next[i] = (u16)((i * 997 + 1) & (NODES - 1));
	while (steps--) {
		sum += at;
		at = next[at];
	}
	return sum;
}

static u32 state_machine(u32 steps, u32 seed)
{
	u32 state = 0, count = 0;
	while (steps--) {
		u32 input = rt_rand(&seed) >> 30;
		switch (state) {
		case 0: state = input == 0 ? 0 : 1; break;
		case 1: state = input < 2 ? 2 : 0; break;
		case 2: state = input + 1; break;
		case 3: state = input == 3 ? 4 : 1; count += 3; break;
		default: state = 0; count++; break;
		}
	}
	return count;
}

u32 bench_run(u32 scale)
{
	u32 sum = 0;
	for (u32 r = 0; r < scale; r++) {
		sum = rt_mix(sum, primes());
		sum = rt_mix(sum, fibonacci(23));
		sum = rt_mix(sum, bitwise_crc(r + 1));
		sum = rt_mix(sum, insertion_sort(r + 2));
		sum = rt_mix(sum, product(r + 3));
		sum = rt_mix(sum, hash_table(r + 4));
		sum = rt_mix(sum, list_walk(200000));
		sum = rt_mix(sum, state_machine(100000, r + 5));
	}
	return sum;
}
