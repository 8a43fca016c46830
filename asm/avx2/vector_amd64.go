package avx2

import "godwit/asm/generic"

//go:noescape
func sumLanes16(x *float32, n int, lanes *[16]float32)

//go:noescape
func dotLanes16(x, y *float32, n int, lanes *[16]float32)

//go:noescape
func deviationLanes16(x *float32, n int, mean float32, lanes *[16]float32)

//go:noescape
func maxLanes16(x *float32, n int, lanes *[16]float32)

//go:noescape
func sumSquaresLanes16(x *float32, n int, lanes *[16]float64)

//go:noescape
func add8(dst, x, y *float32, n int)

//go:noescape
func mul8(dst, x, y *float32, n int)

//go:noescape
func scale8(dst *float32, alpha float32, x *float32, n int)

//go:noescape
func axpy8(dst *float32, alpha float32, x *float32, n int)

//go:noescape
func softmaxGrad8(dst, p, dp *float32, n int, dot, scale float32)

//go:noescape
func layerNormApply8(dst, x, gamma, beta *float32, n int, mean, rstd float32)

//go:noescape
func layerNormGradApply8(dst, dy, x, gamma *float32, n int, mean, rstd, meanG, meanGX float32)

//go:noescape
func layerNormParamGrad8(dgamma, dbeta, dy, x *float32, n int, mean, rstd float32)

//go:noescape
func layerNormGradSums16(sumG, sumGX *[16]float32, dy, x, gamma *float32, n int, mean, rstd float32)

//go:noescape
func adam8(w, grad, m, v *float32, n int, c *generic.AdamConstants)

//go:noescape
func dropout64(dst, x *float32, groups int, group uint64, c *generic.DropoutConstants)

// Each function below is its namesake in package generic: whole vectors run in
// assembly, the few elements that are left in plain Go.

func Sum(x []float32) float32 {
	var lanes [16]float32
	n := len(x) &^ 15
	if n > 0 {
		sumLanes16(&x[0], n, &lanes)
	}
	generic.AddLanes(&lanes, x[n:])
	return generic.Fold(&lanes)
}

func Dot(x, y []float32) float32 {
	var lanes [16]float32
	n := len(x) &^ 15
	y = y[:len(x)]
	if n > 0 {
		dotLanes16(&x[0], &y[0], n, &lanes)
	}
	generic.DotLanes(&lanes, x[n:], y[n:])
	return generic.Fold(&lanes)
}

func Deviation(x []float32, mean float32) float32 {
	var lanes [16]float32
	n := len(x) &^ 15
	if n > 0 {
		deviationLanes16(&x[0], n, mean, &lanes)
	}
	generic.DeviationLanes(&lanes, x[n:], mean)
	return generic.Fold(&lanes)
}

func Max(x []float32) float32 {
	n := len(x) &^ 15
	if n == 0 {
		return generic.Max(x)
	}
	lanes := [16]float32(x)
	maxLanes16(&x[0], n, &lanes)
	m := generic.Max(lanes[:])
	if n < len(x) {
		last := [2]float32{m, generic.Max(x[n:])}
		m = generic.Max(last[:])
	}
	return m
}

func SumSquares(x []float32) float64 {
	var lanes [16]float64
	n := len(x) &^ 15
	if n > 0 {
		sumSquaresLanes16(&x[0], n, &lanes)
	}
	generic.SquareLanes(&lanes, x[n:])
	return generic.Fold64(&lanes)
}

func Add(dst, x, y []float32) {
	n := len(x) &^ 7
	dst, y = dst[:len(x)], y[:len(x)]
	if n > 0 {
		add8(&dst[0], &x[0], &y[0], n)
	}
	generic.Add(dst[n:], x[n:], y[n:])
}

func Mul(dst, x, y []float32) {
	n := len(x) &^ 7
	dst, y = dst[:len(x)], y[:len(x)]
	if n > 0 {
		mul8(&dst[0], &x[0], &y[0], n)
	}
	generic.Mul(dst[n:], x[n:], y[n:])
}

