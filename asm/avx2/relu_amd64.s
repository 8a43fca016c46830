#include "textflag.h"

// func relu8(dst, x *float32, n int)
//
// dst = 0 where x < 0, x elsewhere. n is a multiple of 8. DI dst, SI x, CX elements left
TEXT ·relu8(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	TESTQ CX, CX
	JZ   done
	VXORPS Y1, Y1, Y1

loop:
	VMOVUPS (SI), Y0
	VMAXPS  Y0, Y1, Y0         // x when it is NaN, and of two zeros
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop

done:
	VZEROUPPER
	RET

// func reluGrad8(dst, dy, x *float32, n int)
//
// dst = dy where x > 0, 0 elsewhere. n is a multiple of 8. DI dst, DX dy, SI x, CX elements left
TEXT ·reluGrad8(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ dy+8(FP), DX
	MOVQ x+16(FP), SI
	MOVQ n+24(FP), CX
	TESTQ CX, CX
	JZ   done
	VXORPS Y1, Y1, Y1

loop:
	VCMPPS  $1, (SI), Y1, Y0   // 0 < x
	VANDPS  (DX), Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop

done:
	VZEROUPPER
	RET
