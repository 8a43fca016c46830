package transformer_test

import (
	"fmt"

	"godwit/tensor"
	"godwit/transformer"
)

func Example() {
	config := transformer.NewBertConfig(100, 16, 2, 2, 32) // vocabulary, hidden, layers, heads, intermediate
	model := transformer.NewBertForSequenceClassification(config, 3)
	transformer.Initialise(model, config, 1)

	var batch transformer.Batch // ragged: no padding, no mask
	batch.Add([]int32{1, 17, 42, 2}, nil)
	batch.Add([]int32{1, 99, 2}, nil)
	if err := batch.Check(config); err != nil {
		fmt.Println(err)
		return
	}
	logits := transformer.Logits(tensor.NewInference(), model, &batch)
	fmt.Println(logits.Shape, batch.Tokens())
	// Output: [2 3] 7
}
