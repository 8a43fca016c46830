package tokenizer

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// sentencePiece is the vocabulary file of SentencePiece, spiece.model or
// sentencepiece.bpe.model: a protocol buffer of the type ModelProto
// (sentencepiece_model.proto). What encoding a text needs is kept of it.
type sentencePiece struct {
	pieces       []protoPiece
	model        modelKind
	unk          int // id of the unknown piece
	bos, eos     int // -1 for none
	pad          int
	byteFallback bool
	normalizer   string // name of the normalisation
	charsMap     []byte // its precompiled_charsmap
}

// protoPiece is a SentencePiece message.
type protoPiece struct {
	text  string
	score float32
	kind  pieceKind
}

type pieceKind uint64

const (
	normalPiece pieceKind = iota + 1
	unknownPiece
	controlPiece
	userDefinedPiece
	unusedPiece
	bytePiece
)

type modelKind uint64

const (
	unigramModel modelKind = iota + 1
	bpeModel
	wordModel
	charModel
)

func (k modelKind) String() string {
	if names := []string{"Unigram", "BPE", "word", "character"}; k >= unigramModel && k <= charModel {
		return names[k-unigramModel]
	}
	return fmt.Sprintf("unknown (%d)", uint64(k))
}

// Numbers of the fields.
const (
	modelPieces     = 1
	modelTrainer    = 2
	modelNormalizer = 3

	pieceText  = 1
	pieceScore = 2
	pieceType  = 3

	trainerModelType    = 3
	trainerVocabSize    = 4
	trainerByteFallback = 35
	trainerUnkID        = 40
	trainerBosID        = 41
	trainerEosID        = 42
	trainerPadID        = 43

	normalizerName     = 1
	normalizerCharsMap = 2
)

