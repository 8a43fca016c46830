#include "textflag.h"
#include "functions_amd64.h"

// func tanh8(dst, x *float32, n int)
//
// dst = tanh x. n is a multiple of 8. DI dst, SI x, CX elements left
TEXT ·tanh8(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS (SI), Y0
	TANH(Y0)
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop

done:
	VZEROUPPER
	RET

// func tanhGrad8(dst, dy, y *float32, n int)
//
// dst = dy (1 - y²). n is a multiple of 8. DI dst, DX dy, SI y, CX elements left
TEXT ·tanhGrad8(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ dy+8(FP), DX
	MOVQ y+16(FP), SI
	MOVQ n+24(FP), CX
	TESTQ CX, CX
	JZ   done
	VMOVUPS one, Y2

loop:
	VMOVUPS (SI), Y0
	VMOVAPS Y2, Y1
	VFNMADD231PS Y0, Y0, Y1    // 1 - y²
	VMULPS  (DX), Y1, Y1
	VMOVUPS Y1, (DI)
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop

done:
	VZEROUPPER
	RET
