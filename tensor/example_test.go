package tensor_test

import (
	"fmt"

	"godwit/tensor"
)

func Example() {
	w := tensor.NewParameter(1, 2) // y = x wᵀ
	copy(w.Data, []float32{1, -1})
	w.Changed()
	x := tensor.New([]float32{3, 2}, 1, 2)

	tape := tensor.NewTape()
	y := tape.Linear(x, w, nil, nil)
	loss := tape.MeanSquaredError(y, []float32{0})
	tape.Backward()
	fmt.Println(y.Data, loss, w.Grad)
	// Output: [1] 1 [6 4]
}

// Two sequences of 3 and 1 tokens, one after another: the second attends to
// nothing but itself.
func ExampleTape_Attention() {
	x := tensor.New([]float32{1, 0, 0, 1, 1, 1, 5, 7}, 4, 2)
	y := tensor.NewInference().Attention(x, x, x, []int32{0, 3, 4}, 1, 0)
	fmt.Println(y.Shape, y.Row(3))
	// Output: [4 2] [5 7]
}
