#include "textflag.h"

// TILE_ARGUMENTS loads what every tile is given; strides become bytes.
#define TILE_ARGUMENTS \
	MOVQ k+0(FP), CX       \
	MOVQ a_base+8(FP), SI  \
	MOVQ rs+32(FP), R8     \
	MOVQ cs+40(FP), R9     \
	MOVQ b_base+48(FP), DX \
	MOVQ c_base+72(FP), DI \
	MOVQ ldc+96(FP), R11   \
	SHLQ $2, R8            \
	SHLQ $2, R9            \
	SHLQ $2, R11           \
	LEAQ (R8)(R8*2), R10

// func Tile4x24(k int, a []float32, rs, cs int, b, c []float32, ldc int, accumulate bool)
//
// Y4..Y15  sums, row by row, 3 vectors each
// Y0..Y2   row p of B
// Y3        A[i, p] in all lanes
// SI a, R8 rs, R10 3·rs, R9 cs (bytes), DX b, DI c, R11 ldc (bytes), CX k left
TEXT ·Tile4x24(SB), NOSPLIT, $0-105
	TILE_ARGUMENTS
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
	VXORPS Y8, Y8, Y8
	VXORPS Y9, Y9, Y9
	VXORPS Y10, Y10, Y10
	VXORPS Y11, Y11, Y11
	VXORPS Y12, Y12, Y12
	VXORPS Y13, Y13, Y13
	VXORPS Y14, Y14, Y14
	VXORPS Y15, Y15, Y15
	TESTQ CX, CX
	JZ    store

step: // sums += A[:, p] · B[p, :]
	VMOVUPS 0(DX), Y0
	VMOVUPS 32(DX), Y1
	VMOVUPS 64(DX), Y2
	VBROADCASTSS (SI), Y3
	VFMADD231PS Y0, Y3, Y4
	VFMADD231PS Y1, Y3, Y5
	VFMADD231PS Y2, Y3, Y6
	VBROADCASTSS (SI)(R8*1), Y3
	VFMADD231PS Y0, Y3, Y7
	VFMADD231PS Y1, Y3, Y8
	VFMADD231PS Y2, Y3, Y9
	VBROADCASTSS (SI)(R8*2), Y3
	VFMADD231PS Y0, Y3, Y10
	VFMADD231PS Y1, Y3, Y11
	VFMADD231PS Y2, Y3, Y12
	VBROADCASTSS (SI)(R10*1), Y3
	VFMADD231PS Y0, Y3, Y13
	VFMADD231PS Y1, Y3, Y14
	VFMADD231PS Y2, Y3, Y15
	ADDQ R9, SI
	ADDQ $96, DX
	DECQ CX
	JNZ  step

store:
	MOVBLZX accumulate+104(FP), AX
	TESTQ AX, AX
	JZ    write

add: // C is added to the sums
	MOVQ DI, BX
	VADDPS 0(BX), Y4, Y4
	VADDPS 32(BX), Y5, Y5
	VADDPS 64(BX), Y6, Y6
	ADDQ R11, BX
	VADDPS 0(BX), Y7, Y7
	VADDPS 32(BX), Y8, Y8
	VADDPS 64(BX), Y9, Y9
	ADDQ R11, BX
	VADDPS 0(BX), Y10, Y10
	VADDPS 32(BX), Y11, Y11
	VADDPS 64(BX), Y12, Y12
	ADDQ R11, BX
	VADDPS 0(BX), Y13, Y13
	VADDPS 32(BX), Y14, Y14
	VADDPS 64(BX), Y15, Y15

write:
	VMOVUPS Y4, 0(DI)
	VMOVUPS Y5, 32(DI)
	VMOVUPS Y6, 64(DI)
	ADDQ R11, DI
	VMOVUPS Y7, 0(DI)
	VMOVUPS Y8, 32(DI)
	VMOVUPS Y9, 64(DI)
	ADDQ R11, DI
	VMOVUPS Y10, 0(DI)
	VMOVUPS Y11, 32(DI)
	VMOVUPS Y12, 64(DI)
	ADDQ R11, DI
	VMOVUPS Y13, 0(DI)
	VMOVUPS Y14, 32(DI)
	VMOVUPS Y15, 64(DI)
	VZEROUPPER
	RET

// func Tile4x16(k int, a []float32, rs, cs int, b, c []float32, ldc int, accumulate bool)
//
// Y4..Y11  sums, row by row, 2 vectors each
// Y0..Y1   row p of B
// Y3        A[i, p] in all lanes
// SI a, R8 rs, R10 3·rs, R9 cs (bytes), DX b, DI c, R11 ldc (bytes), CX k left
TEXT ·Tile4x16(SB), NOSPLIT, $0-105
	TILE_ARGUMENTS
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
	VXORPS Y8, Y8, Y8
	VXORPS Y9, Y9, Y9
	VXORPS Y10, Y10, Y10
	VXORPS Y11, Y11, Y11
	TESTQ CX, CX
	JZ    store

