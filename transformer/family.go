package transformer

import (
	"regexp"
	"slices"
	"strings"
)

// family is what distinguishes the checkpoints of one model_type: names and
// defaults. What its model computes is in the file of that name.
type family struct {
	// keys are those of config.json that the family has, beside commonKeys;
	// "a=b" says that Config's key a is called b there.
	keys     string
	defaults Config
	// prefix is of the encoder's parameters within a model with a head; bare
	// are the beginnings that these have in a checkpoint of the encoder alone.
	prefix string
	bare   []string
	// heads begin the names of parameters that come and go with the task.
	heads []string
	// labels begins the names of the layer with one row a label.
	labels string
	// tied are entries that repeat another parameter: "copy=original".
	tied []string
	// architectures are the names in config.json of the family's models, by what they are for.
	architecture string // "Bert" of "BertForMaskedLM"
	lmSuffix     string // "ForMaskedLM"

	classifier    func(c *Config, labels int) SequenceClassifier
	languageModel func(c *Config) LanguageModel
}

const commonKeys = "model_type architectures vocab_size initializer_range pad_token_id id2label label2id problem_type"

const bertKeys = "hidden_size num_hidden_layers num_attention_heads intermediate_size hidden_act hidden_dropout_prob " +
	"attention_probs_dropout_prob classifier_dropout max_position_embeddings type_vocab_size layer_norm_eps"

// families by model_type. Defaults are what Hugging Face takes for missing keys.
var families map[string]*family

func init() { // not a literal of the variable: the constructors refer to it
	families = map[string]*family{
		"bert": {
			keys: bertKeys, defaults: bertDefaults(0, 512, 1e-12),
			prefix: "bert.", bare: []string{"embeddings.", "encoder.", "pooler."},
			heads: []string{"classifier.", "cls.", "qa_outputs.", "bert.pooler."}, labels: "classifier.",
			tied:         []string{"cls.predictions.decoder.weight=bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.bias=cls.predictions.bias"},
			architecture: "Bert", lmSuffix: "ForMaskedLM",
			classifier:    func(c *Config, labels int) SequenceClassifier { return NewBertForSequenceClassification(c, labels) },
			languageModel: func(c *Config) LanguageModel { return NewBertForMaskedLM(c) },
		},
		"roberta": {
			keys: bertKeys, defaults: bertDefaults(1, 514, 1e-5),
			prefix: "roberta.", bare: []string{"embeddings.", "encoder.", "pooler."},
			heads: []string{"classifier.", "lm_head.", "qa_outputs.", "roberta.pooler."}, labels: "classifier.out_proj.",
			tied:         []string{"lm_head.decoder.weight=roberta.embeddings.word_embeddings.weight", "lm_head.decoder.bias=lm_head.bias"},
			architecture: "Roberta", lmSuffix: "ForMaskedLM",
			classifier: func(c *Config, labels int) SequenceClassifier {
				return NewRobertaForSequenceClassification(c, labels)
			},
			languageModel: func(c *Config) LanguageModel { return NewRobertaForMaskedLM(c) },
		},
		"distilbert": {
			keys: "hidden_size=dim num_hidden_layers=n_layers num_attention_heads=n_heads intermediate_size=hidden_dim hidden_act=activation " +
				"hidden_dropout_prob=dropout attention_probs_dropout_prob=attention_dropout classifier_dropout=seq_classif_dropout max_position_embeddings",
			defaults: distilBertDefaults(),
			prefix:   "distilbert.", bare: []string{"embeddings.", "transformer."},
			heads: []string{"pre_classifier.", "classifier.", "vocab_transform.", "vocab_layer_norm.", "vocab_projector.", "qa_outputs."}, labels: "classifier.",
			tied:         []string{"vocab_projector.weight=distilbert.embeddings.word_embeddings.weight"},
			architecture: "DistilBert", lmSuffix: "ForMaskedLM",
			classifier: func(c *Config, labels int) SequenceClassifier {
				return NewDistilBertForSequenceClassification(c, labels)
			},
			languageModel: func(c *Config) LanguageModel { return NewDistilBertForMaskedLM(c) },
		},
		"xlnet": {
			keys: "hidden_size=d_model num_hidden_layers=n_layer num_attention_heads=n_head intermediate_size=d_inner hidden_act=ff_activation " +
				"hidden_dropout_prob=dropout layer_norm_eps attn_type bi_data clamp_len summary_type summary_use_proj summary_activation summary_last_dropout",
			defaults: xlnetDefaults(),
			prefix:   "transformer.", bare: []string{"word_embedding.", "mask_emb", "layer."},
			heads:  []string{"sequence_summary.", "logits_proj.", "lm_loss.", "start_logits.", "end_logits.", "answer_class.", "qa_outputs.", "classifier."},
			labels: "logits_proj.", tied: []string{"lm_loss.weight=transformer.word_embedding.weight"},
			architecture: "XLNet", lmSuffix: "LMHeadModel",
			classifier: func(c *Config, labels int) SequenceClassifier {
				return NewXLNetForSequenceClassification(c, labels)
			},
			languageModel: func(c *Config) LanguageModel { return NewXLNetLMHeadModel(c) },
		},
	}
	xlm := *families["roberta"] // XLM-R is RoBERTa with another vocabulary (Conneau et al., arXiv 1911.02116)
	xlm.architecture = "XLMRoberta"
	families["xlm-roberta"] = &xlm
}

// key returns what config.json calls Config's key.
func (f *family) key(name string) string {
	for _, k := range strings.Fields(f.keys) {
		if own, theirs, ok := strings.Cut(k, "="); ok && own == name {
			return theirs
		}
	}
	return name
}

// eachKey calls visit with each of Config's keys that the family has and its name in config.json.
func (f *family) eachKey(visit func(own, theirs string)) {
	for _, k := range append(strings.Fields(commonKeys), strings.Fields(f.keys)...) {
		own, theirs, ok := strings.Cut(k, "=")
		if !ok {
			theirs = own
		}
		visit(own, theirs)
	}
}

func hasAnyPrefix(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// isHead reports whether a parameter comes and goes with the task.
func (f *family) isHead(name string) bool { return hasAnyPrefix(name, f.heads) }

// buffer matches entries that are no parameters.
var buffer = regexp.MustCompile(`(^|\.)embeddings\.(position_ids|token_type_ids)$`)

// original returns the parameter that an entry of the checkpoint repeats.
func (f *family) original(name string) (string, bool) {
	for _, t := range f.tied {
		if copied, original, _ := strings.Cut(t, "="); copied == name {
			return original, true
		}
	}
	return "", false
}

// canonicalName gives the name of a parameter in today's checkpoints with a
// head: with the encoder's prefix, and LayerNorm's gamma and beta as weight and bias.
func (f *family) canonicalName(name string) string {
	if rest, ok := strings.CutSuffix(name, "LayerNorm.gamma"); ok {
		name = rest + "LayerNorm.weight"
	}
	if rest, ok := strings.CutSuffix(name, "LayerNorm.beta"); ok {
		name = rest + "LayerNorm.bias"
	}
	if hasAnyPrefix(name, f.bare) && !strings.HasPrefix(name, f.prefix+"layer.") {
		return f.prefix + name
	}
	return name
}
