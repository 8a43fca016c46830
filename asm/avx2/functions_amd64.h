// Exponential, hyperbolic tangent and normal distribution of 8 elements, as
// macros for the kernels that are made of them. The steps are those of package
// generic, one for one. Operands run as Go has them: source(s) first, result last;
// VFMADD213PS c, b, a is a = b·a + c, VFMADD231PS c, b, a is a = b·c + a.

// The constants, each in 8 lanes, see constants_amd64.s.
#define low ·constants+0(SB)
#define high ·constants+32(SB)
#define log2e ·constants+64(SB)
#define magic ·constants+96(SB)
#define ln2High ·constants+128(SB)
#define ln2Low ·constants+160(SB)
#define exp0 ·constants+192(SB)
#define exp1 ·constants+224(SB)
#define exp2 ·constants+256(SB)
#define exp3 ·constants+288(SB)
#define exp4 ·constants+320(SB)
#define one ·constants+352(SB)
#define bias ·constants+384(SB)
#define sign ·constants+416(SB)
#define abs ·constants+448(SB)
#define normalHigh ·constants+480(SB)
#define normalC ·constants+512(SB)
#define minusHalf ·constants+544(SB)
#define invSqrt2Pi ·constants+576(SB)
#define r0 ·constants+608(SB)
#define r1 ·constants+640(SB)
#define r2 ·constants+672(SB)
#define r3 ·constants+704(SB)
#define r4 ·constants+736(SB)
#define r5 ·constants+768(SB)
#define r6 ·constants+800(SB)
#define r7 ·constants+832(SB)
#define r8 ·constants+864(SB)
#define r9 ·constants+896(SB)
#define r10 ·constants+928(SB)
#define tanhSmall ·constants+960(SB)
#define two ·constants+992(SB)
#define half ·constants+1024(SB)
#define tanh0 ·constants+1056(SB)
#define tanh1 ·constants+1088(SB)
#define tanh2 ·constants+1120(SB)
#define tanh3 ·constants+1152(SB)
#define tanh4 ·constants+1184(SB)
#define geluA ·constants+1216(SB)
#define geluB ·constants+1248(SB)
#define geluB3 ·constants+1280(SB)
#define geluTanhLow ·constants+1312(SB)
#define geluTanhHigh ·constants+1344(SB)

// EXP replaces X by e^X and overwrites T, Q and R. VMAXPS and VMINPS return their
// first operand here when one is NaN, so that NaN stays.
#define EXP(X, T, Q, R) \
	VMOVUPS      low, T        \
	VMAXPS       X, T, X       \ // x = max(low, x)
	VMOVUPS      high, T       \
	VMINPS       X, T, X       \ // x = min(high, x)
	VMOVUPS      magic, T      \
	VFMADD231PS  log2e, X, T   \ // t = x log₂e + magic, whose low bits are n
	VSUBPS       magic, T, Q   \ // n
	VFNMADD231PS ln2High, Q, X \
	VFNMADD231PS ln2Low, Q, X  \ // r = x - n ln 2
	VMOVUPS      exp4, Q       \
	VFMADD213PS  exp3, X, Q    \
	VFMADD213PS  exp2, X, Q    \
	VFMADD213PS  exp1, X, Q    \
	VFMADD213PS  exp0, X, Q    \ // q = (e^r - 1 - r)/r²
	VMULPS       X, X, R       \
	VFMADD213PS  X, R, Q       \
	VADDPS       one, Q, Q     \ // y = q r² + r + 1
	VPSUBD       magic, T, T   \ // n as an integer
	VPSRAD       $1, T, R      \ // half = n >> 1
	VPSUBD       R, T, T       \ // n - half
	VPADDD       bias, R, R    \
	VPADDD       bias, T, T    \
	VPSLLD       $23, R, R     \ // 2^half
	VPSLLD       $23, T, T     \ // 2^(n-half)
	VMULPS       R, Q, Q       \
	VMULPS       T, Q, X

// TANH replaces X by tanh X and overwrites Y1 to Y7. Both ways are taken in all lanes.
#define TANH(X) \
	VANDPS       sign, X, Y1            \
	VANDPS       abs, X, Y2             \ // a = |x|
	VMULPS       Y2, Y2, Y3             \ // z = a²
	VMOVUPS      tanh4, Y4              \
	VFMADD213PS  tanh3, Y3, Y4          \
	VFMADD213PS  tanh2, Y3, Y4          \
	VFMADD213PS  tanh1, Y3, Y4          \
	VFMADD213PS  tanh0, Y3, Y4          \ // p
	VMULPS       Y3, Y4, Y4             \
	VFMADD213PS  Y2, Y2, Y4             \ // p z a + a
	VADDPS       Y2, Y2, X              \
	EXP(X, Y5, Y6, Y7)                  \
	VADDPS       one, X, X              \
	VMOVUPS      two, Y5                \
	VDIVPS       X, Y5, X               \
	VMOVUPS      one, Y5                \
	VSUBPS       X, Y5, X               \ // 1 - 2/(e^2a + 1)
	VCMPPS       $1, tanhSmall, Y2, Y2  \ // a < tanhSmall
	VBLENDVPS    Y2, Y4, X, X           \
	VORPS        Y1, X, X

// NORMAL makes Y1 = Φ(X) and Y2 = e^(-X²/2) and overwrites Y3 to Y5.
#define NORMAL(X) \
	VMOVUPS      normalHigh, Y2     \
	VANDPS       abs, X, Y3         \
	VMINPS       Y3, Y2, Y2         \ // a = min(normalHigh, |x|)
	VMOVUPS      normalC, Y3        \
	VFMADD213PS  one, Y2, Y3        \
	VMOVUPS      one, Y4            \
	VDIVPS       Y3, Y4, Y3         \ // t = 1/(c a + 1)
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
	VFMADD213PS  r0, Y3, Y1         \ // R(a)
	VMULPS       minusHalf, Y2, Y3  \
	VMULPS       Y2, Y3, Y2         \ // -½ a a
	EXP(Y2, Y3, Y4, Y5)             \
	VMULPS       Y1, Y2, Y1         \ // q = Φ(-a)
	VMOVUPS      one, Y3            \
	VSUBPS       Y1, Y3, Y3         \
	VBLENDVPS    X, Y1, Y3, Y1      // q where the sign bit of x is set, 1 - q elsewhere