// parseSentencePiece reads a vocabulary file. Fields that it does not know are skipped.
func parseSentencePiece(data []byte) (*sentencePiece, error) {
	// What the definition gives fields that are left out.
	m := &sentencePiece{model: unigramModel, unk: 0, bos: 1, eos: 2, pad: -1}
	unknown := -1
	err := eachField(data, "", func(number protowire.Number, f protoField) error {
		switch number {
		case modelPieces:
			place := fmt.Sprintf("piece %d", len(m.pieces))
			data, err := f.message(place)
			if err != nil {
				return err
			}
			p, err := parsePiece(data, place)
			if err != nil {
				return err
			}
			if p.kind == unknownPiece {
				if unknown >= 0 {
					return fmt.Errorf("%s: %q is of the unknown kind, as piece %d is", place, p.text, unknown)
				}
				unknown = len(m.pieces)
			}
			m.pieces = append(m.pieces, p)
			return nil
		case modelTrainer:
			data, err := f.message("trainer_spec")
			if err != nil {
				return err
			}
			return m.parseTrainer(data)
		case modelNormalizer:
			data, err := f.message("normalizer_spec")
			if err != nil {
				return err
			}
			return m.parseNormalizer(data)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("not a SentencePiece model: %w", err)
	}
	if len(m.pieces) == 0 {
		return nil, errors.New("not a SentencePiece model: found no pieces")
	}
	if unknown < 0 {
		return nil, fmt.Errorf("SentencePiece model: none of the %d pieces is of the unknown kind", len(m.pieces))
	}
	m.unk = unknown
	return m, nil
}

func parsePiece(data []byte, place string) (protoPiece, error) {
	p := protoPiece{kind: normalPiece}
	err := eachField(data, place+": ", func(number protowire.Number, f protoField) error {
		switch number {
		case pieceText:
			b, err := f.message(place + ": text")
			if err != nil {
				return err
			}
			if !utf8.Valid(b) {
				return fmt.Errorf("%s: found %q, expected UTF-8", place, b)
			}
			p.text = string(b)
		case pieceScore:
			if f.kind != protowire.Fixed32Type {
				return f.unexpected(place + ": score")
			}
			p.score = math.Float32frombits(uint32(f.number))
		case pieceType:
			if f.kind != protowire.VarintType || f.number < uint64(normalPiece) || f.number > uint64(bytePiece) {
				return f.unexpected(place + ": type")
			}
			p.kind = pieceKind(f.number)
		}
		return nil
	})
	switch {
	case err != nil:
		return p, err
	case p.text == "":
		return p, fmt.Errorf("%s: found no text", place)
	case p.score != p.score || math.IsInf(float64(p.score), 0):
		return p, fmt.Errorf("%s: the score of %q is %v", place, p.text, p.score)
	}
	return p, nil
}

func (m *sentencePiece) parseTrainer(data []byte) error {
	return eachField(data, "trainer_spec: ", func(number protowire.Number, f protoField) error {
		var id *int
		switch number {
		case trainerModelType, trainerByteFallback:
			if f.kind != protowire.VarintType {
				return f.unexpected(fmt.Sprintf("trainer_spec: field %d", number))
			}
			if number == trainerModelType {
				m.model = modelKind(f.number)
			} else {
				m.byteFallback = f.number != 0
			}
			return nil
		case trainerUnkID:
			id = &m.unk
		case trainerBosID:
			id = &m.bos
		case trainerEosID:
			id = &m.eos
		case trainerPadID:
			id = &m.pad
		default:
			return nil
		}
		if f.kind != protowire.VarintType {
			return f.unexpected(fmt.Sprintf("trainer_spec: field %d", number))
		}
		*id = int(int32(f.number))
		return nil
	})
}

func (m *sentencePiece) parseNormalizer(data []byte) error {
	return eachField(data, "normalizer_spec: ", func(number protowire.Number, f protoField) error {
		switch number {
		case normalizerName:
			b, err := f.message("normalizer_spec: name")
			m.normalizer = string(b)
			return err
		case normalizerCharsMap:
			b, err := f.message("normalizer_spec: precompiled_charsmap")
			m.charsMap = b
			return err
		}
		return nil
	})
}

// protoField is the value of a field.
type protoField struct {
	kind   protowire.Type
	number uint64 // of a varint or fixed value
	bytes  []byte // of a string or message
}

func (f protoField) message(place string) ([]byte, error) {
	if f.kind != protowire.BytesType {
		return nil, f.unexpected(place)
	}
	return f.bytes, nil
}

func (f protoField) unexpected(place string) error {
	return fmt.Errorf("%s: found wire type %d with value %d, which it cannot have", place, f.kind, f.number)
}

// eachField calls do with the fields of a message.
func eachField(data []byte, place string, do func(protowire.Number, protoField) error) error {
	size := len(data)
	for len(data) > 0 {
		at := size - len(data)
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return fmt.Errorf("%sbyte %d of %d: %w", place, at, size, protowire.ParseError(n))
		}
		data = data[n:]
		f := protoField{kind: kind}
		switch kind {
		case protowire.VarintType:
			f.number, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(data)
			f.number = uint64(v)
		case protowire.Fixed64Type:
			f.number, n = protowire.ConsumeFixed64(data)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(data)
		default:
			n = protowire.ConsumeFieldValue(number, kind, data)
		}
		if n < 0 {
			return fmt.Errorf("%sbyte %d of %d: field %d: %w", place, at, size, number, protowire.ParseError(n))
		}
		data = data[n:]
		if err := do(number, f); err != nil {
			return err
		}
	}
	return nil
}

// marshal writes the vocabulary file.
func (m *sentencePiece) marshal() []byte {
	var out, b []byte
	for _, p := range m.pieces {
		b = protowire.AppendTag(b[:0], pieceText, protowire.BytesType)
		b = protowire.AppendString(b, p.text)
		b = protowire.AppendTag(b, pieceScore, protowire.Fixed32Type)
		b = protowire.AppendFixed32(b, math.Float32bits(p.score))
		if p.kind != normalPiece {
			b = appendVarint(b, pieceType, uint64(p.kind))
		}
		out = protowire.AppendBytes(protowire.AppendTag(out, modelPieces, protowire.BytesType), b)
	}
	b = appendVarint(b[:0], trainerModelType, uint64(m.model))
	b = appendVarint(b, trainerVocabSize, uint64(len(m.pieces)))
	if m.byteFallback {
		b = appendVarint(b, trainerByteFallback, 1)
	}
	b = appendVarint(b, trainerUnkID, uint64(int64(m.unk)))
	b = appendVarint(b, trainerBosID, uint64(int64(m.bos)))
	b = appendVarint(b, trainerEosID, uint64(int64(m.eos)))
	b = appendVarint(b, trainerPadID, uint64(int64(m.pad)))
	out = protowire.AppendBytes(protowire.AppendTag(out, modelTrainer, protowire.BytesType), b)
	b = protowire.AppendTag(b[:0], normalizerName, protowire.BytesType)
	b = protowire.AppendString(b, m.normalizer)
	b = protowire.AppendTag(b, normalizerCharsMap, protowire.BytesType)
	b = protowire.AppendBytes(b, m.charsMap)
	return protowire.AppendBytes(protowire.AppendTag(out, modelNormalizer, protowire.BytesType), b)
}

func appendVarint(b []byte, number protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), v)
}
