#include "textflag.h"

// func add8(dst, x, y *float32, n int)
//
// dst = x + y. n is a multiple of 8. DI dst, SI x, DX y, CX elements left
TEXT ·add8(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), DX
	MOVQ n+24(FP), CX
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS (SI), Y0
	VADDPS (DX), Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop

done:
	VZEROUPPER
	RET

// func mul8(dst, x, y *float32, n int)
//
// dst = x y. n is a multiple of 8. DI dst, SI x, DX y, CX elements left
TEXT ·mul8(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), DX
	MOVQ n+24(FP), CX
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS (SI), Y0
	VMULPS (DX), Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop

done:
	VZEROUPPER
	RET

// func scale8(dst *float32, alpha float32, x *float32, n int)
//
// dst = alpha x. n is a multiple of 8. DI dst, SI x, Y1 alpha, CX elements left
TEXT ·scale8(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	VBROADCASTSS alpha+8(FP), Y1
	MOVQ x+16(FP), SI
	MOVQ n+24(FP), CX
	TESTQ CX, CX
	JZ   done

loop:
	VMULPS (SI), Y1, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop

done:
	VZEROUPPER
	RET

// func axpy8(dst *float32, alpha float32, x *float32, n int)
//
// dst = alpha x + dst, fused. n is a multiple of 8. DI dst, SI x, Y1 alpha, CX elements left
TEXT ·axpy8(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	VBROADCASTSS alpha+8(FP), Y1
	MOVQ x+16(FP), SI
	MOVQ n+24(FP), CX
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS (DI), Y0
	VFMADD231PS (SI), Y1, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop

done:
	VZEROUPPER
	RET

// func softmaxGrad8(dst, p, dp *float32, n int, dot, scale float32)
//
// dst = p (dp - dot) scale. n is a multiple of 8. DI dst, SI p, DX dp, Y1 dot, Y2 scale, CX elements left
TEXT ·softmaxGrad8(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ p+8(FP), SI
	MOVQ dp+16(FP), DX
	MOVQ n+24(FP), CX
	VBROADCASTSS dot+32(FP), Y1
	VBROADCASTSS scale+36(FP), Y2
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS (DX), Y0
	VSUBPS Y1, Y0, Y0
	VMULPS (SI), Y0, Y0
	VMULPS Y2, Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop

done:
	VZEROUPPER
	RET

// func layerNormApply8(dst, x, gamma, beta *float32, n int, mean, rstd float32)
//
// dst = (x - mean) rstd gamma + beta. n is a multiple of 8. DI dst, SI x, R8 gamma, R9 beta, Y1 mean, Y2 rstd, CX elements left
TEXT ·layerNormApply8(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ gamma+16(FP), R8
	MOVQ beta+24(FP), R9
	MOVQ n+32(FP), CX
	VBROADCASTSS mean+40(FP), Y1
	VBROADCASTSS rstd+44(FP), Y2
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS (SI), Y0
	VSUBPS Y1, Y0, Y0
	VMULPS Y2, Y0, Y0
	VMOVUPS (R8), Y3
	VFMADD213PS (R9), Y3, Y0 // x̂ gamma + beta
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, R8
	ADDQ $32, R9
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop

done:
	VZEROUPPER
	RET

// func layerNormGradApply8(dst, dy, x, gamma *float32, n int, mean, rstd, meanG, meanGX float32)
//
// dst = rstd (dy gamma - meanG - x̂ meanGX). n is a multiple of 8. DI dst, DX dy, SI x, R8 gamma, Y1 mean, Y2 rstd, Y3 meanG, Y4 meanGX, CX elements left
TEXT ·layerNormGradApply8(SB), NOSPLIT, $0-56
	MOVQ dst+0(FP), DI
	MOVQ dy+8(FP), DX
	MOVQ x+16(FP), SI
	MOVQ gamma+24(FP), R8
	MOVQ n+32(FP), CX
	VBROADCASTSS mean+40(FP), Y1
	VBROADCASTSS rstd+44(FP), Y2
	VBROADCASTSS meanG+48(FP), Y3
	VBROADCASTSS meanGX+52(FP), Y4
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS (SI), Y0
	VSUBPS Y1, Y0, Y0
	VMULPS Y2, Y0, Y0        // x̂
	VMOVUPS (DX), Y5
	VMULPS (R8), Y5, Y5      // g
	VSUBPS Y3, Y5, Y5
	VFNMADD231PS Y4, Y0, Y5  // g - meanG - x̂ meanGX
	VMULPS Y2, Y5, Y5
	VMOVUPS Y5, (DI)
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, R8
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop

done:
	VZEROUPPER
	RET

// func layerNormParamGrad8(dgamma, dbeta, dy, x *float32, n int, mean, rstd float32)
//
// dgamma += dy x̂, dbeta += dy. n is a multiple of 8. DI dgamma, R9 dbeta, DX dy, SI x, Y1 mean, Y2 rstd, CX elements left
TEXT ·layerNormParamGrad8(SB), NOSPLIT, $0-48
	MOVQ dgamma+0(FP), DI
	MOVQ dbeta+8(FP), R9
	MOVQ dy+16(FP), DX
	MOVQ x+24(FP), SI
	MOVQ n+32(FP), CX
	VBROADCASTSS mean+40(FP), Y1
	VBROADCASTSS rstd+44(FP), Y2
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS (SI), Y0
	VSUBPS Y1, Y0, Y0
	VMULPS Y2, Y0, Y0
	VMOVUPS (DX), Y3
	VMOVUPS (DI), Y4
	VFMADD231PS Y0, Y3, Y4
	VMOVUPS Y4, (DI)
	VADDPS (R9), Y3, Y3
	VMOVUPS Y3, (R9)
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, R9
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop

done:
	VZEROUPPER
	RET

// func layerNormGradSums16(sumG, sumGX *[16]float32, dy, x, gamma *float32, n int, mean, rstd float32)
//
// sumG += g, sumGX += g x̂ with g = dy gamma. n is a multiple of 16.
// DX dy, SI x, R8 gamma, CX elements left, Y1 mean, Y2 rstd; Y12, Y13 sumG, Y14, Y15 sumGX
TEXT ·layerNormGradSums16(SB), NOSPLIT, $0-56
	MOVQ sumG+0(FP), DI
	MOVQ sumGX+8(FP), R9
	MOVQ dy+16(FP), DX
	MOVQ x+24(FP), SI
	MOVQ gamma+32(FP), R8
	MOVQ n+40(FP), CX
	VBROADCASTSS mean+48(FP), Y1
	VBROADCASTSS rstd+52(FP), Y2
	VMOVUPS (DI), Y12
	VMOVUPS 32(DI), Y13
	VMOVUPS (R9), Y14
	VMOVUPS 32(R9), Y15
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS (SI), Y3
	VMOVUPS 32(SI), Y4
	VSUBPS  Y1, Y3, Y3
	VSUBPS  Y1, Y4, Y4
	VMULPS  Y2, Y3, Y3 // x̂
	VMULPS  Y2, Y4, Y4
	VMOVUPS (DX), Y5
	VMOVUPS 32(DX), Y6
	VMULPS  (R8), Y5, Y5 // g
	VMULPS  32(R8), Y6, Y6
	VADDPS  Y5, Y12, Y12
	VADDPS  Y6, Y13, Y13
	VFMADD231PS Y3, Y5, Y14
	VFMADD231PS Y4, Y6, Y15
	ADDQ $64, SI
	ADDQ $64, DX
	ADDQ $64, R8
	SUBQ $16, CX
	JG   loop

done:
	VMOVUPS Y12, (DI)
	VMOVUPS Y13, 32(DI)
	VMOVUPS Y14, (R9)
	VMOVUPS Y15, 32(R9)
	VZEROUPPER
	RET

// func adam8(w, grad, m, v *float32, n int, c *generic.AdamConstants)
//
// One step of Adam, see generic.Adam. n is a multiple of 8.
// DI w, SI g, R8 m, R9 v, CX elements left; Y7 to Y15 the constants in order
TEXT ·adam8(SB), NOSPLIT, $0-48
	MOVQ w+0(FP), DI
	MOVQ grad+8(FP), SI
	MOVQ m+16(FP), R8
	MOVQ v+24(FP), R9
	MOVQ n+32(FP), CX
	MOVQ c+40(FP), DX
	VBROADCASTSS (DX), Y7    // GradScale
	VBROADCASTSS 4(DX), Y8   // Decay
	VBROADCASTSS 8(DX), Y9   // L2
	VBROADCASTSS 12(DX), Y10 // OneMinusB1
	VBROADCASTSS 16(DX), Y11 // Beta2
	VBROADCASTSS 20(DX), Y12 // OneMinusB2
	VBROADCASTSS 24(DX), Y13 // InvSqrtBC2
	VBROADCASTSS 28(DX), Y14 // Epsilon
	VBROADCASTSS 32(DX), Y15 // StepSize
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS (DI), Y0
	VMULPS  (SI), Y7, Y1
	VFMADD231PS Y0, Y9, Y1   // g = L2 w + GradScale g
	VMULPS  Y8, Y0, Y0       // w = Decay w
	VMOVUPS (R8), Y2
	VSUBPS  Y2, Y1, Y3
	VFMADD231PS Y3, Y10, Y2  // m += (1-β₁)(g - m)
	VMULPS  (R9), Y11, Y3
	VMULPS  Y12, Y1, Y4
	VFMADD231PS Y1, Y4, Y3   // v = β₂ v + (1-β₂) g²
	VMOVUPS Y2, (R8)
	VMOVUPS Y3, (R9)
	VSQRTPS Y3, Y3
	VFMADD213PS Y14, Y13, Y3 // √v InvSqrtBC2 + ε
	VMULPS  Y15, Y2, Y2
	VDIVPS  Y3, Y2, Y2
	VSUBPS  Y2, Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, R8
	ADDQ $32, R9
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop

done:
	VZEROUPPER
	RET

// func dropout64(dst, x *float32, groups int, group uint64, c *generic.DropoutConstants)
//
// Whole groups of 64 elements, see generic.Dropout. Eight counters side by side:
// Y0 to Y3 their words, Y4 to Y7 products, Y8 the multipliers' lanes.
// DI dst, SI x, CX groups left, R8 group·8, DX constants; Y11 threshold - 1, Y12 scale, Y13 lane numbers, Y14 and Y15 the multipliers
DATA lane<>+0(SB)/8, $0x0000000100000000
DATA lane<>+8(SB)/8, $0x0000000300000002
DATA lane<>+16(SB)/8, $0x0000000500000004
DATA lane<>+24(SB)/8, $0x0000000700000006
GLOBL lane<>+0(SB), RODATA|NOPTR, $32

// ROUND is one round of Philox with the key words at two offsets of DX.
#define ROUND(at, next) \
	VPMULUDQ Y14, Y0, Y4          \
	VPSRLQ   $32, Y0, Y5          \
	VPMULUDQ Y14, Y5, Y5          \
	VPMULUDQ Y15, Y2, Y6          \
	VPSRLQ   $32, Y2, Y7          \
	VPMULUDQ Y15, Y7, Y7          \
	VPSRLQ   $32, Y4, Y8          \
	VPBLENDD $0xaa, Y5, Y8, Y8    \
	VPSLLQ   $32, Y5, Y5          \
	VPBLENDD $0xaa, Y5, Y4, Y4    \
	VPSRLQ   $32, Y6, Y9          \
	VPBLENDD $0xaa, Y7, Y9, Y9    \
	VPSLLQ   $32, Y7, Y7          \
	VPBLENDD $0xaa, Y7, Y6, Y6    \
	VPBROADCASTD at(DX), Y5       \
	VPBROADCASTD next(DX), Y7     \
	VPXOR    Y1, Y9, Y0           \
	VPXOR    Y5, Y0, Y0           \
	VPXOR    Y3, Y8, Y2           \
	VPXOR    Y7, Y2, Y2           \
	VMOVDQA  Y6, Y1               \
	VMOVDQA  Y4, Y3

// KEEP writes 8 elements, given their numbers in N: zero where below the threshold.
#define KEEP(N, at) \
	VPCMPGTD Y11, N, N            \
	VMULPS   at(SI), Y12, Y5      \
	VPAND    N, Y5, Y5            \
	VMOVUPS  Y5, at(DI)

// HALVES takes 16 elements' numbers from a word of each counter.
#define HALVES(W, at, next) \
	VPSLLD $16, W, Y4             \
	VPSRLD $16, Y4, Y4            \
	VPSRLD $16, W, W              \
	KEEP(Y4, at)                  \
	KEEP(W, next)

TEXT ·dropout64(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ groups+16(FP), CX
	MOVQ group+24(FP), R8
	MOVQ c+32(FP), DX
	SHLQ $3, R8
	VMOVDQU lane<>+0(SB), Y13
	VPBROADCASTD 88(DX), Y11 // Threshold
	VPCMPEQD Y4, Y4, Y4
	VPADDD Y4, Y11, Y11
	VBROADCASTSS 92(DX), Y12 // Scale
	MOVL $0xD2511F53, AX
	VMOVD AX, X14
	VPBROADCASTD X14, Y14
	MOVL $0xCD9E8D57, AX
	VMOVD AX, X15
	VPBROADCASTD X15, Y15
	TESTQ CX, CX
	JZ   done

loop: // counters 8·group + lane; eight of them never carry into the high word
	VMOVD R8, X0
	VPBROADCASTD X0, Y0
	VPADDD Y13, Y0, Y0
	MOVQ R8, AX
	SHRQ $32, AX
	VMOVD AX, X1
	VPBROADCASTD X1, Y1
	VPBROADCASTD 80(DX), Y2 // Step
	VPBROADCASTD 84(DX), Y3 // Site
	ROUND(0, 4)
	ROUND(8, 12)
	ROUND(16, 20)
	ROUND(24, 28)
	ROUND(32, 36)
	ROUND(40, 44)
	ROUND(48, 52)
	ROUND(56, 60)
	ROUND(64, 68)
	ROUND(72, 76)
	HALVES(Y0, 0, 32)
	HALVES(Y1, 64, 96)
	HALVES(Y2, 128, 160)
	HALVES(Y3, 192, 224)
	ADDQ $8, R8
	ADDQ $256, SI
	ADDQ $256, DI
	DECQ CX
	JNZ  loop

done:
	VZEROUPPER
	RET
