"""Means and spreads of what transformers computes under dropout, for dropout_test.go.

    python dropout.py GOLDEN/models > dropout.json

Each kind of dropout has its own rate, so that a mask in the wrong place or with the wrong rate shows. For every
model: of each logit and of the loss the mean and standard deviation over the draws, and the same of the logarithm
of the squared norm of each parameter's gradient.
"""
import json
import sys

import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForSequenceClassification

DRAWS = 6000
RATES = {
    "bert-odd": dict(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.2, classifier_dropout=0.3),
    "roberta-odd": dict(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.2, classifier_dropout=0.3),
    "distilbert-odd": dict(dropout=0.1, attention_dropout=0.2, seq_classif_dropout=0.3),
    "xlnet-odd": dict(dropout=0.1, summary_last_dropout=0.3),
}


def moments(draws):
    x = torch.tensor(draws, dtype=torch.float64)
    return x.mean(0), x.std(0)


def measure(directory, rates):
    config = AutoConfig.from_pretrained(directory, **rates)
    model = AutoModelForSequenceClassification.from_pretrained(directory, config=config, dtype=torch.float32)
    model.train()
    inputs = load_file(f"{directory}/classification.safetensors")
    arguments = {k: inputs[k] for k in ("input_ids", "attention_mask", "token_type_ids", "labels") if k in inputs}
    if "distilbert" in directory or "roberta" in directory:
        arguments.pop("token_type_ids", None)
    logits, losses, norms = [], [], {}
    for draw in range(DRAWS):
        torch.manual_seed(draw)
        model.zero_grad()
        out = model(**arguments)
        out.loss.backward()
        logits.append(out.logits.flatten().tolist())
        losses.append(out.loss.item())
        for name, p in model.named_parameters():
            if p.grad is not None:
                square = p.grad.double().square().sum()
                if square > 0:
                    norms.setdefault(name, []).append(square.log().item())
    def pack(x):
        return [[round(float(v), 6) for v in part] for part in moments(x)]
    result = {"rates": rates, "draws": DRAWS, "logits": pack(logits), "loss": pack([[x] for x in losses]), "log_gradient": {}}
    for name, values in norms.items():
        if len(values) == DRAWS and not name.endswith(("key.bias", "k_lin.bias")):  # those are zero but for rounding
            mean, spread = pack([[v] for v in values])
            result["log_gradient"][name] = [mean[0], spread[0]]
    return result


torch.set_num_threads(1)
json.dump({name: measure(f"{sys.argv[1]}/{name}", rates) for name, rates in RATES.items()}, sys.stdout, indent=0)
print()
