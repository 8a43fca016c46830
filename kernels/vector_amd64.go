package kernels

import "godwit/asm/avx2"

// avx2Vector also serves AVX-512, which brings tiles of its own and no vector kernels.
var avx2Vector = vectorKernels{
	exp: avx2.Exp, tanh: avx2.Tanh, gelu: avx2.GELU, geluTanh: avx2.GELUTanh,
	relu: avx2.ReLU, silu: avx2.SiLU, tanhGrad: avx2.TanhGrad, geluGrad: avx2.GELUGrad,
	geluTanhGrad: avx2.GELUTanhGrad, reluGrad: avx2.ReLUGrad, siluGrad: avx2.SiLUGrad, expSub: avx2.ExpSub,
	sum: avx2.Sum, max: avx2.Max, dot: avx2.Dot, sumSquares: avx2.SumSquares,
	add: avx2.Add, mul: avx2.Mul, scale: avx2.Scale, axpy: avx2.Axpy,
	softmaxGrad: avx2.SoftmaxGrad, deviation: avx2.Deviation,
	layerNormApply: avx2.LayerNormApply, layerNormGradSums: avx2.LayerNormGradSums,
	layerNormGradApply: avx2.LayerNormGradApply, layerNormParamGrad: avx2.LayerNormParamGrad,
	adam: avx2.Adam, dropout: avx2.Dropout,
}