step: // sums += A[:, p] · B[p, :]
	VMOVUPS 0(DX), Y0
	VMOVUPS 32(DX), Y1
	VBROADCASTSS (SI), Y3
	VFMADD231PS Y0, Y3, Y4
	VFMADD231PS Y1, Y3, Y5
	VBROADCASTSS (SI)(R8*1), Y3
	VFMADD231PS Y0, Y3, Y6
	VFMADD231PS Y1, Y3, Y7
	VBROADCASTSS (SI)(R8*2), Y3
	VFMADD231PS Y0, Y3, Y8
	VFMADD231PS Y1, Y3, Y9
	VBROADCASTSS (SI)(R10*1), Y3
	VFMADD231PS Y0, Y3, Y10
	VFMADD231PS Y1, Y3, Y11
	ADDQ R9, SI
	ADDQ $64, DX
	DECQ CX
	JNZ  step

store:
	MOVBLZX accumulate+104(FP), AX
	TESTQ AX, AX
	JZ    write

add: // C is added to the sums
	MOVQ DI, BX
	VADDPS 0(BX), Y4, Y4
	VADDPS 32(BX), Y5, Y5
	ADDQ R11, BX
	VADDPS 0(BX), Y6, Y6
	VADDPS 32(BX), Y7, Y7
	ADDQ R11, BX
	VADDPS 0(BX), Y8, Y8
	VADDPS 32(BX), Y9, Y9
	ADDQ R11, BX
	VADDPS 0(BX), Y10, Y10
	VADDPS 32(BX), Y11, Y11

write:
	VMOVUPS Y4, 0(DI)
	VMOVUPS Y5, 32(DI)
	ADDQ R11, DI
	VMOVUPS Y6, 0(DI)
	VMOVUPS Y7, 32(DI)
	ADDQ R11, DI
	VMOVUPS Y8, 0(DI)
	VMOVUPS Y9, 32(DI)
	ADDQ R11, DI
	VMOVUPS Y10, 0(DI)
	VMOVUPS Y11, 32(DI)
	VZEROUPPER
	RET

// func Tile4x8(k int, a []float32, rs, cs int, b, c []float32, ldc int, accumulate bool)
//
// Y4..Y7  sums, row by row, 1 vectors each
// Y0..Y0   row p of B
// Y3        A[i, p] in all lanes
// SI a, R8 rs, R10 3·rs, R9 cs (bytes), DX b, DI c, R11 ldc (bytes), CX k left
TEXT ·Tile4x8(SB), NOSPLIT, $0-105
	TILE_ARGUMENTS
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
	TESTQ CX, CX
	JZ    store

step: // sums += A[:, p] · B[p, :]
	VMOVUPS 0(DX), Y0
	VBROADCASTSS (SI), Y3
	VFMADD231PS Y0, Y3, Y4
	VBROADCASTSS (SI)(R8*1), Y3
	VFMADD231PS Y0, Y3, Y5
	VBROADCASTSS (SI)(R8*2), Y3
	VFMADD231PS Y0, Y3, Y6
	VBROADCASTSS (SI)(R10*1), Y3
	VFMADD231PS Y0, Y3, Y7
	ADDQ R9, SI
	ADDQ $32, DX
	DECQ CX
	JNZ  step

store:
	MOVBLZX accumulate+104(FP), AX
	TESTQ AX, AX
	JZ    write

add: // C is added to the sums
	MOVQ DI, BX
	VADDPS 0(BX), Y4, Y4
	ADDQ R11, BX
	VADDPS 0(BX), Y5, Y5
	ADDQ R11, BX
	VADDPS 0(BX), Y6, Y6
	ADDQ R11, BX
	VADDPS 0(BX), Y7, Y7

write:
	VMOVUPS Y4, 0(DI)
	ADDQ R11, DI
	VMOVUPS Y5, 0(DI)
	ADDQ R11, DI
	VMOVUPS Y6, 0(DI)
	ADDQ R11, DI
	VMOVUPS Y7, 0(DI)
	VZEROUPPER
	RET

// func PackRows(dst, src []float32, k, width, lds int)
//
// DI dst, SI src, CX rows left, R8 width (bytes), R9 lds (bytes), BX place in the row
TEXT ·PackRows(SB), NOSPLIT, $0-72
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ k+48(FP), CX
	MOVQ width+56(FP), R8
	MOVQ lds+64(FP), R9
	SHLQ $2, R8
	SHLQ $2, R9
	TESTQ CX, CX
	JZ   done
	CMPQ R8, $16
	JEQ  narrow

row:
	XORQ BX, BX

vector: // dst[p·width + j] = src[p·lds + j], 8 at a time
	VMOVUPS (SI)(BX*1), Y0
	VMOVUPS Y0, (DI)(BX*1)
	ADDQ $32, BX
	CMPQ BX, R8
	JLT  vector
	ADDQ R8, DI
	ADDQ R9, SI
	DECQ CX
	JNZ  row
	VZEROUPPER
	RET

