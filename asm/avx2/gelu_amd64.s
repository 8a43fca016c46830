#include "textflag.h"
#include "functions_amd64.h"

// func gelu8(dst, x *float32, n int)
//
// dst = x Φ(x). n is a multiple of 8. DI dst, SI x, CX elements left
TEXT ·gelu8(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS (SI), Y0
	NORMAL(Y0)
	VMULPS  Y1, Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop

done:
	VZEROUPPER
	RET

// func geluGrad8(dst, dy, x *float32, n int)
//
// dst = dy (Φ(x) + x φ(x)). n is a multiple of 8. DI dst, DX dy, SI x, CX elements left
TEXT ·geluGrad8(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ dy+8(FP), DX
	MOVQ x+16(FP), SI
	MOVQ n+24(FP), CX
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS (SI), Y0
	NORMAL(Y0)
	VMULPS  invSqrt2Pi, Y0, Y0
	VFMADD213PS Y1, Y2, Y0     // x φ(x) + Φ(x)
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

// func geluTanh8(dst, x *float32, n int)
//
// dst = ½ x (1 + tanh(…)). n is a multiple of 8. DI dst, SI x, CX elements left
TEXT ·geluTanh8(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS (SI), Y0
	VMOVAPS Y0, Y8
	VMULPS  Y0, Y0, Y9         // z = x²
	VMOVUPS geluB, Y0
	VFMADD213PS one, Y9, Y0
	VMULPS  geluA, Y8, Y10     // x √(2/π)
	VMULPS  Y10, Y0, Y0
	TANH(Y0)                   // t
	VADDPS  one, Y0, Y0
	VMULPS  half, Y8, Y8
	VMULPS  Y0, Y8, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop

done:
	VZEROUPPER
	RET

// func geluTanhGrad8(dst, dy, x *float32, n int)
//
// dst = dy times the derivative of geluTanh8. n is a multiple of 8. DI dst, DX dy, SI x, CX elements left
TEXT ·geluTanhGrad8(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ dy+8(FP), DX
	MOVQ x+16(FP), SI
	MOVQ n+24(FP), CX
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS (SI), Y0
	VMOVUPS geluTanhLow, Y1
	VMAXPS  Y0, Y1, Y0         // NaN stays
	VMOVUPS geluTanhHigh, Y1
	VMINPS  Y0, Y1, Y8         // v
	VMULPS  Y8, Y8, Y9         // z = v²
	VMOVUPS geluB, Y0
	VFMADD213PS one, Y9, Y0
	VMULPS  geluA, Y8, Y10     // v √(2/π)
	VMULPS  Y10, Y0, Y0
	TANH(Y0)                   // t
	VMOVUPS geluB3, Y1
	VFMADD213PS one, Y9, Y1
	VMULPS  Y1, Y10, Y1        // slope
	VMOVUPS one, Y2
	VADDPS  Y2, Y0, Y3         // 1 + t
	VFNMADD213PS Y2, Y0, Y0    // 1 - t²
	VFMADD213PS Y3, Y1, Y0     // (1 - t²) slope + 1 + t
	VMULPS  half, Y0, Y0
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
