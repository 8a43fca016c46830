"""Loads directories that godwit wrote with transformers, and writes them again.

    python roundtrip.py DIR...

Each DIR holds a checkpoint in DIR/godwit and a batch in DIR/in.safetensors
(input_ids, attention_mask, token_type_ids). Written are DIR/logits.safetensors,
and the same model by save_pretrained in DIR/transformers. Needs torch and transformers.
"""

import sys

from safetensors.torch import load_file, save_file
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification, XLNetLMHeadModel, logging

logging.set_verbosity_error()
logging.disable_progress_bar()

for directory in sys.argv[1:]:
    load = AutoModelForSequenceClassification
    if directory.endswith("-lm"):
        load = XLNetLMHeadModel if "xlnet" in directory else AutoModelForMaskedLM
    model, info = load.from_pretrained(directory + "/godwit", output_loading_info=True)
    wrong = {key: names for key, names in info.items() if names}
    if wrong:
        sys.exit(f"{directory}: {wrong}")
    batch = load_file(directory + "/in.safetensors")
    if model.config.model_type in ("roberta", "xlm-roberta", "distilbert"):
        del batch["token_type_ids"]
    save_file({"logits": model.eval()(**batch).logits.detach().contiguous()}, directory + "/logits.safetensors")
    model.save_pretrained(directory + "/transformers")
