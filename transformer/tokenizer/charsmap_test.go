package tokenizer

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// buildCharsMap writes a map in the form of SentencePiece. Each node has 256 units of its own.
func buildCharsMap(pairs ...[2]string) []byte {
	units := make([]uint32, 256)
	based := map[uint32]uint32{} // where the children of a node are
	children := func(at uint32) uint32 {
		if base, ok := based[at]; ok {
			return base
		}
		base := uint32(len(units))
		units = append(units, make([]uint32, 256)...)
		units[at] |= (at ^ base) << 10
		based[at] = base
		return base
	}
	var values []byte
	for _, p := range pairs {
		at := uint32(0)
		for _, c := range []byte(p[0]) {
			at = children(at) | uint32(c)
			units[at] |= uint32(c)
		}
		units[children(at)] = 1<<31 | uint32(len(values))
		units[at] |= 1 << 8
		values = append(append(values, p[1]...), 0)
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(4*len(units)))
	for _, u := range units {
		b = binary.LittleEndian.AppendUint32(b, u)
	}
	return append(b, values...)
}

// What tokenizers 0.23 gives for this map, asked by hand.
func TestCharsMap(t *testing.T) {
	m, err := newCharsMap(buildCharsMap([2]string{"a", "b"}, [2]string{"x", ""}, [2]string{"ﬁ", "fi"}, [2]string{"e\u0301", "é"}, [2]string{"\r\n", " "}, [2]string{"½", "1⁄2"}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text, want string
		places     [][2]int
	}{
		{"", "", nil},
		{"za", "zb", [][2]int{{0, 1}, {1, 2}}},
		{"a\u0301c", "bc", [][2]int{{0, 1}, {3, 4}}}, // the accent is lost
		{"a\u0301\u0301\u0301", "b\u0301\u0301\u0301", [][2]int{{0, 1}, {1, 3}, {3, 5}, {5, 7}}},
		{"ﬁ", "fi", [][2]int{{0, 3}, {0, 3}}},
		{"e\u0301", "é", [][2]int{{0, 1}}},
		{"\r\na", " b", [][2]int{{0, 1}, {2, 3}}},
		{"axa", "bb", [][2]int{{0, 1}, {2, 3}}},
		{"xza", "zb", [][2]int{{0, 1}, {1, 2}}},                   // nothing was there to read the x
		{"½xz", "1⁄2z", [][2]int{{0, 2}, {0, 2}, {2, 3}, {3, 4}}}, // 2 reads the x
	} {
		got := m.normalize(nil, characters(nil, c.text, 0, len(c.text)))
		var places [][2]int
		for _, ch := range got {
			places = append(places, [2]int{ch.start, ch.end})
		}
		if surface(got) != c.want || !slices.Equal(places, c.places) {
			t.Errorf("%q: got %q at %v, want %q at %v", c.text, surface(got), places, c.want, c.places)
		}
	}
}

func TestCharsMapBad(t *testing.T) {
	good := buildCharsMap([2]string{"a", "é"})
	changed := func(at int, unit uint32) []byte {
		b := slices.Clone(good)
		binary.LittleEndian.PutUint32(b[at:], unit)
		return b
	}
	leaf := 4 + 4*512            // the value of "a"
	node := 4 + 4*(256+int('a')) // the node of "a"
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "found 0 bytes"},
		{"no trie", make([]byte, 8), "the trie has 0 bytes"},
		{"trie behind the end", changed(0, 1<<30), "the trie has 1073741824 bytes"},
		{"odd trie", changed(0, 5), "the trie has 5 bytes"},
		{"value behind the end", changed(leaf, 1<<31|99), "a value at byte 99"},
		{"value within a character", changed(leaf, 1<<31|1), "a value at byte 1"},
		{"value of no kind", changed(leaf, 0), "where there is none"},
		{"node behind the end", changed(node, 1<<31-1), "where there is none"},
		{"not UTF-8", append(slices.Clone(good), 0xff), "not UTF-8"},
		{"long value", buildCharsMap([2]string{"a", strings.Repeat("b", maxValue+1)}), "longer than 256 bytes"},
	} {
		if _, err := newCharsMap(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func FuzzCharsMap(f *testing.F) {
	f.Add(buildCharsMap([2]string{"a", "b"}, [2]string{"e\u0301", "é"}), "ae\u0301\r\n👍🏽")
	f.Add(buildCharsMap([2]string{"½", "1⁄2"}, [2]string{"\x01", ""}), "\x01½\x01")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		m, err := newCharsMap(data)
		if err != nil {
			return
		}
		got := m.normalize(nil, characters(nil, text, 0, len(text)))
		if len(got) > maxValue*len(text) {
			t.Fatalf("%d bytes became %d characters", len(text), len(got))
		}
		last := 0
		for i, c := range got {
			if c.start < last || c.end < c.start || c.end > len(text) {
				t.Fatalf("character %d is at %d to %d of %d bytes, after one at %d", i, c.start, c.end, len(text), last)
			}
			last = c.start
		}
	})
}
