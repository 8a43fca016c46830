// Package transformer has encoders that load and write Hugging Face
// checkpoints: their configuration, modules, heads and ragged batches.
//
// A model file reads like the model: one struct per module of the checkpoint,
// with the checkpoint's names as tags.
package transformer
