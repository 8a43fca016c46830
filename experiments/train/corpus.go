package train

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"godwit/experiments/dataset"
	"godwit/transformer"
	"godwit/transformer/tokenizer"
)

// CorpusOptions say how texts become sequences.
type CorpusOptions struct {
	// MaxLength is the most tokens of a sequence, special tokens included.
	MaxLength int
	// Lines makes every text a sequence of its own (several, if it is longer).
	// Otherwise the texts of a document fill sequences one after the other,
	// which end with the document (DOC-SENTENCES of RoBERTa, Liu et al. 2019, §4.2).
	Lines bool
	// TextColumn is the column of the text in CSV, TSV and JSONL.
	TextColumn string
}

// Corpus holds unlabelled texts as sequences of token ids, two bytes a token
// where the vocabulary is small enough and four otherwise, and nothing else of them.
type Corpus struct {
	*store
	which []int32 // sequences of the store that belong to this corpus
}

// store keeps sequences in pages, so that it grows without being copied.
type store struct {
	width int // bytes of a token
	pages [][]byte
	at    []place
	frame frame
}

// place is where a sequence lies in a page, in bytes.
type place struct{ page, start, end int32 }

// pageSize is the size of a page in bytes; a sequence lies within one.
const pageSize = 1 << 20

// maxSequence is the longest sequence that a page can hold.
const maxSequence = pageSize / 4

// frame is what a tokenizer puts around a text.
type frame struct {
	before, after           []int32 // special tokens
	beforeTypes, afterTypes []int32 // and their segments
	textType                int32
}

// frameOf finds the frame by encoding a short text.
func frameOf(tok *tokenizer.Tokenizer) (frame, error) {
	e, err := tok.Encode("a", tokenizer.Options{AddSpecialTokens: true})
	if err != nil {
		return frame{}, err
	}
	first := slices.IndexFunc(e.SequenceIDs, func(s int8) bool { return s == 0 })
	if first < 0 {
		return frame{}, fmt.Errorf("the tokenizer makes no token of %q", "a")
	}
	last := first
	for last < len(e.IDs) && e.SequenceIDs[last] == 0 {
		last++
	}
	return frame{
		before: slices.Clone(e.IDs[:first]), beforeTypes: slices.Clone(e.TypeIDs[:first]),
		after: slices.Clone(e.IDs[last:]), afterTypes: slices.Clone(e.TypeIDs[last:]),
		textType: e.TypeIDs[first],
	}, nil
}

// Len returns the number of sequences.
func (c *Corpus) Len() int { return len(c.which) }

// Length returns the number of tokens of a sequence, special ones included.
func (c *Corpus) Length(i int) int {
	p := c.at[c.which[i]]
	return int(p.end-p.start) / c.width
}

// Tokens returns the number of tokens of all sequences, special ones included.
func (c *Corpus) Tokens() int {
	n := 0
	for i := range c.which {
		n += c.Length(i)
	}
	return n
}

// Append appends the ids of a sequence to dst.
func (c *Corpus) Append(dst []int32, i int) []int32 {
	p := c.at[c.which[i]]
	b := c.pages[p.page][p.start:p.end]
	for ; len(b) > 0; b = b[c.width:] {
		if c.width == 2 {
			dst = append(dst, int32(binary.LittleEndian.Uint16(b)))
		} else {
			dst = append(dst, int32(binary.LittleEndian.Uint32(b)))
		}
	}
	return dst
}

// types appends the segments of a sequence of n tokens to dst.
func (f *frame) types(dst []int32, n int) []int32 {
	dst = append(dst, f.beforeTypes...)
	for range n - len(f.before) - len(f.after) {
		dst = append(dst, f.textType)
	}
	return append(dst, f.afterTypes...)
}

// addTo appends a sequence to a batch; ids is its ids, possibly masked.
func (c *Corpus) addTo(b *transformer.Batch, ids []int32, types []int32) []int32 {
	types = c.frame.types(types[:0], len(ids))
	b.Add(ids, types)
	return types
}

// Split holds the given share of the sequences out, chosen at random by seed:
// at least one, if the share is not 0 and there are two.
func (c *Corpus) Split(ratio float64, seed uint64) (rest, held *Corpus) {
	n := int(math.Round(ratio * float64(c.Len())))
	if ratio > 0 {
		n = max(1, n)
	}
	n = min(n, c.Len()-1)
	rest, held = &Corpus{store: c.store}, &Corpus{store: c.store}
	if n <= 0 {
		return c, held
	}
	out := make([]bool, c.Len())
	for _, i := range dataset.Shuffle(c.Len(), seed, 0)[:n] { // epochs begin at 1
		out[i] = true
	}
	for i, s := range c.which {
		if out[i] {
			held.which = append(held.which, s)
		} else {
			rest.which = append(rest.which, s)
		}
	}
	return rest, held
}