narrow: // rows of 4 elements
	VMOVUPS (SI), X0
	VMOVUPS X0, (DI)
	ADDQ $16, DI
	ADDQ R9, SI
	DECQ CX
	JNZ  narrow

done:
	VZEROUPPER
	RET

// func PackTranspose8(dst, src []float32, k, lds, ldd int)
//
// SI src rows 0..3, AX rows 4..7, R8 lds, R10 3·lds (bytes); DI dst, R9 ldd, R11 3·ldd (bytes); CX k left
TEXT ·PackTranspose8(SB), NOSPLIT, $0-72
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ k+48(FP), CX
	MOVQ lds+56(FP), R8
	MOVQ ldd+64(FP), R9
	SHLQ $2, R8
	SHLQ $2, R9
	LEAQ (R8)(R8*2), R10
	LEAQ (R9)(R9*2), R11
	LEAQ (SI)(R8*4), AX
	TESTQ CX, CX
	JZ   done

block: // an 8×8 block: 128-bit halves of rows i and i+4 side by side, then two rounds of shuffles
	VMOVUPS (SI), X0
	VMOVUPS (SI)(R8*1), X1
	VMOVUPS (SI)(R8*2), X2
	VMOVUPS (SI)(R10*1), X3
	VINSERTF128 $1, (AX), Y0, Y0
	VINSERTF128 $1, (AX)(R8*1), Y1, Y1
	VINSERTF128 $1, (AX)(R8*2), Y2, Y2
	VINSERTF128 $1, (AX)(R10*1), Y3, Y3
	VMOVUPS 16(SI), X4
	VMOVUPS 16(SI)(R8*1), X5
	VMOVUPS 16(SI)(R8*2), X6
	VMOVUPS 16(SI)(R10*1), X7
	VINSERTF128 $1, 16(AX), Y4, Y4
	VINSERTF128 $1, 16(AX)(R8*1), Y5, Y5
	VINSERTF128 $1, 16(AX)(R8*2), Y6, Y6
	VINSERTF128 $1, 16(AX)(R10*1), Y7, Y7

	VUNPCKLPS Y1, Y0, Y8   // 0₀ 1₀ 0₁ 1₁ | 4₀ 5₀ 4₁ 5₁
	VUNPCKHPS Y1, Y0, Y9   // 0₂ 1₂ 0₃ 1₃ | …
	VUNPCKLPS Y3, Y2, Y10  // 2₀ 3₀ 2₁ 3₁ | …
	VUNPCKHPS Y3, Y2, Y11
	VUNPCKLPD Y10, Y8, Y0  // column 0: 0₀ 1₀ 2₀ 3₀ | 4₀ 5₀ 6₀ 7₀
	VUNPCKHPD Y10, Y8, Y1
	VUNPCKLPD Y11, Y9, Y2
	VUNPCKHPD Y11, Y9, Y3
	VUNPCKLPS Y5, Y4, Y8
	VUNPCKHPS Y5, Y4, Y9
	VUNPCKLPS Y7, Y6, Y10
	VUNPCKHPS Y7, Y6, Y11
	VUNPCKLPD Y10, Y8, Y4
	VUNPCKHPD Y10, Y8, Y5
	VUNPCKLPD Y11, Y9, Y6
	VUNPCKHPD Y11, Y9, Y7

	VMOVUPS Y0, (DI)
	VMOVUPS Y1, (DI)(R9*1)
	VMOVUPS Y2, (DI)(R9*2)
	VMOVUPS Y3, (DI)(R11*1)
	LEAQ (DI)(R9*4), DI
	VMOVUPS Y4, (DI)
	VMOVUPS Y5, (DI)(R9*1)
	VMOVUPS Y6, (DI)(R9*2)
	VMOVUPS Y7, (DI)(R11*1)
	LEAQ (DI)(R9*4), DI
	ADDQ $32, SI
	ADDQ $32, AX
	SUBQ $8, CX
	JG   block

done:
	VZEROUPPER
	RET

// func PeakFMA(n int)
//
// Twelve chains, as many as the tile has, on registers alone.
TEXT ·PeakFMA(SB), NOSPLIT, $0-8
	MOVQ n+0(FP), CX
	VXORPS Y14, Y14, Y14
	VXORPS Y15, Y15, Y15

loop:
	VFMADD231PS Y15, Y14, Y0
	VFMADD231PS Y15, Y14, Y1
	VFMADD231PS Y15, Y14, Y2
	VFMADD231PS Y15, Y14, Y3
	VFMADD231PS Y15, Y14, Y4
	VFMADD231PS Y15, Y14, Y5
	VFMADD231PS Y15, Y14, Y6
	VFMADD231PS Y15, Y14, Y7
	VFMADD231PS Y15, Y14, Y8
	VFMADD231PS Y15, Y14, Y9
	VFMADD231PS Y15, Y14, Y10
	VFMADD231PS Y15, Y14, Y11
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET
