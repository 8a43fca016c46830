package avx2

import "godwit/asm/generic"

// layerNormApply8 is, for n a multiple of 8,
//
//	for i := range n {
//		dst[i] = FMA((x[i]-mean)*rstd, gamma[i], beta[i])
//	}
//
//go:noescape
func layerNormApply8(dst, x, gamma, beta *float32, n int, mean, rstd float32)

// layerNormGradSums16 is, for n a multiple of 16,
//
//	for i := range n {
//		g, xh := dy[i]*gamma[i], (x[i]-mean)*rstd
//		sumG[i%16] += g
//		sumGX[i%16] = FMA(g, xh, sumGX[i%16])
//	}
//
//go:noescape
func layerNormGradSums16(sumG, sumGX *[16]float32, dy, x, gamma *float32, n int, mean, rstd float32)

// layerNormGradApply8 is, for n a multiple of 8,
//
//	for i := range n {
//		g, xh := dy[i]*gamma[i], (x[i]-mean)*rstd
//		dst[i] = FMA(-xh, meanGX, g-meanG) * rstd
//	}
//
//go:noescape
func layerNormGradApply8(dst, dy, x, gamma *float32, n int, mean, rstd, meanG, meanGX float32)

// layerNormParamGrad8 is, for n a multiple of 8,
//
//	for i := range n {
//		dgamma[i] = FMA(dy[i], (x[i]-mean)*rstd, dgamma[i])
//		dbeta[i] += dy[i]
//	}
//
//go:noescape
func layerNormParamGrad8(dgamma, dbeta, dy, x *float32, n int, mean, rstd float32)

// LayerNormApply is generic.LayerNormApply.
func LayerNormApply(dst, x, gamma, beta []float32, mean, rstd float32) {
	n := len(x) &^ 7
	dst, gamma, beta = dst[:len(x)], gamma[:len(x)], beta[:len(x)]
	for i := 0; i < n; i += block {
		layerNormApply8(&dst[i], &x[i], &gamma[i], &beta[i], min(block, n-i), mean, rstd)
	}
	generic.LayerNormApply(dst[n:], x[n:], gamma[n:], beta[n:], mean, rstd)
}

// LayerNormGradSums is generic.LayerNormGradSums.
func LayerNormGradSums(dy, x, gamma []float32, mean, rstd float32) (sumG, sumGX float32) {
	var g, gx [16]float32
	n := len(x) &^ 15
	dy, gamma = dy[:len(x)], gamma[:len(x)]
	for i := 0; i < n; i += block {
		layerNormGradSums16(&g, &gx, &dy[i], &x[i], &gamma[i], min(block, n-i), mean, rstd)
	}
	generic.LayerNormGradLanes(&g, &gx, dy[n:], x[n:], gamma[n:], mean, rstd)
	return generic.Fold(&g), generic.Fold(&gx)
}

// LayerNormGradApply is generic.LayerNormGradApply.
func LayerNormGradApply(dst, dy, x, gamma []float32, mean, rstd, meanG, meanGX float32) {
	n := len(x) &^ 7
	dst, dy, gamma = dst[:len(x)], dy[:len(x)], gamma[:len(x)]
	for i := 0; i < n; i += block {
		layerNormGradApply8(&dst[i], &dy[i], &x[i], &gamma[i], min(block, n-i), mean, rstd, meanG, meanGX)
	}
	generic.LayerNormGradApply(dst[n:], dy[n:], x[n:], gamma[n:], mean, rstd, meanG, meanGX)
}

// LayerNormParamGrad is generic.LayerNormParamGrad.
func LayerNormParamGrad(dgamma, dbeta, dy, x []float32, mean, rstd float32) {
	n := len(x) &^ 7
	dgamma, dbeta, dy = dgamma[:len(x)], dbeta[:len(x)], dy[:len(x)]
	for i := 0; i < n; i += block {
		layerNormParamGrad8(&dgamma[i], &dbeta[i], &dy[i], &x[i], min(block, n-i), mean, rstd)
	}
	generic.LayerNormParamGrad(dgamma[n:], dbeta[n:], dy[n:], x[n:], mean, rstd)
}
