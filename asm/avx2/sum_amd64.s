#include "textflag.h"

// func sumLanes16(x *float32, n int, lanes *[16]float32)
//
// lanes += x. n is a multiple of 16. SI x, CX elements left, DX lanes; Y14, Y15 the lanes
TEXT ·sumLanes16(SB), NOSPLIT, $0-24
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ lanes+16(FP), DX
	VMOVUPS (DX), Y14
	VMOVUPS 32(DX), Y15
	TESTQ CX, CX
	JZ   done

loop:
	VADDPS (SI), Y14, Y14
	VADDPS 32(SI), Y15, Y15
	ADDQ $64, SI
	SUBQ $16, CX
	JG   loop

done:
	VMOVUPS Y14, (DX)
	VMOVUPS Y15, 32(DX)
	VZEROUPPER
	RET

// func dotLanes16(x, y *float32, n int, lanes *[16]float32)
//
// lanes += x y, fused. n is a multiple of 16. SI x, DI y, CX elements left, DX lanes; Y14, Y15 the lanes
TEXT ·dotLanes16(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), SI
	MOVQ y+8(FP), DI
	MOVQ n+16(FP), CX
	MOVQ lanes+24(FP), DX
	VMOVUPS (DX), Y14
	VMOVUPS 32(DX), Y15
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VFMADD231PS (DI), Y0, Y14
	VFMADD231PS 32(DI), Y1, Y15
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $16, CX
	JG   loop

done:
	VMOVUPS Y14, (DX)
	VMOVUPS Y15, 32(DX)
	VZEROUPPER
	RET

// func deviationLanes16(x *float32, n int, mean float32, lanes *[16]float32)
//
// lanes += (x - mean)². n is a multiple of 16. SI x, CX elements left, Y13 mean, DX lanes; Y14, Y15 the lanes
TEXT ·deviationLanes16(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	VBROADCASTSS mean+16(FP), Y13
	MOVQ lanes+24(FP), DX
	VMOVUPS (DX), Y14
	VMOVUPS 32(DX), Y15
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VSUBPS Y13, Y0, Y0
	VSUBPS Y13, Y1, Y1
	VFMADD231PS Y0, Y0, Y14
	VFMADD231PS Y1, Y1, Y15
	ADDQ $64, SI
	SUBQ $16, CX
	JG   loop

done:
	VMOVUPS Y14, (DX)
	VMOVUPS Y15, 32(DX)
	VZEROUPPER
	RET

// func max16(x *float32, n int) float32
//
// The largest element, NaN where there is one. n is a positive multiple of 16.
// SI x, CX elements left; Y14, Y15 maxima, Y12, Y13 marks of NaN
TEXT ·max16(SB), NOSPLIT, $0-20
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	VMOVUPS (SI), Y14
	VMOVUPS 32(SI), Y15
	VXORPS Y12, Y12, Y12
	VXORPS Y13, Y13, Y13

loop:
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VCMPPS $3, Y0, Y0, Y2      // all bits set where NaN
	VCMPPS $3, Y1, Y1, Y3
	VORPS  Y2, Y12, Y12
	VORPS  Y3, Y13, Y13
	VMAXPS Y0, Y14, Y14
	VMAXPS Y1, Y15, Y15
	ADDQ $64, SI
	SUBQ $16, CX
	JG   loop

	VORPS     Y12, Y13, Y12
	VMAXPS    Y14, Y15, Y15    // 16 → 8
	VEXTRACTF128 $1, Y15, X14
	VMAXPS    X14, X15, X15    // 8 → 4
	VMOVHLPS  X15, X15, X14
	VMAXPS    X14, X15, X15    // 4 → 2
	VMOVSHDUP X15, X14
	VMAXSS    X14, X15, X15    // 2 → 1
	VMOVMSKPS Y12, AX
	TESTL     AX, AX
	JZ        done
	VPCMPEQD  X15, X15, X15    // all bits set is a NaN

done:
	VMOVSS X15, ret+16(FP)
	VZEROUPPER
	RET

// func sumSquaresLanes16(x *float32, n int, lanes *[16]float64)
//
// lanes += x² in float64. n is a multiple of 16. SI x, CX elements left, DX lanes; Y12 to Y15 the lanes
TEXT ·sumSquaresLanes16(SB), NOSPLIT, $0-24
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ lanes+16(FP), DX
	VMOVUPS (DX), Y12
	VMOVUPS 32(DX), Y13
	VMOVUPS 64(DX), Y14
	VMOVUPS 96(DX), Y15
	TESTQ CX, CX
	JZ   done

loop: // the product is exact, so fused and not are the same
	VCVTPS2PD (SI), Y0
	VCVTPS2PD 16(SI), Y1
	VCVTPS2PD 32(SI), Y2
	VCVTPS2PD 48(SI), Y3
	VFMADD231PD Y0, Y0, Y12
	VFMADD231PD Y1, Y1, Y13
	VFMADD231PD Y2, Y2, Y14
	VFMADD231PD Y3, Y3, Y15
	ADDQ $64, SI
	SUBQ $16, CX
	JG   loop

done:
	VMOVUPS Y12, (DX)
	VMOVUPS Y13, 32(DX)
	VMOVUPS Y14, 64(DX)
	VMOVUPS Y15, 96(DX)
	VZEROUPPER
	RET
