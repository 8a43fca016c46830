#include "textflag.h"

// Exponential, hyperbolic tangent and the normal distribution, 8 elements at a
// time. The steps are those of package generic, one for one.

// Constants, each in 8 lanes. ROW fills the 32 bytes at an offset with a pair of equal words.
#define ROW(at, pair) \
	DATA c<>+(at)(SB)/8, $pair;    \
	DATA c<>+(at+8)(SB)/8, $pair;  \
	DATA c<>+(at+16)(SB)/8, $pair; \
	DATA c<>+(at+24)(SB)/8, $pair

#define low c<>+0(SB)
#define high c<>+32(SB)
#define log2e c<>+64(SB)
#define magic c<>+96(SB)
#define ln2High c<>+128(SB)
#define ln2Low c<>+160(SB)
#define exp0 c<>+192(SB)
#define exp1 c<>+224(SB)
#define exp2 c<>+256(SB)
#define exp3 c<>+288(SB)
#define exp4 c<>+320(SB)
#define one c<>+352(SB)
#define bias c<>+384(SB)
#define sign c<>+416(SB)
#define abs c<>+448(SB)
#define normalHigh c<>+480(SB)
#define normalC c<>+512(SB)
#define minusHalf c<>+544(SB)
#define invSqrt2Pi c<>+576(SB)
#define r0 c<>+608(SB)
#define r1 c<>+640(SB)
#define r2 c<>+672(SB)
#define r3 c<>+704(SB)
#define r4 c<>+736(SB)
#define r5 c<>+768(SB)
#define r6 c<>+800(SB)
#define r7 c<>+832(SB)
#define r8 c<>+864(SB)
#define r9 c<>+896(SB)
#define r10 c<>+928(SB)
#define tanhSmall c<>+960(SB)
#define two c<>+992(SB)
#define half c<>+1024(SB)
#define tanh0 c<>+1056(SB)
#define tanh1 c<>+1088(SB)
#define tanh2 c<>+1120(SB)
#define tanh3 c<>+1152(SB)
#define tanh4 c<>+1184(SB)
#define geluA c<>+1216(SB)
#define geluB c<>+1248(SB)
#define geluB3 c<>+1280(SB)

ROW(0, 0xc2d00000c2d00000) // low
ROW(32, 0x42b2000042b20000) // high
ROW(64, 0x3fb8aa3b3fb8aa3b) // log2e
ROW(96, 0x4b4000004b400000) // magic
ROW(128, 0x3f3172003f317200) // ln2High
ROW(160, 0x35bfbe8e35bfbe8e) // ln2Low
ROW(192, 0x3f0000003f000000) // exp0
ROW(224, 0x3e2aaa473e2aaa47) // exp1
ROW(256, 0x3d2aaa2f3d2aaa2f) // exp2
ROW(288, 0x3c091da93c091da9) // exp3
ROW(320, 0x3ab6da103ab6da10) // exp4
ROW(352, 0x3f8000003f800000) // one
ROW(384, 0x0000007f0000007f) // bias
ROW(416, 0x8000000080000000) // sign
ROW(448, 0x7fffffff7fffffff) // abs
ROW(480, 0x4168000041680000) // normalHigh
ROW(512, 0x3e99999a3e99999a) // normalC
ROW(544, 0xbf000000bf000000) // minusHalf
ROW(576, 0x3ecc422a3ecc422a) // invSqrt2Pi
ROW(608, 0x353db336353db336) // r0
ROW(640, 0x3df515b73df515b7) // r1
ROW(672, 0x3df537fc3df537fc) // r2
ROW(704, 0x3ddfd9523ddfd952) // r3
ROW(736, 0x3da76e153da76e15) // r4
ROW(768, 0x3db489933db48993) // r5
ROW(800, 0xbd887e71bd887e71) // r6
ROW(832, 0x3e3686c33e3686c3) // r7
ROW(864, 0xbe60579dbe60579d) // r8
ROW(896, 0x3ddf010f3ddf010f) // r9
ROW(928, 0xbca3ffdcbca3ffdc) // r10
ROW(960, 0x3f2000003f200000) // tanhSmall
ROW(992, 0x4000000040000000) // two
ROW(1024, 0x3f0000003f000000) // half
ROW(1056, 0xbeaaaa98beaaaa98) // tanh0
ROW(1088, 0x3e0883473e088347) // tanh1
ROW(1120, 0xbd5c132ebd5c132e) // tanh2
ROW(1152, 0x3ca8c5863ca8c586) // tanh3
ROW(1184, 0xbbb97e12bbb97e12) // tanh4
ROW(1216, 0x3f4c422a3f4c422a) // geluA
ROW(1248, 0x3d3727133d372713) // geluB
ROW(1280, 0x3e095d4f3e095d4f) // geluB3
GLOBL c<>(SB), RODATA|NOPTR, $1312

