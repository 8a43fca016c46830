package main

import (
	"fmt"
	"os"

	"godwit/experiments/compare"
)

type traceCommand struct {
	Model     string `required:"" help:"Directory of a Hugging Face model." placeholder:"DIR"`
	Input     string `required:"" help:"Safetensors file with input_ids, attention_mask, token_type_ids [batch, length], optionally labels and param.<name>." placeholder:"FILE"`
	Output    string `required:"" help:"Safetensors file to write: hidden_states.<i>, pooler_output, logits, loss, grad.<parameter>." placeholder:"FILE"`
	Head      string `enum:",classification,regression,pretraining" default:"" help:"classification, regression or pretraining; by default what the labels are for."`
	Gradients bool   `help:"Write the gradient of every parameter; needs labels."`
}

func (traceCommand) Help() string {
	return "Example: godwit trace --model checkpoints/minilm --input batch.safetensors --output out.safetensors"
}

func (c *traceCommand) Run() error {
	names, err := compare.Trace(compare.TraceOptions{Model: c.Model, Input: c.Input, Output: c.Output, Head: compare.Head(c.Head), Gradients: c.Gradients})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: %d tensors\n", c.Output, len(names))
	return nil
}

type replayCommand struct {
	Model    string `required:"" help:"Directory of a Hugging Face model." placeholder:"DIR"`
	Batches  string `required:"" help:"Safetensors file with step<i>.input_ids and the like." placeholder:"FILE"`
	Settings string `required:"" help:"JSON file with steps, lr, warmup, weight_decay, betas, eps, clip, no_decay_suffixes." placeholder:"FILE"`
	Output   string `required:"" help:"Safetensors file to write: loss, grad_norm, final.<parameter>." placeholder:"FILE"`
}

func (replayCommand) Help() string {
	return "Example: godwit replay --model bert --batches trajectory.safetensors --settings trajectory.json --output out.safetensors"
}

func (c *replayCommand) Run() error {
	return compare.Replay(compare.ReplayOptions{Model: c.Model, Batches: c.Batches, Settings: c.Settings, Output: c.Output,
		Watch: func(step, steps int, loss float64) {
			fmt.Fprintf(os.Stderr, "step %d/%d  loss %.6f\n", step, steps, loss)
		}})
}
