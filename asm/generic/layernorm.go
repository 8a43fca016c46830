package generic

// LayerNormApply computes dst = (x - mean) rstd gamma + beta.
func LayerNormApply(dst, x, gamma, beta []float32, mean, rstd float32) {
	for i, v := range x {
		dst[i] = FMA(float32((v-mean)*rstd), gamma[i], beta[i])
	}
}

// LayerNormGradSums returns Σ g and Σ g x̂ with g = dy gamma and x̂ = (x - mean) rstd.
func LayerNormGradSums(dy, x, gamma []float32, mean, rstd float32) (sumG, sumGX float32) {
	var g, gx [Lanes]float32
	LayerNormGradLanes(&g, &gx, dy, x, gamma, mean, rstd)
	return Fold(&g), Fold(&gx)
}

// LayerNormGradLanes adds the terms of LayerNormGradSums to lanes.
func LayerNormGradLanes(sumG, sumGX *[Lanes]float32, dy, x, gamma []float32, mean, rstd float32) {
	for i, v := range x {
		g := float32(dy[i] * gamma[i])
		xh := float32((v - mean) * rstd)
		sumG[i%Lanes] += g
		sumGX[i%Lanes] = FMA(g, xh, sumGX[i%Lanes])
	}
}

// LayerNormGradApply computes dst = rstd (g - meanG - x̂ meanGX).
func LayerNormGradApply(dst, dy, x, gamma []float32, mean, rstd, meanG, meanGX float32) {
	for i, v := range x {
		g := float32(dy[i] * gamma[i])
		xh := float32((v - mean) * rstd)
		dst[i] = float32(FMA(-xh, meanGX, g-meanG) * rstd)
	}
}

// LayerNormParamGrad adds dy x̂ to dgamma and dy to dbeta.
func LayerNormParamGrad(dgamma, dbeta, dy, x []float32, mean, rstd float32) {
	for i, v := range x {
		dgamma[i] = FMA(dy[i], float32((v-mean)*rstd), dgamma[i])
		dbeta[i] += dy[i]
	}
}
