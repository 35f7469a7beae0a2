// How many bytes an x86-64 instruction reads or writes in memory: what becomes the length and strobes of an AXI access.
//
// Moves, comparisons and arithmetic with one operand in memory, as compilers and memcpy use them; the encodings are those of
// the Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.
#include "board.hpp"

namespace board {

namespace {

struct Prefixes {
    bool operand16 = false;  // 66
    bool wide = false;       // REX.W
    int repeat = 0;          // F2 or F3
};

int word(const Prefixes& seen) { return seen.wide ? 8 : seen.operand16 ? 2 : 4; }

int one_byte(uint8_t code, const Prefixes& seen) {
    if (code < 0x40) {  // add, or, adc, sbb, and, sub, xor, cmp with a register
        if ((code & 7) > 3) return 0;
        return code & 1 ? word(seen) : 1;
    }
    switch (code) {
        case 0x63: return 4;  // movsxd
        case 0x80: case 0x84: case 0x88: case 0x8A: case 0xA4: case 0xAA: case 0xAC: case 0xC6: case 0xF6: return 1;
        case 0x81: case 0x83: case 0x85: case 0x89: case 0x8B: case 0xA5: case 0xAB: case 0xAD: case 0xC7: case 0xF7:
            return word(seen);
        default: return 0;
    }
}

// Opcodes after 0F, also in their VEX and EVEX forms, whose vectors have `vector` bytes.
int two_byte(uint8_t code, const Prefixes& seen, int vector) {
    switch (code) {
        case 0x10: case 0x11:  // movups, movupd, movss, movsd
            return seen.repeat == 0xF3 ? 4 : seen.repeat == 0xF2 ? 8 : vector;
        case 0x12: case 0x13: case 0x16: case 0x17: case 0xD6: return 8;  // halves of a vector
        case 0x28: case 0x29: case 0x2B: case 0xE7: return vector;        // aligned, non-temporal
        case 0x6E: return seen.wide ? 8 : 4;                             // movd, movq
        case 0x7E: return seen.repeat == 0xF3 ? 8 : seen.wide ? 8 : 4;
        case 0x6F: case 0x7F: return seen.operand16 || seen.repeat ? vector : 8;
        case 0xF0: return seen.repeat == 0xF2 ? vector : 0;  // lddqu
        case 0xB6: case 0xBE: return 1;                      // movzx, movsx
        case 0xB7: case 0xBF: return 2;
        case 0xC3: return word(seen);                        // movnti
        default: return 0;
    }
}

constexpr int PREFIX_OF[] = {0, 0x66, 0xF3, 0xF2};

Prefixes encoded(int pp, bool wide) {
    Prefixes seen;
    seen.operand16 = PREFIX_OF[pp] == 0x66;
    seen.repeat = pp > 1 ? PREFIX_OF[pp] : 0;
    seen.wide = wide;
    return seen;
}

}  // namespace

int access_width(const uint8_t* code) {
    Prefixes seen;
    for (;; ++code) {
        if (*code == 0x66) seen.operand16 = true;
        else if (*code == 0xF2 || *code == 0xF3) seen.repeat = *code;
        else if (*code != 0x2E && *code != 0x36 && *code != 0x3E && *code != 0x26 && *code != 0x64 && *code != 0x65) break;
    }
    if ((*code & 0xF0) == 0x40) seen.wide = *code++ & 8;
    if (*code == 0xC5) return two_byte(code[2], encoded(code[1] & 3, false), code[1] & 4 ? 32 : 16);
    if (*code == 0xC4 && (code[1] & 0x1F) == 1)
        return two_byte(code[3], encoded(code[2] & 3, code[2] & 0x80), code[2] & 4 ? 32 : 16);
    if (*code == 0x62 && (code[1] & 7) == 1)
        return two_byte(code[4], encoded(code[2] & 3, code[2] & 0x80), 16 << (code[3] >> 5 & 3));
    if (code[0] == 0x0F && code[1] == 0x38 && code[2] == 0x2A) return 16;  // movntdqa
    return *code == 0x0F ? two_byte(code[1], seen, 16) : one_byte(*code, seen);
}

}  // namespace board
