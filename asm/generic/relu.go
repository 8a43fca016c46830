package generic

// ReLU computes dst = max(x, 0). NaN and -0 stay what they are.
func ReLU(dst, x []float32) {
	for i, v := range x {
		if v < 0 {
			v = 0
		}
		dst[i] = v
	}
}

// ReLUGrad computes dst = dy where x > 0 and +0 elsewhere, also where x is NaN.
func ReLUGrad(dst, dy, x []float32) {
	for i, v := range x {
		d := dy[i]
		if !(v > 0) {
			d = 0
		}
		dst[i] = d
	}
}
