#include "textflag.h"

// Dropout with Philox4x32-10, a group of 64 elements at a time.
//
// The eight counters of a group are in two sets of four 64-bit lanes, the even
// ones and the odd ones. Of a lane only the lower word counts: VPMULUDQ reads no
// more, and what a shift or product leaves in the upper one does no harm. So the
// two halves of a product need no sorting until the end.

DATA evenLanes<>+0(SB)/8, $0
DATA evenLanes<>+8(SB)/8, $2
DATA evenLanes<>+16(SB)/8, $4
DATA evenLanes<>+24(SB)/8, $6
GLOBL evenLanes<>(SB), RODATA|NOPTR, $32
DATA oddLanes<>+0(SB)/8, $1
DATA oddLanes<>+8(SB)/8, $3
DATA oddLanes<>+16(SB)/8, $5
DATA oddLanes<>+24(SB)/8, $7
GLOBL oddLanes<>(SB), RODATA|NOPTR, $32
DATA lowHalves<>+0(SB)/8, $0x0000ffff0000ffff
DATA lowHalves<>+8(SB)/8, $0x0000ffff0000ffff
DATA lowHalves<>+16(SB)/8, $0x0000ffff0000ffff
DATA lowHalves<>+24(SB)/8, $0x0000ffff0000ffff
GLOBL lowHalves<>(SB), RODATA|NOPTR, $32

// ROUND is one round for four counters c0 to c3 with the key words in Y12 and Y13
// and the multipliers in Y14 and Y15. New c1 and c3 are left in P1 and P0.
#define ROUND(C0, C1, C2, C3, P0, P1) \
	VPMULUDQ Y14, C0, P0          \ // p0 = M0 c0
	VPMULUDQ Y15, C2, P1          \ // p1 = M1 c2
	VPXOR    Y12, C1, C0          \
	VPSRLQ   $32, P1, C1          \
	VPXOR    C1, C0, C0           \ // c0 = high p1 ^ c1 ^ k0
	VPXOR    Y13, C3, C2          \
	VPSRLQ   $32, P0, C3          \
	VPXOR    C3, C2, C2           // c2 = high p0 ^ c3 ^ k1

// ROUNDS is two rounds for all eight counters with the keys at DX; after two of
// them the words are back in Y0 to Y3 and Y6 to Y9.
#define ROUNDS(at) \
	VPBROADCASTD (at)(DX), Y12     \
	VPBROADCASTD (at+4)(DX), Y13   \
	ROUND(Y0, Y1, Y2, Y3, Y4, Y5)  \
	ROUND(Y6, Y7, Y8, Y9, Y10, Y11) \
	VPBROADCASTD (at+8)(DX), Y12   \
	VPBROADCASTD (at+12)(DX), Y13  \
	ROUND(Y0, Y5, Y2, Y4, Y3, Y1)  \
	ROUND(Y6, Y11, Y8, Y10, Y9, Y7)

// KEEP writes 8 elements, given their numbers in N: zero where below the threshold.
#define KEEP(N, at) \
	VPCMPGTD Y13, N, N            \ // number > threshold - 1
	VMULPS   at(SI), Y12, Y5      \
	VPAND    N, Y5, Y5            \
	VMOVUPS  Y5, at(DI)

// HALVES writes the 16 elements whose numbers are one word of each counter.
#define HALVES(EVEN, ODD, at, next) \
	VPSLLQ   $32, ODD, ODD        \
	VPBLENDD $0xaa, ODD, EVEN, EVEN \ // counters 0 to 7 in order
	VPAND    lowHalves<>(SB), EVEN, Y4 \
	VPSRLD   $16, EVEN, EVEN      \
	KEEP(Y4, at)                  \
	KEEP(EVEN, next)

// func dropout64(dst, x *float32, groups int, group uint64, c *generic.DropoutConstants)
//
// Whole groups of 64 elements, see generic.Dropout.
// DI dst, SI x, CX groups left, R8 first counter, DX constants. While the rounds run:
// Y0 to Y3 words of the even counters, Y6 to Y9 of the odd ones, Y4, Y5, Y10, Y11 products,
// Y12, Y13 keys, Y14, Y15 multipliers; then Y12 scale, Y13 threshold - 1.
TEXT ·dropout64(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ groups+16(FP), CX
	MOVQ group+24(FP), R8
	MOVQ c+32(FP), DX
	SHLQ $3, R8
	MOVL $0xD2511F53, AX
	VMOVD AX, X14
	VPBROADCASTD X14, Y14 // M0
	MOVL $0xCD9E8D57, AX
	VMOVD AX, X15
	VPBROADCASTD X15, Y15 // M1
	TESTQ CX, CX
	JZ   done

loop:
	VMOVQ R8, X0
	VPBROADCASTQ X0, Y6
	VPADDQ evenLanes<>(SB), Y6, Y0 // c0
	VPADDQ oddLanes<>(SB), Y6, Y6
	VPSRLQ $32, Y0, Y1             // c1
	VPSRLQ $32, Y6, Y7
	VPBROADCASTD 80(DX), Y2        // c2 = Step
	VPBROADCASTD 80(DX), Y8
	VPBROADCASTD 84(DX), Y3        // c3 = Site
	VPBROADCASTD 84(DX), Y9
	ROUNDS(0)
	ROUNDS(16)
	ROUNDS(32)
	ROUNDS(48)
	ROUNDS(64)
	VBROADCASTSS 92(DX), Y12       // Scale
	VPBROADCASTD 88(DX), Y13       // Threshold
	VPCMPEQD Y4, Y4, Y4            // -1
	VPADDD   Y4, Y13, Y13
	HALVES(Y0, Y6, 0, 32)
	HALVES(Y1, Y7, 64, 96)
	HALVES(Y2, Y8, 128, 160)
	HALVES(Y3, Y9, 192, 224)
	ADDQ $8, R8
	ADDQ $256, SI
	ADDQ $256, DI
	DECQ CX
	JNZ  loop

done:
	VZEROUPPER
	RET
