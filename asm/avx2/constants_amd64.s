#include "textflag.h"

// The constants of the functions, each in 8 lanes; functions_amd64.h names them.
// ROW fills the 32 bytes at an offset with a pair of equal words.
#define ROW(at, pair) \
	DATA ·constants+(at)(SB)/8, $pair;    \
	DATA ·constants+(at+8)(SB)/8, $pair;  \
	DATA ·constants+(at+16)(SB)/8, $pair; \
	DATA ·constants+(at+24)(SB)/8, $pair

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
ROW(1312, 0xc1800000c1800000) // geluTanhLow
ROW(1344, 0x4180000041800000) // geluTanhHigh
GLOBL ·constants(SB), RODATA|NOPTR, $1376
