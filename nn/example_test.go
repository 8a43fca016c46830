package nn_test

import (
	"fmt"

	"godwit/nn"
	"godwit/tensor"
)

func Example() {
	layer := nn.NewLinear(2, 1)
	parameters := nn.Parameters(layer)
	optimizer := nn.NewAdamW(parameters, 0)
	tape := tensor.NewTape()
	x := tensor.New([]float32{1, 2, 3, 4}, 2, 2)
	for step := range 300 {
		tape.Reset(0, uint32(step))
		y := layer.Forward(tape, x, nil)
		tape.MeanSquaredError(y, []float32{1, -1})
		nn.ZeroGrad(parameters)
		tape.Backward()
		_, scale := nn.ClipGradNorm(parameters, 1)
		optimizer.Step(0.05, scale)
	}
	y := layer.Forward(tensor.NewInference(), x, nil)
	fmt.Printf("%.2f %.2f\n", y.Data[0], y.Data[1])
	// Output: 1.00 -1.00
}

// Names of parameters are paths of tags, as checkpoints have them.
func ExampleParameters() {
	type block struct {
		Dense *nn.Linear    `name:"dense"`
		Norm  *nn.LayerNorm `name:"LayerNorm"`
	}
	type model struct {
		Layer []*block `name:"layer"`
	}
	m := &model{Layer: []*block{{Dense: nn.NewLinear(2, 3), Norm: nn.NewLayerNorm(3, 1e-5)}}}
	for _, p := range nn.Parameters(m) {
		fmt.Println(p.Name, p.Shape)
	}
	// Output:
	// layer.0.dense.weight [3 2]
	// layer.0.dense.bias [3]
	// layer.0.LayerNorm.weight [3]
	// layer.0.LayerNorm.bias [3]
}

func ExampleSchedule() {
	s, err := nn.NewSchedule("linear", 8, 0.5)
	if err != nil {
		fmt.Println(err)
		return
	}
	for step := range s.Steps {
		fmt.Print(s.Factor(step), " ")
	}
	// Output: 0 0.25 0.5 0.75 1 0.75 0.5 0.25
}