// Digest returns a hash of all sequences in their order.
func (c *Corpus) Digest() string {
	h := sha256.New()
	var length [8]byte
	for _, s := range c.which {
		p := c.at[s]
		binary.LittleEndian.PutUint64(length[:], uint64(p.end-p.start))
		h.Write(length[:])
		h.Write(c.pages[p.page][p.start:p.end])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// packer cuts the tokens of texts into sequences.
type packer struct {
	store *store
	room  int // tokens of text in a sequence
	lines bool
	rest  []int32 // tokens that do not yet fill a sequence
}

func newPacker(tok *tokenizer.Tokenizer, opt CorpusOptions) (*packer, error) {
	f, err := frameOf(tok)
	if err != nil {
		return nil, err
	}
	special := len(f.before) + len(f.after)
	if opt.MaxLength <= special || opt.MaxLength > maxSequence {
		return nil, fmt.Errorf("max_length: found %d, expected a number from %d to %d", opt.MaxLength, special+1, maxSequence)
	}
	width := 2
	if tok.VocabSize() > 1<<16 {
		width = 4
	}
	return &packer{store: &store{width: width, frame: f}, room: opt.MaxLength - special, lines: opt.Lines}, nil
}

// add takes the tokens of a piece of text, and what ends with it.
func (p *packer) add(ids []int32, end boundary) {
	p.rest = append(p.rest, ids...)
	used := 0
	for len(p.rest)-used >= p.room {
		p.store.put(p.rest[used : used+p.room])
		used += p.room
	}
	p.rest = p.rest[:copy(p.rest, p.rest[used:])]
	if len(p.rest) > 0 && (end == endOfDocument || p.lines && end == endOfText) {
		p.store.put(p.rest)
		p.rest = p.rest[:0]
	}
}

// corpus returns what was added.
func (p *packer) corpus() *Corpus {
	c := &Corpus{store: p.store, which: make([]int32, len(p.store.at))}
	for i := range c.which {
		c.which[i] = int32(i)
	}
	return c
}

// put stores a sequence with the special tokens around it.
func (s *store) put(text []int32) {
	need := s.width * (len(text) + len(s.frame.before) + len(s.frame.after))
	last := len(s.pages) - 1
	if last < 0 || len(s.pages[last])+need > pageSize {
		s.pages = append(s.pages, make([]byte, 0, pageSize))
		last++
	}
	page := s.pages[last]
	start := len(page)
	for _, part := range [][]int32{s.frame.before, text, s.frame.after} {
		for _, id := range part {
			if s.width == 2 {
				page = binary.LittleEndian.AppendUint16(page, uint16(id))
			} else {
				page = binary.LittleEndian.AppendUint32(page, uint32(id))
			}
		}
	}
	s.pages[last] = page
	s.at = append(s.at, place{int32(last), int32(start), int32(len(page))})
}

// ReadCorpus reads texts from files and tokenizes them on all cores as they
// are read. CSV, TSV and JSONL (told by the name) have a document a row; any other
// file has a text a line, and blank lines between documents. Files may be gzipped, by name.
func ReadCorpus(ctx context.Context, paths []string, tok *tokenizer.Tokenizer, opt CorpusOptions) (*Corpus, error) {
	p, err := newPacker(tok, opt)
	if err != nil {
		return nil, err
	}
	e := encoder{ctx: ctx, tok: tok, to: p}
	for _, path := range paths {
		if err := eachPiece(path, opt.TextColumn, e.add); err != nil {
			return nil, err
		}
	}
	if err := e.flush(); err != nil {
		return nil, err
	}
	if len(p.store.at) == 0 {
		return nil, fmt.Errorf("%s: found no text, expected some to train on", strings.Join(paths, ", "))
	}
	return p.corpus(), nil
}

// NewCorpus tokenizes texts, each a document of its own.
func NewCorpus(ctx context.Context, texts []string, tok *tokenizer.Tokenizer, opt CorpusOptions) (*Corpus, error) {
	p, err := newPacker(tok, opt)
	if err != nil {
		return nil, err
	}
	e := encoder{ctx: ctx, tok: tok, to: p}
	for _, t := range texts {
		if err := inPieces(t, endOfDocument, e.add); err != nil {
			return nil, err
		}
	}
	if err := e.flush(); err != nil {
		return nil, err
	}
	if len(p.store.at) == 0 {
		return nil, fmt.Errorf("found no text, expected some to train on")
	}
	return p.corpus(), nil
}

// encoder tokenizes pieces, many at a time.
type encoder struct {
	ctx   context.Context
	tok   *tokenizer.Tokenizer
	to    *packer
	texts []string
	ends  []boundary
	bytes int
}

// Pieces are tokenized when there are so many, or so many bytes.
const (
	encodePieces = 1 << 12
	encodeBytes  = 1 << 20
)

func (e *encoder) add(text string, end boundary) error {
	e.texts, e.ends = append(e.texts, text), append(e.ends, end)
	if e.bytes += len(text); len(e.texts) >= encodePieces || e.bytes >= encodeBytes {
		return e.flush()
	}
	return nil
}

func (e *encoder) flush() error {
	if err := e.ctx.Err(); err != nil {
		return err
	}
	encodings, err := e.tok.EncodeBatch(e.texts, nil, tokenizer.Options{})
	if err != nil {
		return err
	}
	for i, x := range encodings {
		e.to.add(x.IDs, e.ends[i])
	}
	e.texts, e.ends, e.bytes = e.texts[:0], e.ends[:0], 0
	return nil
}

// boundary says what ends with a piece of text.
type boundary int

const (
	withinText boundary = iota
	endOfText
	endOfDocument
)

// maxPiece is the most bytes of a piece of text: it bounds the memory that a
// long line takes.
const maxPiece = 1 << 16

// eachPiece passes the texts of a file to yield, long ones in several pieces.
func eachPiece(path, column string, yield func(text string, end boundary) error) error {
	if _, _, err := dataset.FormatOf(path); err == nil {
		opt := dataset.Options{Columns: dataset.Columns{Text: column}, AllowEmptyText: true}
		return dataset.Each(path, opt, func(e dataset.Example) error { return inPieces(e.Text, endOfDocument, yield) })
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if stat, err := f.Stat(); err == nil && stat.IsDir() {
		return fmt.Errorf("%s: found a directory, expected a file of texts", path)
	}
	var in io.Reader = f
	if strings.HasSuffix(strings.ToLower(path), ".gz") {
		if in, err = gzip.NewReader(bufio.NewReaderSize(f, 1<<16)); err != nil {
			return fmt.Errorf("%s: not a gzip file: %w", path, err)
		}
	}
	return eachLinePiece(in, path, yield)
}

// eachLinePiece passes lines of text to yield. A blank line ends a document, and so does the end.
func eachLinePiece(in io.Reader, name string, yield func(text string, end boundary) error) error {
	r := bufio.NewReaderSize(in, maxPiece)
	start, _ := r.Peek(3) // an error comes again below
	if strings.HasPrefix(string(start), "\x1f\x8b") {
		return fmt.Errorf("%s: the file is gzipped, expected plain text or a name that ends in .gz", name)
	}
	if string(start) == "\ufeff" {
		r.Discard(len(start))
	}
	var line []byte // what was read of the line and not yet passed on
	for number, blank := 1, true; ; {
		part, err := r.ReadSlice('\n')
		if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
			return fmt.Errorf("%s:%d: reading: %w", name, number, err)
		}
		line = append(line, part...)
		whole := err != bufio.ErrBufferFull
		if whole {
			line = bytes.TrimRight(line, "\r\n")
		}
		for whole || len(line) > maxPiece {
			n, end := len(line), endOfText
			if n > maxPiece {
				n, end = cut(line), withinText
			}
			text := string(line[:n])
			line = line[:copy(line, line[n:])]
			if !utf8.ValidString(text) {
				return fmt.Errorf("%s:%d: found bytes that are not UTF-8, expected text in UTF-8", name, number)
			}
			blank = blank && strings.TrimSpace(text) == ""
			if err := yield(text, end); err != nil {
				return err
			}
			if end == endOfText {
				break
			}
		}
		if !whole {
			continue
		}
		if blank || err == io.EOF {
			if err := yield("", endOfDocument); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		number, blank = number+1, true
	}
}

// inPieces passes a text to yield, in several pieces if it is long.
func inPieces(text string, end boundary, yield func(text string, end boundary) error) error {
	for len(text) > maxPiece {
		n := cut([]byte(text[:maxPiece+1]))
		if err := yield(text[:n], withinText); err != nil {
			return err
		}
		text = text[n:]
	}
	return yield(text, end)
}

// cut returns where to part a text that is longer than a piece: before the
// last white space of the piece, or if it has none between two characters.
func cut(text []byte) int {
	for i := maxPiece; i > maxPiece/2; i-- {
		if r, _ := utf8.DecodeRune(text[i:]); unicode.IsSpace(r) {
			return i
		}
	}
	for i := maxPiece; i > maxPiece-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			return i
		}
	}
	return maxPiece // not UTF-8
}
