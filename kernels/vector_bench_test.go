package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkVector measures the hot kernels on 64 rows of 768 elements, 192 KiB
// a slice. GB/s counts each element read or written once.
func BenchmarkVector(b *testing.B) {
	const rows, width = 64, 768
	rnd := rand.New(rand.NewPCG(1, 1))
	var s [4][]float32
	for i := range s {
		s[i] = randomMatrix(rnd, rows, width, 0, fills[0].at).Data
	}
	moment := make([]float32, rows*width)
	byRow := func(f func(i0, i1 int)) func() {
		return func() {
			for i := range rows {
				f(i*width, (i+1)*width)
			}
		}
	}
	x, y, z, w := s[0], s[1], s[2], s[3]
	gamma, beta := y[:width], z[:width]
	dgamma, dbeta := make([]float32, width), make([]float32, width)
	for _, k := range []struct {
		name   string
		passes int // slices read and slices written
		run    func()
	}{
		{"Exp", 2, func() { Exp(w, x) }},
		{"Tanh", 2, func() { Tanh(w, x) }},
		{"TanhGrad", 3, func() { TanhGrad(w, y, x) }},
		{"GELU", 2, func() { GELU(w, x) }},
		{"GELUGrad", 3, func() { GELUGrad(w, y, x) }},
		{"GELUTanh", 2, func() { GELUTanh(w, x) }},
		{"GELUTanhGrad", 3, func() { GELUTanhGrad(w, y, x) }},
		{"ReLU", 2, func() { ReLU(w, x) }},
		{"ReLUGrad", 3, func() { ReLUGrad(w, y, x) }},
		{"SiLU", 2, func() { SiLU(w, x) }},
		{"SiLUGrad", 3, func() { SiLUGrad(w, y, x) }},
		{"Sum", 1, func() { Sum(x) }},
		{"Dot", 2, func() { Dot(x, y) }},
		{"Max", 1, func() { Max(x) }},
		{"SumSquares", 1, func() { SumSquares(x) }},
		{"Add", 3, func() { Add(w, x, y) }},
		{"Mul", 3, func() { Mul(w, x, y) }},
		{"Scale", 2, func() { Scale(w, 0.5, x) }},
		{"Axpy", 3, func() { Axpy(w, 1e-9, x) }},
		{"Softmax", 2, byRow(func(i0, i1 int) { Softmax(w[i0:i1], x[i0:i1], 0.125) })},
		{"expSub", 2, byRow(func(i0, i1 int) { current.vec.expSub(w[i0:i1], x[i0:i1], 3, 0.125) })},
		{"SoftmaxGrad", 3, byRow(func(i0, i1 int) { SoftmaxGrad(w[i0:i1], x[i0:i1], y[i0:i1], 0.125) })},
		{"LayerNorm", 2, byRow(func(i0, i1 int) { LayerNorm(w[i0:i1], x[i0:i1], gamma, beta, 1e-12) })},
		{"LayerNormGrad", 3, byRow(func(i0, i1 int) { LayerNormGrad(w[i0:i1], x[i0:i1], y[i0:i1], gamma, 0, 1) })},
		{"LayerNormParamGrad", 2, byRow(func(i0, i1 int) { LayerNormParamGrad(dgamma, dbeta, x[i0:i1], y[i0:i1], 0, 1e-9) })},
		{"Dropout", 2, func() { Dropout(w, x, DropoutKey{Seed: 1}, 0, 0.1) }},
		{"Adam", 7, func() {
			Adam(w, y, z, moment, AdamParams{LearningRate: 1e-6, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Step: 10, GradScale: 1, Decoupled: true})
		}},
	} {
		b.Run(k.name, func(b *testing.B) {
			for b.Loop() {
				k.run()
			}
			elements := rows * width * float64(b.N) / float64(b.Elapsed().Nanoseconds())
			b.ReportMetric(elements, "elements/ns")
			b.ReportMetric(float64(k.passes*4)*elements, "GB/s")
		})
	}
}

// BenchmarkRow measures one row of the kernels that are called row by row, at
// lengths where the call counts as much as the work, and at lengths that are no
// multiple of a vector.
func BenchmarkRow(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{8, 13, 64, 77, 384, 768, 4096} {
		x, g, y := normals(rnd, n, 1, 0), normals(rnd, n, 1, 0), make([]float32, n)
		for _, k := range []struct {
			name string
			run  func()
		}{
			{"Softmax", func() { Softmax(y, x, 0.125) }},
			{"SoftmaxGrad", func() { SoftmaxGrad(y, x, g, 0.125) }},
			{"LayerNorm", func() { LayerNorm(y, x, g, g, 1e-12) }},
			{"LayerNormGrad", func() { LayerNormGrad(y, x, g, g, 0, 1) }},
		} {
			b.Run(fmt.Sprintf("%s/%d", k.name, n), func(b *testing.B) {
				for b.Loop() {
					k.run()
				}
				b.ReportMetric(float64(n)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "elements/ns")
			})
		}
	}
}

// BenchmarkMatMul measures products of an encoder, packing of B included.
func BenchmarkMatMul(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for _, s := range [][3]int{{128, 384, 384}, {512, 768, 768}} {
		for _, f := range forms {
			b.Run(fmt.Sprintf("%s/%dx%dx%d", [...]string{"NN", "NT", "TN"}[f], s[0], s[1], s[2]), func(b *testing.B) {
				p := newProduct(rnd, f, s[0], s[1], s[2], 0, fills[0].at)
				for b.Loop() {
					p.into(p.c, false)
				}
				b.ReportMetric(2*float64(s[0]*s[1]*s[2])*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
