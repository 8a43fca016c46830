#include "textflag.h"

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
	VDIVPS  Y3, Y2, Y2       // the step
	VFMADD231PS Y0, Y8, Y2   // Decay w + step
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