// EXP replaces X by e^X and overwrites T, Q and R.
#define EXP(X, T, Q, R) \
	VMOVUPS      low, T        \
	VMAXPS       X, T, X       \
	VMOVUPS      high, T       \
	VMINPS       X, T, X       \
	VMOVUPS      magic, T      \
	VFMADD231PS  log2e, X, T   \
	VSUBPS       magic, T, Q   \
	VFNMADD231PS ln2High, Q, X \
	VFNMADD231PS ln2Low, Q, X  \
	VMOVUPS      exp4, Q       \
	VFMADD213PS  exp3, X, Q    \
	VFMADD213PS  exp2, X, Q    \
	VFMADD213PS  exp1, X, Q    \
	VFMADD213PS  exp0, X, Q    \
	VMULPS       X, X, R       \
	VFMADD213PS  X, R, Q       \
	VADDPS       one, Q, Q     \
	VPSUBD       magic, T, T   \
	VPSRAD       $1, T, R      \
	VPSUBD       R, T, T       \
	VPADDD       bias, R, R    \
	VPADDD       bias, T, T    \
	VPSLLD       $23, R, R     \
	VPSLLD       $23, T, T     \
	VMULPS       R, Q, Q       \
	VMULPS       T, Q, X

// TANH replaces X by tanh X and overwrites Y1 to Y7.
#define TANH(X) \
	VANDPS       sign, X, Y1        \
	VANDPS       abs, X, Y2         \
	VMULPS       X, X, Y3           \
	VMOVUPS      tanh4, Y4          \
	VFMADD213PS  tanh3, Y3, Y4      \
	VFMADD213PS  tanh2, Y3, Y4      \
	VFMADD213PS  tanh1, Y3, Y4      \
	VFMADD213PS  tanh0, Y3, Y4      \
	VMULPS       Y3, Y4, Y4         \
	VFMADD213PS  X, X, Y4           \
	VADDPS       Y2, Y2, X          \
	EXP(X, Y5, Y6, Y7)              \
	VADDPS       one, X, X          \
	VMOVUPS      two, Y5            \
	VDIVPS       X, Y5, X           \
	VMOVUPS      one, Y5            \
	VSUBPS       X, Y5, X           \
	VORPS        Y1, X, X           \
	VCMPPS       $1, tanhSmall, Y2, Y2 \
	VBLENDVPS    Y2, Y4, X, X

// NORMAL makes Y1 = Φ(X) and Y2 = e^(-X²/2) of X and overwrites Y3 to Y7.
#define NORMAL(X) \
	VMOVUPS      normalHigh, Y2     \
	VANDPS       abs, X, Y3         \
	VMINPS       Y3, Y2, Y2         \
	VMOVUPS      normalC, Y3        \
	VFMADD213PS  one, Y2, Y3        \
	VMOVUPS      one, Y4            \
	VDIVPS       Y3, Y4, Y3         \
	VMOVUPS      r10, Y1            \
	VFMADD213PS  r9, Y3, Y1         \
	VFMADD213PS  r8, Y3, Y1         \
	VFMADD213PS  r7, Y3, Y1         \
	VFMADD213PS  r6, Y3, Y1         \
	VFMADD213PS  r5, Y3, Y1         \
	VFMADD213PS  r4, Y3, Y1         \
	VFMADD213PS  r3, Y3, Y1         \
	VFMADD213PS  r2, Y3, Y1         \
	VFMADD213PS  r1, Y3, Y1         \
	VFMADD213PS  r0, Y3, Y1         \
	VMULPS       minusHalf, Y2, Y3  \
	VMULPS       Y2, Y3, Y2         \
	EXP(Y2, Y3, Y4, Y5)             \
	VMULPS       Y1, Y2, Y1         \
	VMOVUPS      one, Y3            \
	VSUBPS       Y1, Y3, Y3         \
	VBLENDVPS    X, Y1, Y3, Y1      // q where the sign bit of x is set, 1 - q elsewhere

// func exp8(dst, x *float32, n int)
//
// dst = e^x. n is a multiple of 8. DI dst, SI x, CX elements left
TEXT ·exp8(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS (SI), Y0
	EXP(Y0, Y1, Y2, Y3)
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop

done:
	VZEROUPPER
	RET

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
	VMOVAPS Y0, Y8
	VMULPS  Y0, Y0, Y9         // z = x²
	VMOVUPS geluB, Y0
	VFMADD213PS one, Y9, Y0
	VMULPS  geluA, Y8, Y10     // x √(2/π)
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
