// Accesses of every width that compilers and memcpy use, to physical memory at argv[1]; prints what is read.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <immintrin.h>
#include <sys/mman.h>

static char* memory;
static uint8_t seen[64];

static void show(const char* name, int bytes) {
    printf("%s ", name);
    for (int i = 0; i < bytes; ++i) printf("%02x", seen[i]);
    puts("");
    fflush(stdout);
}

template <typename T>
static void scalar(const char* name) {
    T value = *reinterpret_cast<volatile T*>(memory + 8);
    memcpy(seen, &value, sizeof value);
    show(name, sizeof value);
}

__attribute__((target("avx"))) static void avx() {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(memory + 128), _mm256_loadu_si256(reinterpret_cast<__m256i*>(memory)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(seen), _mm256_loadu_si256(reinterpret_cast<__m256i*>(memory + 128)));
    show("read32", 32);
}

__attribute__((target("avx512f"))) static void avx512() {
    _mm512_storeu_si512(memory + 192, _mm512_loadu_si512(memory));
    _mm512_storeu_si512(seen, _mm512_loadu_si512(memory + 192));
    show("read64", 64);
}

int main(int, char** arguments) {
    int file = open("/dev/mem", O_RDWR | O_SYNC);
    memory = static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, strtoull(arguments[1], nullptr, 0)));
    const char* what = arguments[2];
    if (!strcmp(what, "narrow")) {
        *reinterpret_cast<volatile uint8_t*>(memory) = 1;
    } else if (!strcmp(what, "unaligned")) {
        scalar<uint8_t>("read1");
        *reinterpret_cast<volatile uint32_t*>(memory + 2) = 1;
    } else {
        for (int i = 0; i < 16; ++i) reinterpret_cast<volatile uint32_t*>(memory)[i] = 0x01020304 * (i + 1);
        scalar<uint8_t>("read1");
        scalar<uint16_t>("read2");
        scalar<uint32_t>("read4");
        scalar<uint64_t>("read8");
        *reinterpret_cast<volatile uint64_t*>(memory + 64) = 0x1122334455667788;
        _mm_storeu_si128(reinterpret_cast<__m128i*>(memory + 80), _mm_loadu_si128(reinterpret_cast<__m128i*>(memory)));
        memcpy(seen, memory + 80, 16);
        show("read16", 16);
        uint32_t copy[16];
        void *to = copy, *from = memory;
        size_t count = 16;
        asm volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
        memcpy(seen, copy, 64);
        show("string", 64);
        uint32_t sum = 1;
        asm volatile("addl %1, %0" : "+r"(sum) : "m"(*reinterpret_cast<uint32_t*>(memory + 4)));
        memcpy(seen, &sum, 4);
        show("add", 4);
        if (__builtin_cpu_supports("avx")) avx();
        if (__builtin_cpu_supports("avx512f")) avx512();
    }
    return munmap(memory, 8192);
}
