// Command godwit fine-tunes encoders on CPUs and runs transfer-learning studies.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit statuses.
const (
	exitFailed = 1
	exitUsage  = 2
)

type commands struct {
	Study    studyCommand    `cmd:"" help:"Compare direct fine-tuning with intermediate-task training."`
	Report   reportCommand   `cmd:"" help:"Make a study's report again from what is finished."`
	Serve    serveCommand    `cmd:"" help:"Show a study's report in a browser while it runs."`
	Train    trainCommand    `cmd:"" help:"Fine-tune a checkpoint on a file of texts."`
	Eval     evalCommand     `cmd:"" help:"Score a fine-tuned model on a file."`
	Predict  predictCommand  `cmd:"" help:"Label lines of a file or of standard input; JSON lines out."`
	Pretrain pretrainCommand `cmd:"" help:"Train an encoder from nothing, or further, on texts without labels."`
	Tokenize tokenizeCommand `cmd:"" help:"Show tokens, ids and offsets of lines of text."`
	Inspect  inspectCommand  `cmd:"" help:"Show what a checkpoint holds, and what a task would need."`
	Convert  convertCommand  `cmd:"" help:"Rewrite a checkpoint as safetensors, in float32, float16 or bfloat16."`
	Trace    traceCommand    `cmd:"" help:"Run a recorded batch and write every hidden state, logit and gradient."`
	Replay   replayCommand   `cmd:"" help:"Take recorded optimizer steps and write losses and final weights."`
	Bench    benchCommand    `cmd:"" help:"Measure this machine: peak, matrix products, training and inference."`
	Version  versionCommand  `cmd:"" help:"Print versions and what was chosen for this machine."`
}

// usageError is a mistake in the command line beyond what the parser sees.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parser, err := newParser(ctx)
	if err != nil {
		panic(err) // the tags of commands are wrong
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "godwit: %v\n", err)
		if strings.Contains(err.Error(), "expected one of") || strings.Contains(err.Error(), "unexpected") {
			fmt.Fprintln(os.Stderr, "Try: godwit --help")
		}
		return exitUsage
	}
	return status(k.Run())
}

func newParser(ctx context.Context) (*kong.Kong, error) {
	return kong.New(new(commands),
		kong.Name("godwit"),
		kong.Description("Fine-tunes BERT on ordinary CPUs and studies transfer learning. Each command has --help with an example."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
}

// status reports an error and returns the exit status that goes with it.
func status(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled):
		fmt.Fprintf(os.Stderr, "godwit: interrupted: %v\n", err)
		return exitFailed
	case errors.As(err, new(usageError)):
		fmt.Fprintf(os.Stderr, "godwit: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(os.Stderr, "godwit: %v\n", err)
	return exitFailed
}
