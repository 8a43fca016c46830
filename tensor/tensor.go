// Package tensor has tensors of float32, the arenas they live in, and
// reverse-mode differentiation.
//
// A [Tape] runs operations and, when it records, remembers how to take their
// gradients. Operations are as coarse as they should be fast: a whole linear
// layer with its activation, a LayerNorm with its residual, the attention of
// a ragged batch. Each file holds one operation, forward beside backward.
//
// Shapes in comments: T tokens of all sequences of a batch together, H hidden
// size, B sequences.
package tensor

import (
	"fmt"
	"sync"

	"godwit/kernels"
)

// Tensor is a dense row-major array of float32.
//
// A tensor with more than two dimensions is a matrix of its last dimension to
// every operation here.
type Tensor struct {
	Data  []float32
	Shape []int

	// Grad is the gradient of the loss, as long as Data. For a parameter it is
	// kept from step to step and valid when HasGrad reports true; for an
	// activation it lives from the first contribution to the end of its own
	// backward step.
	Grad []float32

	hasGrad   bool // Grad holds a contribution of this step
	parameter bool
	// Of a table that was only looked up since Grad was made: Grad is 0 outside of these rows.
	onlyRows  bool
	gradRows  []int32 // each once
	inRows    []bool  // whether a row is among them
	wantsGrad bool

	// Packed forms of a weight matrix, valid for one version of Data.
	version   uint64
	packing   sync.Mutex     // two goroutines may infer with one model
	packedT   kernels.Packed // for x Wᵀ
	packedN   kernels.Packed // for dy W
	packedTAt uint64
	packedNAt uint64
}

// New returns a tensor over data, which it does not copy.
func New(data []float32, shape ...int) *Tensor {
	if n := size(shape); n != len(data) {
		panic(fmt.Sprintf("tensor: shape %v needs %d elements, data has %d", shape, n, len(data)))
	}
	return &Tensor{Data: data, Shape: shape}
}

// NewParameter returns a trainable tensor of zeros: its gradient survives [Tape.Reset].
func NewParameter(shape ...int) *Tensor {
	t := New(make([]float32, size(shape)), shape...)
	t.parameter, t.wantsGrad, t.version = true, true, 1
	return t
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		if d < 0 {
			panic(fmt.Sprintf("tensor: negative dimension in shape %v", shape))
		}
		n *= d
	}
	return n
}

// A tensor is seen as a matrix of its first dimension by all the others; a
// vector is one row. So a weight stored as [out, heads, head size] is [out, heads · head size].

// Cols returns the product of all dimensions but the first, or a vector's length.
func (t *Tensor) Cols() int {
	if len(t.Shape) == 1 {
		return t.Shape[0]
	}
	return size(t.Shape[1:])
}

// Rows returns the first dimension, 1 for a vector.
func (t *Tensor) Rows() int {
	if len(t.Shape) == 1 {
		return 1
	}
	return t.Shape[0]
}

// Row returns row i of the tensor seen as a matrix.
func (t *Tensor) Row(i int) []float32 {
	c := t.Cols()
	return t.Data[i*c : (i+1)*c]
}

// sameMatrix reports whether both have the same rows and columns.
func (t *Tensor) sameMatrix(u *Tensor) bool { return t.Rows() == u.Rows() && t.Cols() == u.Cols() }

func (t *Tensor) matrix() kernels.Matrix { return t.matrixOf(t.Data) }

func (t *Tensor) matrixOf(x []float32) kernels.Matrix {
	return kernels.Matrix{Data: x, Rows: t.Rows(), Cols: t.Cols(), Stride: t.Cols()}
}

// HasGrad reports whether the last backward pass reached the tensor.
func (t *Tensor) HasGrad() bool { return t.hasGrad }

// GradRows returns the rows outside of which the gradient is 0, each once, if
// that is known: of a table whose rows were looked up, and that was used in no other way. A
// large vocabulary's table is mostly not touched in a step.
func (t *Tensor) GradRows() (rows []int32, known bool) {
	return t.gradRows, t.hasGrad && t.onlyRows
}

// ZeroGrad forgets the gradient: the next backward pass starts anew.
func (t *Tensor) ZeroGrad() { t.hasGrad = false }

// Changed must be called after Data was written to, so that forms of it that
// were packed for the matrix product are made again.
func (t *Tensor) Changed() { t.version++ }

func (t *Tensor) packT() *kernels.Packed {
	t.packing.Lock()
	defer t.packing.Unlock()
	if t.packedTAt != t.version || t.version == 0 {
		t.packedT.PackT(t.matrix())
		t.packedTAt = t.version
	}
	return &t.packedT
}

func (t *Tensor) packN() *kernels.Packed {
	t.packing.Lock()
	defer t.packing.Unlock()
	if t.packedNAt != t.version || t.version == 0 {
		t.packedN.PackN(t.matrix())
		t.packedNAt = t.version
	}
	return &t.packedN
}
