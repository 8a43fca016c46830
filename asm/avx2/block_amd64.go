package avx2

// block is how many elements one call into assembly handles, which no preemption
// interrupts: a collection waits no longer than about 20 µs for any of them. It is
// a multiple of the lanes and of the dropout group.
const block = 1 << 14

// unary runs a kernel of 8 elements at a time, and the definition on what is left.
func unary(dst, x []float32, kernel func(dst, x *float32, n int), rest func(dst, x []float32)) {
	n := len(x) &^ 7
	dst = dst[:len(x)]
	for i := 0; i < n; i += block {
		kernel(&dst[i], &x[i], min(block, n-i))
	}
	if n < len(x) {
		rest(dst[n:], x[n:])
	}
}

// binary is unary for two operands.
func binary(dst, x, y []float32, kernel func(dst, x, y *float32, n int), rest func(dst, x, y []float32)) {
	n := len(x) &^ 7
	dst, y = dst[:len(x)], y[:len(x)]
	for i := 0; i < n; i += block {
		kernel(&dst[i], &x[i], &y[i], min(block, n-i))
	}
	if n < len(x) {
		rest(dst[n:], x[n:], y[n:])
	}
}
