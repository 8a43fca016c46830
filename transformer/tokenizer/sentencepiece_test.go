package tokenizer

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func smallSentencePiece() *sentencePiece {
	return &sentencePiece{
		pieces: []protoPiece{{"<unk>", 0, unknownPiece}, {"<s>", 0, controlPiece}, {"</s>", 0, controlPiece}, {"▁a", -1.5, normalPiece}, {"b", -2, normalPiece}},
		model:  unigramModel, unk: 0, bos: 1, eos: 2, pad: -1, normalizer: "nmt_nfkc", charsMap: buildCharsMap([2]string{"ﬁ", "fi"}),
	}
}

func TestSentencePieceRoundTrip(t *testing.T) {
	m := smallSentencePiece()
	data := m.marshal()
	got, err := parseSentencePiece(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, m) {
		t.Errorf("got %+v, want %+v", got, m)
	}
	for n := range data { // cut short it is refused, or has fewer pieces
		if cut, err := parseSentencePiece(data[:n]); err == nil && reflect.DeepEqual(cut, m) {
			t.Errorf("%d of %d bytes are the whole", n, len(data))
		}
	}
}

func TestSentencePieceBad(t *testing.T) {
	piece := func(fields ...[]byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, modelPieces, protowire.BytesType), slices.Concat(fields...))
	}
	text := func(s string) []byte {
		return protowire.AppendString(protowire.AppendTag(nil, pieceText, protowire.BytesType), s)
	}
	score := func(f float64) []byte {
		return protowire.AppendFixed32(protowire.AppendTag(nil, pieceScore, protowire.Fixed32Type), math.Float32bits(float32(f)))
	}
	unknown := appendVarint(nil, pieceType, uint64(unknownPiece))
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "found no pieces"},
		{"text", []byte("not a protocol buffer"), "byte 0 of 21"},
		{"lying length", binary.AppendUvarint([]byte{1<<3 | 2}, 1<<40), "byte 0 of 7: field 1"},
		{"no unknown piece", piece(text("a")), "none of the 1 pieces"},
		{"two unknown pieces", append(piece(text("a"), unknown), piece(text("b"), unknown)...), "as piece 0 is"},
		{"no text", piece(unknown), "found no text"},
		{"not UTF-8", piece(text("\xff")), "expected UTF-8"},
		{"score of no number", piece(text("a"), score(math.NaN())), `the score of "a" is NaN`},
		{"endless score", piece(text("a"), score(math.Inf(1))), `the score of "a" is +Inf`},
		{"score of another type", piece(text("a"), appendVarint(nil, pieceScore, 1)), "piece 0: score"},
		{"unknown type", piece(text("a"), appendVarint(nil, pieceType, 7)), "piece 0: type"},
		{"piece that is a number", appendVarint(nil, modelPieces, 1), "piece 0: found wire type 0"},
		{"group without end", protowire.AppendTag(nil, 9, protowire.StartGroupType), "field 9"},
	} {
		if _, err := parseSentencePiece(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	// What no family can use.
	for _, c := range []struct {
		name, file string
		change     func(m *sentencePiece)
		config     string
		want       string
	}{
		{"BPE", "spiece.model", func(m *sentencePiece) { m.model = bpeModel }, "{}", "the model type is BPE"},
		{"no special tokens", "spiece.model", func(*sentencePiece) {}, "{}", `"<pad>" is not among`},
		{"another family", "spiece.model", func(*sentencePiece) {}, `{"tokenizer_class": "T5Tokenizer"}`, `found "T5Tokenizer"`},
		{"other first pieces", "sentencepiece.bpe.model", func(m *sentencePiece) { m.pieces = append(m.pieces[3:], m.pieces[0]) }, "{}", "expected <unk>, <s> and </s>"},
		{"character map", "sentencepiece.bpe.model", func(m *sentencePiece) { m.charsMap = []byte("?") }, "{}", "found 1 bytes"},
		{"piece twice", "sentencepiece.bpe.model", func(m *sentencePiece) { m.pieces = append(m.pieces, m.pieces[3]) }, "{}", `"▁a" has the ids`},
	} {
		m := smallSentencePiece()
		c.change(m)
		dir := t.TempDir()
		for name, data := range map[string][]byte{c.file: m.marshal(), "tokenizer_config.json": []byte(c.config)} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.file) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// The real file reads back as it is, but for fields that are not kept.
func TestSentencePieceReal(t *testing.T) {
	data, err := os.ReadFile(shared(t, "vocab", "xlnet-base-cased", "spiece.model"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := parseSentencePiece(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.pieces) != 32000 || m.unk != 0 || len(m.charsMap) == 0 {
		t.Errorf("%d pieces, unknown %d, a map of %d bytes", len(m.pieces), m.unk, len(m.charsMap))
	}
	again, err := parseSentencePiece(m.marshal())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again, m) {
		t.Error("what is written differs")
	}
}

// TestE5 compares a checkpoint of another architecture with XLM-R's tokenizer.
func TestE5(t *testing.T) {
	tok, err := Load(shared(t, "checkpoints", "multilingual-e5-small-pruned"))
	if err != nil {
		t.Fatal(err)
	}
	texts, err := os.ReadFile(shared(t, "golden", "real", "multilingual-e5", "singles.texts.json"))
	if err != nil {
		t.Fatal(err)
	}
	var pairs [][2]*string
	if err := json.Unmarshal(texts, &pairs); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(shared(t, "golden", "real", "multilingual-e5", "singles.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	header, rest := data[8:8+binary.LittleEndian.Uint64(data)], data[8+binary.LittleEndian.Uint64(data):]
	var tensors map[string]struct {
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(bytes.TrimSpace(header), &tensors); err != nil {
		t.Fatal(err)
	}
	read := func(name string) (rows [][]int32) {
		x := tensors[name]
		for i := range x.Shape[0] {
			row := make([]int32, x.Shape[1])
			for j := range row {
				row[j] = int32(binary.LittleEndian.Uint64(rest[x.Offsets[0]+8*(i*x.Shape[1]+j):]))
			}
			rows = append(rows, row)
		}
		return rows
	}
	ids, mask := read("input_ids"), read("attention_mask")
	if len(ids) != len(pairs) || len(ids) == 0 {
		t.Fatalf("%d texts, %d rows of ids", len(pairs), len(ids))
	}
	for i, p := range pairs {
		n := 0
		for _, m := range mask[i] {
			n += int(m)
		}
		e, err := tok.Encode(*p[0], Options{AddSpecialTokens: true})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(e.IDs, ids[i][:n]) {
			t.Errorf("%q:\n got %v\nwant %v", *p[0], e.IDs, ids[i][:n])
		}
	}
}

func FuzzSentencePiece(f *testing.F) {
	f.Add(smallSentencePiece().marshal())
	f.Add([]byte{1<<3 | 2, 2, 1<<3 | 2, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseSentencePiece(data)
		if err != nil {
			return
		}
		again, err := parseSentencePiece(m.marshal())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(again.pieces, m.pieces) || !bytes.Equal(again.charsMap, m.charsMap) || again.unk != m.unk || again.model != m.model {
			t.Fatalf("got %+v, want %+v", again, m)
		}
		for _, describe := range []func(*sentencePiece, *config) (description, error){xlnetFromSentencePiece, xlmRobertaFromSentencePiece} {
			d, err := describe(m, &config{})
			if err != nil {
				continue
			}
			if tok, err := d.build(); err == nil {
				if _, err := tok.Encode("a ﬁ\u0301x", Options{AddSpecialTokens: true}); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// A tokenizer that came from a tokenizer.json has the same SentencePiece file
// as it would have been read from; one that is no family's has none.
func TestSentencePieceFile(t *testing.T) {
	for _, c := range []struct{ tokenizer, name string }{
		{"xlnet-base-cased", "spiece.model"},
		{"xlm-roberta-style", "sentencepiece.bpe.model"},
		{"xlnet-base-cased-converter", ""},
		{"roberta-base", ""},
	} {
		tok, err := Load(shared(t, "golden", "tokenizers", c.tokenizer, "hf"))
		if err != nil {
			t.Fatal(err)
		}
		name, data := tok.description.sentencePieceFile()
		if name != c.name {
			t.Errorf("%s: got %q, want %q", c.tokenizer, name, c.name)
			continue
		}
		if name == "" {
			continue
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
		again, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(again.description.vocab, tok.description.vocab) || !slices.Equal(again.description.scores, tok.description.scores) || !slices.Equal(again.description.added, tok.description.added) {
			t.Errorf("%s: the tokenizer that was written differs", c.tokenizer)
		}
	}
}