func Scale(dst []float32, alpha float32, x []float32) {
	n := len(x) &^ 7
	dst = dst[:len(x)]
	if n > 0 {
		scale8(&dst[0], alpha, &x[0], n)
	}
	generic.Scale(dst[n:], alpha, x[n:])
}

func Axpy(dst []float32, alpha float32, x []float32) {
	n := len(x) &^ 7
	dst = dst[:len(x)]
	if n > 0 {
		axpy8(&dst[0], alpha, &x[0], n)
	}
	generic.Axpy(dst[n:], alpha, x[n:])
}

func SoftmaxGrad(dst, p, dp []float32, dot, scale float32) {
	n := len(p) &^ 7
	dst, dp = dst[:len(p)], dp[:len(p)]
	if n > 0 {
		softmaxGrad8(&dst[0], &p[0], &dp[0], n, dot, scale)
	}
	generic.SoftmaxGrad(dst[n:], p[n:], dp[n:], dot, scale)
}

func LayerNormApply(dst, x, gamma, beta []float32, mean, rstd float32) {
	n := len(x) &^ 7
	dst, gamma, beta = dst[:len(x)], gamma[:len(x)], beta[:len(x)]
	if n > 0 {
		layerNormApply8(&dst[0], &x[0], &gamma[0], &beta[0], n, mean, rstd)
	}
	generic.LayerNormApply(dst[n:], x[n:], gamma[n:], beta[n:], mean, rstd)
}

func LayerNormGradSums(dy, x, gamma []float32, mean, rstd float32) (sumG, sumGX float32) {
	var g, gx [16]float32
	n := len(x) &^ 15
	dy, gamma = dy[:len(x)], gamma[:len(x)]
	if n > 0 {
		layerNormGradSums16(&g, &gx, &dy[0], &x[0], &gamma[0], n, mean, rstd)
	}
	generic.LayerNormGradLanes(&g, &gx, dy[n:], x[n:], gamma[n:], mean, rstd)
	return generic.Fold(&g), generic.Fold(&gx)
}

func LayerNormGradApply(dst, dy, x, gamma []float32, mean, rstd, meanG, meanGX float32) {
	n := len(x) &^ 7
	dst, dy, gamma = dst[:len(x)], dy[:len(x)], gamma[:len(x)]
	if n > 0 {
		layerNormGradApply8(&dst[0], &dy[0], &x[0], &gamma[0], n, mean, rstd, meanG, meanGX)
	}
	generic.LayerNormGradApply(dst[n:], dy[n:], x[n:], gamma[n:], mean, rstd, meanG, meanGX)
}

func LayerNormParamGrad(dgamma, dbeta, dy, x []float32, mean, rstd float32) {
	n := len(x) &^ 7
	dgamma, dbeta, dy = dgamma[:len(x)], dbeta[:len(x)], dy[:len(x)]
	if n > 0 {
		layerNormParamGrad8(&dgamma[0], &dbeta[0], &dy[0], &x[0], n, mean, rstd)
	}
	generic.LayerNormParamGrad(dgamma[n:], dbeta[n:], dy[n:], x[n:], mean, rstd)
}

func Adam(w, g, m, v []float32, c *generic.AdamConstants) {
	n := len(w) &^ 7
	g, m, v = g[:len(w)], m[:len(w)], v[:len(w)]
	if n > 0 {
		adam8(&w[0], &g[0], &m[0], &v[0], n, c)
	}
	generic.Adam(w[n:], g[n:], m[n:], v[n:], c)
}

func Dropout(dst, x []float32, group uint64, c *generic.DropoutConstants) {
	groups := len(x) / generic.DropoutGroup
	n := groups * generic.DropoutGroup
	dst = dst[:len(x)]
	if groups > 0 {
		dropout64(&dst[0], &x[0], groups, group, c)
	}
	if n < len(x) {
		var b [generic.DropoutGroup]float32
		copy(b[:], x[n:])
		dropout64(&b[0], &b[0], 1, group+uint64(groups), c)
		copy(dst[n:], b[:])
	}
}
