#include "textflag.h"

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
