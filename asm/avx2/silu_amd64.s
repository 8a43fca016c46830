#include "textflag.h"
#include "functions_amd64.h"

// SIGMOIDS makes Y1 = s = 1/(1 + e^-X) and Y2 = 1 - s, overwrites Y3 and Y4 and has 1 in Y5.
#define SIGMOIDS(X) \
	VORPS     sign, X, Y1        \ // -|x|
	EXP(Y1, Y2, Y3, Y4)          \ // e
	VADDPS    Y5, Y1, Y2         \
	VDIVPS    Y2, Y5, Y2         \ // r = 1/(1 + e)
	VMULPS    Y2, Y1, Y3         \ // e r
	VBLENDVPS X, Y3, Y2, Y1      \ // e r where the sign bit of x is set, r elsewhere
	VBLENDVPS X, Y2, Y3, Y2      // the other one

// func silu8(dst, x *float32, n int)
//
// dst = x s with s = 1/(1 + e^-x). n is a multiple of 8. DI dst, SI x, CX elements left
TEXT ·silu8(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	TESTQ CX, CX
	JZ   done
	VMOVUPS one, Y5

loop:
	VMOVUPS (SI), Y0
	SIGMOIDS(Y0)
	VMULPS  Y1, Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop

done:
	VZEROUPPER
	RET

// func siluGrad8(dst, dy, x *float32, n int)
//
// dst = dy s (1 + x (1 - s)) with s = 1/(1 + e^-x). n is a multiple of 8. DI dst, DX dy, SI x, CX elements left
TEXT ·siluGrad8(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ dy+8(FP), DX
	MOVQ x+16(FP), SI
	MOVQ n+24(FP), CX
	TESTQ CX, CX
	JZ   done
	VMOVUPS one, Y5

loop:
	VMOVUPS (SI), Y0
	SIGMOIDS(Y0)
	VFMADD213PS Y5, Y2, Y0     // x (1 - s) + 1
	VMULPS  Y0, Y1, Y0
	VMULPS  (DX), Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop

done:
	VZEROUPPER
	RET
