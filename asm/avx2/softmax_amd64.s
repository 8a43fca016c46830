#include "textflag.h"
#include "functions_amd64.h"

// func expSub16(dst, x *float32, n int, m, scale float32, lanes *[16]float32)
//
// dst = e^((x - m) scale), which is added to the lanes. n is a multiple of 16.
// DI dst, SI x, CX elements left; Y13 scale, Y14 m, Y8 and Y9 lanes
TEXT ·expSub16(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTSS m+24(FP), Y14
	VBROADCASTSS scale+28(FP), Y13
	MOVQ lanes+32(FP), DX
	VMOVUPS (DX), Y8
	VMOVUPS 32(DX), Y9
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y4
	VSUBPS  Y14, Y0, Y0
	VSUBPS  Y14, Y4, Y4
	VMULPS  Y13, Y0, Y0
	VMULPS  Y13, Y4, Y4
	EXP(Y0, Y1, Y2, Y3)
	EXP(Y4, Y5, Y6, Y7)
	VADDPS  Y0, Y8, Y8
	VADDPS  Y4, Y9, Y9
	VMOVUPS Y0, (DI)
	VMOVUPS Y4, 32(DI)
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $16, CX
	JG   loop

done:
	VMOVUPS Y8, (DX)
	VMOVUPS Y9, 32(DX)
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
