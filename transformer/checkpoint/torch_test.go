package checkpoint

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Pickles are put together from their instructions.

func join(parts ...string) string { return strings.Join(parts, "") }

const (
	protocol2 = "\x80\x02"
	pyNone    = "N"
	pyFalse   = "\x89"
	ordered   = "ccollections\nOrderedDict\n)R"
)

func pyText(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

func pyInt(n int) string {
	if n == int(int32(n)) {
		return "J" + string(binary.LittleEndian.AppendUint32(nil, uint32(n)))
	}
	return "\x8a\x08" + string(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

func pyTuple(items ...string) string { return "(" + join(items...) + "t" }

func pyInts(list ...int) string {
	var b strings.Builder
	b.WriteByte('(')
	for _, n := range list {
		b.WriteString(pyInt(n))
	}
	return b.String() + "t"
}

func pyGlobal(module, name string) string { return "c" + module + "\n" + name + "\n" }

// pyStorage is a storage of n elements; extra is None or a part in a legacy file.
func pyStorage(typ, key string, n int, extra ...string) string {
	return pyTuple(append([]string{pyText("storage"), pyGlobal("torch", typ), pyText(key), pyText("cpu"), pyInt(n)}, extra...)...) + "Q"
}

func pyTensor(storage string, offset int, shape, strides []int) string {
	return pyGlobal("torch._utils", "_rebuild_tensor_v2") +
		pyTuple(storage, pyInt(offset), pyInts(shape...), pyInts(strides...), pyFalse, ordered) + "R"
}

// pyState is a whole pickle of a dict of pairs of a name and a tensor.
func pyState(pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		pairs[i] = pyText(pairs[i])
	}
	return protocol2 + "}(" + join(pairs...) + "u."
}

// float32s are the bytes of a storage.
func float32s(list ...float32) string {
	var b []byte
	for _, v := range list {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return string(b)
}

// zipMember is an entry of a hand-made archive. The sizes, the method and the
// place are those of the data, unless set.
type zipMember struct {
	name, data              string
	localName               string
	method, localMethod     uint16
	flags                   uint16
	packed, size, localSize *uint32
	place                   *uint32
}

func number(n uint32) *uint32 { return &n }

func zipFile(members ...zipMember) []byte {
	var b, directory []byte
	u16, u32 := binary.LittleEndian.AppendUint16, binary.LittleEndian.AppendUint32
	or := func(p *uint32, n int) uint32 {
		if p != nil {
			return *p
		}
		return uint32(n)
	}
	for _, m := range members {
		if m.localName == "" {
			m.localName = m.name
		}
		place := or(m.place, len(b))
		sum := crc32.ChecksumIEEE([]byte(m.data))
		b = u16(u16(u16(u32(append(b, zipLocal...), 0)[:len(b)+6], m.flags), m.localMethod), 0)
		b = u16(b, 0)
		b = u32(u32(u32(b, sum), or(m.localSize, len(m.data))), or(m.localSize, len(m.data)))
		b = u16(u16(b, uint16(len(m.localName))), 0)
		b = append(append(b, m.localName...), m.data...)
		d := append(directory, zipCentral...)
		d = u16(u16(u16(u16(u16(u16(d, 0), 0), m.flags), m.method), 0), 0)
		d = u32(u32(u32(d, sum), or(m.packed, len(m.data))), or(m.size, len(m.data)))
		d = u16(u16(u16(u16(u16(d, uint16(len(m.name))), 0), 0), 0), 0)
		d = u32(u32(d, 0), place)
		directory = append(d, m.name...)
	}
	start := len(b)
	b = append(b, directory...)
	b = u32(append(b, zipEnd...), 0)
	b = u16(u16(b, uint16(len(members))), uint16(len(members)))
	return u16(u32(u32(b, uint32(len(directory))), uint32(start)), 0)
}

// torchZip is a file as torch writes it: the pickle, and storages as pairs of
// a key and bytes.
func torchZip(pickle string, storages ...string) []byte {
	members := []zipMember{{name: "m/data.pkl", data: pickle}, {name: "m/byteorder", data: "little"}}
	for i := 0; i < len(storages); i += 2 {
		members = append(members, zipMember{name: "m/data/" + storages[i], data: storages[i+1]})
	}
	return zipFile(append(members, zipMember{name: "m/version", data: "3\n"})...)
}

const (
	legacyHead   = "\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
	legacyNumber = "\x80\x02M\xe9\x03."
)

func legacySystem(little string) string {
	return protocol2 + "}(" + pyText("protocol_version") + pyInt(1001) + pyText("little_endian") + little + "u."
}

// torchLegacy is a file of the older format: the pickle, and storages as
// a key, a number of elements and bytes.
func torchLegacy(pickle string, keys []string, storages ...string) []byte {
	list := protocol2 + "]("
	for _, k := range keys {
		list += pyText(k)
	}
	return []byte(legacyHead + legacyNumber + legacySystem("\x88") + pickle + list + "e." + join(storages...))
}

func run(n int, data string) string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(n))) + data
}

// good is a state of two tensors, one of them a transposed view.
func good(extra ...string) string {
	s := pyStorage("FloatStorage", "0", 6, extra...)
	return pyState("w", pyTensor(s, 0, []int{2, 3}, []int{3, 1}), "t", pyTensor(s, 0, []int{3, 2}, []int{1, 3}))
}

var six = float32s(0, 1, 2, 3, 4, 5)

func goodZip() []byte { return torchZip(good(), "0", six) }

func goodLegacy() []byte { return torchLegacy(good(pyNone), []string{"0"}, run(6, six)) }

// opened opens bytes as a file, for as long as the test runs.
func opened(t testing.TB, content []byte) *File {
	t.Helper()
	return open(t, save(t, content))
}

func TestTorchViews(t *testing.T) {
	long := string(binary.LittleEndian.AppendUint64(nil, 1<<63+5))
	parameter := func(f, tensor string, extra ...string) string {
		return pyGlobal("torch._utils", f) + pyTuple(append([]string{tensor, "\x88", ordered}, extra...)...) + "R"
	}
	float := pyStorage("FloatStorage", "0", 6)
	untyped := pyTuple(pyText("storage"), pyGlobal("torch.storage", "UntypedStorage"), pyText("2"), pyText("cpu"), pyInt(4)) + "Q"
	content := torchZip(pyState(
		"row", pyTensor(float, 3, []int{3}, []int{1}),
		"column", pyTensor(float, 1, []int{2}, []int{3}),
		"transposed", pyTensor(float, 0, []int{3, 2}, []int{1, 3}),
		"cube", pyTensor(float, 0, []int{3, 1, 2}, []int{1, 77, 3}),
		"scalar", pyTensor(float, 5, nil, nil),
		"expanded", pyTensor(float, 2, []int{3, 2}, []int{0, 1}),
		"none", pyTensor(float, 6, []int{0, 1 << 30}, []int{1 << 30, 1}),
		"parameter", parameter("_rebuild_parameter", pyTensor(float, 0, []int{1}, []int{1})),
		"state", parameter("_rebuild_parameter_with_state", pyTensor(float, 1, []int{1}, []int{1}), "}"+pyText("a")+pyInt(1)+"s"),
		"oldest", pyGlobal("torch._utils", "_rebuild_tensor")+pyTuple(float, pyInt(2), pyInts(1), pyInts(1))+"R",
		"size", pyGlobal("torch._utils", "_rebuild_tensor_v2")+pyTuple(float, pyInt(2), pyGlobal("torch", "Size")+"("+pyInts(1)+"tR", pyInts(1), pyFalse, ordered, "}")+"R",
		"long", pyTensor(pyStorage("LongStorage", "1", 1), 0, []int{1}, []int{1}),
		"u16", pyGlobal("torch._utils", "_rebuild_tensor_v3")+pyTuple(untyped, pyInt(1), pyInts(1), pyInts(1), pyFalse, ordered, pyGlobal("torch", "uint16"))+"R",
		"i8", pyTensor(pyStorage("CharStorage", "3", 2), 0, []int{2}, []int{1}),
		"bool", pyTensor(pyStorage("BoolStorage", "4", 2), 0, []int{2}, []int{1}),
		"f64", pyTensor(pyStorage("DoubleStorage", "5", 2), 1, []int{1}, []int{1}),
		"i16", pyTensor(pyStorage("ShortStorage", "6", 1), 0, []int{1}, []int{1}),
		"cuda", pyTensor(strings.Replace(pyStorage("IntStorage", "7", 1), "ctorch\n", "ctorch.cuda\n", 1), 0, []int{1}, []int{1}),
	), "0", six, "1", long, "2", "\x01\x02\xff\xfe", "3", "\x80\x7f", "4", "\x00\x01",
		"5", string(binary.LittleEndian.AppendUint64(make([]byte, 8), math.Float64bits(0.1))), "6", "\xff\xff", "7", "\xfe\xff\xff\xff")
	f := opened(t, content)
	for name, want := range map[string][]float32{
		"row": {3, 4, 5}, "column": {1, 4}, "transposed": {0, 3, 1, 4, 2, 5}, "cube": {0, 3, 1, 4, 2, 5}, "scalar": {5},
		"expanded": {2, 3, 2, 3, 2, 3}, "none": {}, "parameter": {0}, "state": {1}, "oldest": {2}, "size": {2}, "f64": {0.1},
	} {
		if got, err := f.Float32(name); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: read %v (%v), expected %v", name, got, err, want)
		}
	}
	for name, want := range map[string][]int64{
		"long": {math.MinInt64 + 5}, "u16": {0xfeff}, "i8": {-128, 127}, "bool": {0, 1}, "i16": {-1}, "cuda": {-2},
	} {
		if got, err := f.Int64(name); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: read %v (%v), expected %v", name, got, err, want)
		}
	}
	if got, want := f.Tied(), map[string]string{"size": "oldest"}; !maps.Equal(got, want) {
		t.Errorf("tied are %v, expected size with oldest", got)
	}
	if n := len(f.Names()); n != 18 {
		t.Errorf("found %d tensors, expected 18", n)
	}
}

// The same state in the notations of other writers.
func TestTorchNotations(t *testing.T) {
	part := func(offset, n int) string {
		return pyTuple(pyText("view"), pyInt(offset), pyInt(n))
	}
	storage := pyStorage("FloatStorage", "0", 6)
	w := pyTensor(storage, 0, []int{6}, []int{1})
	short := func(s string) string { return "\x8c" + string(rune(len(s))) + s }
	for name, content := range map[string][]byte{
		"zip":      goodZip(),
		"wide zip": wideZip(),
		"legacy":   goodLegacy(),
		"legacy, a part of a storage": torchLegacy(pyState(
			"w", pyTensor(pyStorage("FloatStorage", "0", 8, part(1, 6)), 0, []int{2, 3}, []int{3, 1}),
			"t", pyTensor(pyStorage("FloatStorage", "0", 8, part(0, 8)), 1, []int{3, 2}, []int{1, 3})), []string{"0"}, run(8, float32s(9)+six+float32s(9))),
		"OrderedDict with attributes": torchZip(protocol2+ordered+"("+pyText("w")+w+pyText("t")+w+"u}"+pyText("_metadata")+ordered+"sb.", "0", six),
		"state_dict":                  torchZip(protocol2+"}("+pyText("epoch")+pyInt(3)+pyText("loss")+"G\x00\x00\x00\x00\x00\x00\x00\x00"+pyText("state_dict")+"}("+pyText("w")+w+pyText("t")+w+"uu.", "0", six),
		"protocol 4": torchZip("\x80\x04\x95\x04\x00\x00\x00\x00\x00\x00\x00}\x94("+short("w")+short("torch._utils")+short("_rebuild_tensor_v2")+"\x93\x94"+
			pyTuple(storage, pyInt(0), pyInt(6)+"\x85", "K\x01\x85", pyFalse, ordered)+"R"+"\x8d\x01\x00\x00\x00\x00\x00\x00\x00t"+w+"u.", "0", six),
		"Python 2": torchZip(protocol2+"}(U\x01w"+w+"T\x01\x00\x00\x00t"+w+"u.", "0", six),
		"Python 2, OrderedDict": torchZip(protocol2+"ccollections\nOrderedDict\nq\x01]q\x02(](U\x01w"+
			strings.Replace(w, ordered, "h\x01]\x85R", 1)+"eU\x01t"+w+"\x86e\x85R}U\x09_metadata}sb.", "0", six),
		"memo":        torchZip(protocol2+"}q\x00("+pyText("w")+"q\x01"+w+"r\x02\x00\x00\x00"+pyText("t")+"j\x02\x00\x00\x00u.", "0", six),
		"no folder":   zipFile(zipMember{name: "data.pkl", data: good()}, zipMember{name: "data/0", data: six}),
		"two memos":   torchZip(protocol2+"}("+pyText("w")+w+"q\x00"+pyText("t")+"h\x00u.", "0", six),
		"SETITEM":     torchZip(protocol2+"}"+pyText("w")+w+"s"+pyText("t")+w+"s.", "0", six),
		"with prefix": zipFile(zipMember{name: "a b/data.pkl", data: good()}, zipMember{name: "a b/data/0", data: six}),
	} {
		t.Run(name, func(t *testing.T) {
			f := opened(t, content)
			if names := f.Names(); !slices.Equal(names, []string{"t", "w"}) {
				t.Fatalf("names are %v, expected t and w", names)
			}
			if got, err := f.Float32("w"); err != nil || !slices.Equal(got, []float32{0, 1, 2, 3, 4, 5}) {
				t.Errorf("w is %v (%v), expected 0 to 5", got, err)
			}
			got, err := f.Float32("t")
			slices.Sort(got)
			if err != nil || !slices.Equal(got, []float32{0, 1, 2, 3, 4, 5}) {
				t.Errorf("t is %v (%v), expected 0 to 5 in any order", got, err)
			}
		})
	}
}

// An archive of the standard library's writer, whose headers leave the sizes open.
func TestZipOfOtherWriter(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range [][2]string{{"m/data.pkl", good()}, {"m/data/0", six}} {
		f, err := w.CreateHeader(&zip.FileHeader{Name: m[0], Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(m[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.SetComment("written elsewhere PK\x05\x06"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := opened(t, b.Bytes()).Float32("w"); err != nil || len(got) != 6 {
		t.Errorf("read %v (%v)", got, err)
	}
}

func TestHostilePickles(t *testing.T) {
	storage := pyStorage("FloatStorage", "0", 6)
	w := pyTensor(storage, 0, []int{6}, []int{1})
	tensor := func(offset int, shape, strides []int) string {
		return pyState("w", pyTensor(storage, offset, shape, strides))
	}
	named := func(typ string, n int) string {
		return pyState("w", pyTensor(pyStorage(typ, "0", n), 0, []int{1}, []int{1}))
	}
	call := func(module, name string, args ...string) string {
		return protocol2 + pyGlobal(module, name) + pyTuple(args...) + "R."
	}
	v3 := func(dtype string) string {
		return pyState("w", pyGlobal("torch._utils", "_rebuild_tensor_v3")+pyTuple(storage, pyInt(0), pyInts(1), pyInts(1), pyFalse, ordered, dtype)+"R")
	}
	for _, c := range []struct {
		name   string
		pickle string
		want   []string
	}{
		{"os.system", call("os", "system", pyText("true")), []string{`"os.system"`, "not allowed", "byte 42: GLOBAL"}},
		{"posix.system", call("posix", "system", pyText("true")), []string{`"posix.system"`, "not allowed"}},
		{"builtins.eval", call("builtins", "eval", pyText("1")), []string{`"builtins.eval"`, "not allowed"}},
		{"__builtin__.getattr", call("__builtin__", "getattr"), []string{`"__builtin__.getattr"`}},
		{"eval by the stack", "\x80\x04" + pyText("builtins") + pyText("eval") + "\x93.", []string{`"builtins.eval"`, "STACK_GLOBAL"}},
		{"global of numbers", "\x80\x04K\x01K\x02\x93.", []string{"STACK_GLOBAL", "the integer 1", "expected the names"}},
		{"torch function", call("torch.hub", "load"), []string{`"torch.hub.load"`}},
		{"dotted name", call("torch", "storage.os.system"), []string{`"torch.storage.os.system"`}},
		{"a module", call("transformers.models.bert.modeling_bert", "BertModel"), []string{"BertModel"}},
		{"long name", protocol2 + pyGlobal(strings.Repeat("a", 5000), "b") + ".", []string{"aaaa…", "not allowed"}},
		{"endless name", protocol2 + "cos", []string{"GLOBAL", "unexpected EOF"}},
		{"NEWOBJ", protocol2 + ordered + "\x81.", []string{"NEWOBJ", "not allowed"}},
		{"INST", protocol2 + "(ios\nsystem\n.", []string{"INST", "not allowed"}},
		{"OBJ", protocol2 + "(o.", []string{"OBJ", "not allowed"}},
		{"EXT1", protocol2 + "\x82\x01.", []string{"EXT1", "not allowed"}},
		{"PERSID", protocol2 + "Pa\n.", []string{"PERSID", "not allowed"}},
		{"BYTEARRAY8", "\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\xff.", []string{"BYTEARRAY8", "not allowed"}},
		{"LONG4", protocol2 + "\x8b\xff\xff\xff\x7f.", []string{"LONG4", "not allowed"}},
		{"unknown instruction", protocol2 + "\xfe.", []string{"0xfe", "not allowed"}},
		{"protocol 0", "(dp0\n.", []string{"DICT", "not allowed"}},
		{"protocol 1", "\x80\x01}.", []string{"PROTO", "protocol 1", "expected 2 to 5"}},
		{"protocol 9", "\x80\x09}.", []string{"PROTO", "protocol 9"}},
		{"frame", "\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff}.", []string{"FRAME", "18446744073709551615"}},
		{"no end", protocol2 + "}", []string{"data.pkl", "unexpected EOF"}},
		{"something after the end", protocol2 + "}..", []string{"data.pkl", "ends at byte", "where the entry ends"}},
		{"nothing built", protocol2 + ".", []string{"STOP", "0 values"}},
		{"two values", protocol2 + "}}.", []string{"STOP", "2 values"}},
		{"open mark", protocol2 + "}(.", []string{"STOP", "1 marks"}},
		{"a million marks", protocol2 + strings.Repeat("(", 1<<20) + ".", []string{"MARK", "more than 262144 values or marks"}},
		{"a million values", protocol2 + strings.Repeat("}", 1<<20) + ".", []string{"EMPTY_DICT", "more than 262144 values or marks"}},
		{"no mark", protocol2 + "}u.", []string{"SETITEMS", "no mark"}},
		{"empty stack", protocol2 + "}\x87.", []string{"TUPLE3", "1 values", "expected 3"}},
		{"below the mark", protocol2 + "}(\x85.", []string{"TUPLE1", "0 values"}},
		{"memo of nothing", protocol2 + "q\x00.", []string{"BINPUT", "0 values"}},
		{"huge memo index", protocol2 + "}r\xff\xff\xff\xff.", []string{"LONG_BINPUT", "memo index 4294967295"}},
		{"memo index that jumps", protocol2 + "}q\x20.", []string{"BINPUT", "memo index 32"}},
		{"memo of another index", protocol2 + "}q\x00h\x01.", []string{"BINGET", "memo index 1"}},
		{"huge memo index read", protocol2 + "}j\xff\xff\xff\xff.", []string{"LONG_BINGET", "memo index 4294967295"}},
		{"string beyond the file", protocol2 + "X\xff\xff\xff\xffabc", []string{"BINUNICODE", "expected a string of 4294967295"}},
		{"string of 2^63 bytes", "\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc", []string{"BINUNICODE8", "18446744073709551615"}},
		{"string that is not UTF-8", protocol2 + "X\x01\x00\x00\x00\xff.", []string{"BINUNICODE", "expected UTF-8"}},
		{"call of a string", protocol2 + pyText("os.system") + ")R.", []string{"REDUCE", `"os.system"`, "expected a function"}},
		{"call without a tuple", protocol2 + "ccollections\nOrderedDict\nNR.", []string{"REDUCE", "None"}},
		{"OrderedDict of a number", protocol2 + "ccollections\nOrderedDict\nK\x01\x85R.", []string{"OrderedDict", "the integer 1", "a list of pairs"}},
		{"OrderedDict of two", protocol2 + "ccollections\nOrderedDict\n]]\x86R.", []string{"OrderedDict", "2 arguments"}},
		{"OrderedDict of no pairs", protocol2 + "ccollections\nOrderedDict\n]K\x01a\x85R.", []string{"OrderedDict", "element 0 is the integer 1", "a pair"}},
		{"OrderedDict of triples", protocol2 + "ccollections\nOrderedDict\n]NNN\x87a\x85R.", []string{"OrderedDict", "element 0 is a tuple of 3"}},
		{"OrderedDict of itself", protocol2 + "ccollections\nOrderedDict\n]q\x01h\x01a\x85R.", []string{"OrderedDict", "element 0 is a list of 1"}},
		{"append to a dict", protocol2 + "}Na.", []string{"APPEND", "a dict", "expected a list"}},
		{"item of a list", protocol2 + "]NNs.", []string{"SETITEM", "a list", "expected a dict"}},
		{"odd items", protocol2 + "}(Nu.", []string{"SETITEMS", "1 values", "pairs"}},
		{"attributes of a tuple", protocol2 + ")}b.", []string{"BUILD", "a tuple"}},
		{"nested tuples", protocol2 + ")" + strings.Repeat("\x85", 1<<20) + ".", []string{"a tuple of 1", "expected a dict of tensors"}},
		{"nested tuples by marks", protocol2 + strings.Repeat("(", 1<<18) + strings.Repeat("t", 1<<18) + ".", []string{"a tuple of 1", "expected a dict"}},
		{"nested tuples as a tensor", protocol2 + "}" + pyText("w") + ")" + strings.Repeat("\x85", 1<<20) + "s.", []string{`tensor "w"`, "a tuple of 1"}},
		{"dict that has itself", protocol2 + "}q\x00" + pyText("w") + "h\x00s.", []string{`tensor "w"`, "a dict of 1", "expected a tensor"}},
		{"state_dict that is itself", protocol2 + "}q\x00" + pyText("state_dict") + "h\x00s.", []string{`tensor "state_dict"`, "a dict of 1"}},
		{"list that has itself", protocol2 + "]q\x00h\x00a.", []string{"a list of 1", "expected a dict"}},
		{"list as storage", protocol2 + "]q\x00h\x00aQ.", []string{"BINPERSID", "a list of 1"}},
		{"not a dict", protocol2 + "K\x01.", []string{"the integer 1", "expected a dict of tensors"}},
		{"name that is a number", protocol2 + "}K\x01" + w + "s.", []string{"the integer 1 as a key"}},
		{"name twice", pyState("w", w, "w", w), []string{`tensor "w"`, "comes twice"}},
		{"a number as a tensor", pyState("epoch", pyInt(1)), []string{`tensor "epoch"`, "the integer 1", "expected a tensor"}},
		{"persistent module", protocol2 + pyTuple(pyText("module"), "N", "N", "N", "N") + "Q.", []string{"BINPERSID", `"module"`}},
		{"persistent string", protocol2 + pyText("0") + "Q.", []string{"BINPERSID", `the string "0"`}},
		{"storage without a type", protocol2 + pyTuple(pyText("storage"), "N", pyText("0"), pyText("cpu"), pyInt(1)) + "Q.", []string{"storage", "None"}},
		{"storage with a number as key", protocol2 + pyTuple(pyText("storage"), pyGlobal("torch", "FloatStorage"), pyInt(0), pyText("cpu"), pyInt(1)) + "Q.", []string{"storage", "the integer 0"}},
		{"negative storage", named("FloatStorage", -6), []string{`storage "0"`, "the integer -6"}},
		{"storage larger than its entry", named("FloatStorage", 7), []string{`tensor "w"`, "24 bytes", "expected those of 7 elements of F32"}},
		{"storage smaller than its entry", named("FloatStorage", 5), []string{`tensor "w"`, "24 bytes", "expected those of 5 elements of F32"}},
		{"storage larger than any file", named("DoubleStorage", math.MaxInt), []string{`tensor "w"`, "9223372036854775807 elements of F64"}},
		{"complex numbers", named("ComplexFloatStorage", 3), []string{`"torch.ComplexFloatStorage"`}},
		{"quantized numbers", named("QInt8Storage", 24), []string{`"torch.QInt8Storage"`}},
		{"two types of a storage", pyState("w", w, "v", pyTensor(pyStorage("IntStorage", "0", 6), 0, nil, nil)), []string{`storage "0"`, "6 elements of I32, before 6 of F32"}},
		{"two lengths of a storage", pyState("w", w, "v", pyTensor(pyStorage("FloatStorage", "0", 5), 0, nil, nil)), []string{`storage "0"`, "5 elements of F32, before 6"}},
		{"storage without an entry", pyState("w", pyTensor(pyStorage("FloatStorage", "../0", 6), 0, nil, nil)), []string{`tensor "w"`, `"m/data/../0"`}},
		{"bytes as tensor", pyState("w", pyTensor(pyTuple(pyText("storage"), pyGlobal("torch.storage", "UntypedStorage"), pyText("0"), pyText("cpu"), pyInt(24))+"Q", 0, nil, nil)), []string{"_rebuild_tensor_v2", "without a type"}},
		{"part of a storage beyond it", pyState("w", pyTensor(pyStorage("FloatStorage", "0", 6, pyTuple(pyText("v"), pyInt(4), pyInt(3))), 0, nil, nil)), []string{"part of 3 elements at 4", "6 elements"}},
		{"negative stride", tensor(5, []int{6}, []int{-1}), []string{"stride[0]", "the integer -1", "expected a number from 0"}},
		{"negative size", tensor(0, []int{-1}, []int{1}), []string{"size[0]", "the integer -1"}},
		{"negative offset", tensor(-1, []int{1}, []int{1}), []string{"storage_offset", "the integer -1"}},
		{"view past the storage", tensor(0, []int{7}, []int{1}), []string{`tensor "w"`, `storage "0"`, "shape [7]", "past the 6 elements"}},
		{"strides past the storage", tensor(0, []int{2, 3}, []int{4, 1}), []string{"strides [4 1]", "past the 6 elements"}},
		{"offset past the storage", tensor(6, nil, nil), []string{"offset 6", "past the 6 elements"}},
		{"offset far past the storage", tensor(math.MaxInt, []int{6}, []int{1}), []string{"past the 6 elements"}},
		{"strides that overflow", tensor(0, []int{3, 3}, []int{math.MaxInt / 2, math.MaxInt / 2}), []string{"past the 6 elements"}},
		{"shape that overflows", tensor(0, []int{math.MaxInt, math.MaxInt}, []int{0, 0}), []string{"overflows"}},
		{"expanded beyond reason", tensor(0, []int{1 << 20, 1 << 20}, []int{0, 0}), []string{`tensor "w"`, "1099511627776 elements", "at most 8 times the 6"}},
		{"strides for another shape", tensor(0, []int{6}, []int{1, 1}), []string{"2 strides", "expected 1"}},
		{"too many dimensions", tensor(0, make([]int, 65), make([]int, 65)), []string{"65 dimensions"}},
		{"size that is a list", pyState("w", pyGlobal("torch._utils", "_rebuild_tensor_v2")+pyTuple(storage, pyInt(0), "]", "]", pyFalse, ordered)+"R"), []string{"size", "a list of 0"}},
		{"size of strings", pyState("w", pyGlobal("torch._utils", "_rebuild_tensor_v2")+pyTuple(storage, pyInt(0), pyTuple(pyText("6")), pyInts(1), pyFalse, ordered)+"R"), []string{"size[0]", `the string "6"`}},
		{"size beyond 64 bits", pyState("w", pyGlobal("torch._utils", "_rebuild_tensor_v2")+pyTuple(storage, pyInt(0), "\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01\x85", pyInts(1), pyFalse, ordered)+"R"), []string{"size[0]", "an integer of 9 bytes"}},
		{"too few arguments", pyState("w", pyGlobal("torch._utils", "_rebuild_tensor_v2")+pyTuple(storage)+"R"), []string{"_rebuild_tensor_v2", "1 arguments"}},
		{"tensor of no storage", pyState("w", pyGlobal("torch._utils", "_rebuild_tensor_v2")+pyTuple("N", pyInt(0), ")", ")", pyFalse, ordered)+"R"), []string{"None", "expected a storage"}},
		{"conjugated", pyState("w", pyGlobal("torch._utils", "_rebuild_tensor_v2")+pyTuple(storage, pyInt(0), ")", ")", pyFalse, ordered, "}"+pyText("conj")+"\x88s")+"R"), []string{"metadata"}},
		{"parameter of nothing", pyState("w", pyGlobal("torch._utils", "_rebuild_parameter")+pyTuple("N", pyFalse, ordered)+"R"), []string{"_rebuild_parameter", "None", "expected a tensor"}},
		{"parameter without arguments", pyState("w", pyGlobal("torch._utils", "_rebuild_parameter")+")R"), []string{"0 arguments"}},
		{"Size without arguments", pyState("w", pyGlobal("torch", "Size")+")R"), []string{"torch.Size", "0 arguments"}},
		{"Size of a list", pyState("w", pyGlobal("torch", "Size")+"(]tR"), []string{"torch.Size", "a list of 0"}},
		{"call of a dtype", pyState("w", pyGlobal("torch", "float32")+")R"), []string{"REDUCE", "a dtype"}},
		{"call of a storage type", pyState("w", pyGlobal("torch", "FloatStorage")+")R"), []string{"REDUCE", "a type of storages"}},
		{"dtype that is none", v3("N"), []string{"_rebuild_tensor_v3", "None", "expected a dtype"}},
		{"function as a tensor", pyState("w", pyGlobal("collections", "OrderedDict")), []string{`tensor "w"`, "collections.OrderedDict"}},
		{"storage as a tensor", pyState("w", storage), []string{`tensor "w"`, "a storage"}},
		{"number as a tensor", pyState("w", "G\x3f\xf0\x00\x00\x00\x00\x00\x00"), []string{`tensor "w"`, "the number 1"}},
		{"endless pickle", protocol2 + strings.Repeat("}q", 1<<23), []string{"data.pkl has 16777218 bytes"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			content := torchZip(c.pickle, "0", six)
			var before, after runtime.MemStats
			path := save(t, content)
			runtime.ReadMemStats(&before)
			f, err := Open(path)
			runtime.ReadMemStats(&after)
			if used, most := after.TotalAlloc-before.TotalAlloc, uint64(1<<20+256*len(content)); used > most {
				t.Errorf("%d bytes took %d bytes of memory, expected at most %d", len(content), used, most)
			}
			if err == nil {
				f.Close()
				t.Fatal("opened, expected an error")
			}
			for _, want := range append(c.want, path) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error is %q, expected one with %q", err, want)
				}
			}
			if len(err.Error()) > 600 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

// The same pickles are harmless in the older format, where nothing tells how
// long a pickle is.
func TestHostileLegacy(t *testing.T) {
	state := good(pyNone)
	keys := []string{"0"}
	for _, c := range []struct {
		name    string
		content []byte
		want    []string
	}{
		{"os.system", torchLegacy(protocol2+"cos\nsystem\n.", keys, run(6, six)), []string{"tensors", `"os.system"`, "byte 74: GLOBAL"}},
		{"os.system before the tensors", []byte(legacyHead + legacyNumber + protocol2 + "cos\nsystem\n."), []string{"system", `"os.system"`}},
		{"os.system at once", []byte("\x80\x02\x8a\x01\x00cos\nsystem\n."), []string{"magic number", `"os.system"`}},
		{"storage at once", []byte("\x80\x02\x8a\x01\x00Q.."), []string{"magic number", "BINPERSID", "expected none here"}},
		{"another pickle", []byte("\x80\x02\x8a\x01\x05......"), []string{"a pickle of the integer 5", "expected the magic number"}},
		{"another pickle of protocol 4", []byte("\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00}."), []string{"a pickle of a dict of 0"}},
		{"another protocol", []byte(legacyHead + "\x80\x02M\xea\x03."), []string{"protocol", "1002", "expected 1001"}},
		{"system that is no dict", []byte(legacyHead + legacyNumber + "\x80\x02N."), []string{"system", "None"}},
		{"big endian", []byte(legacyHead + legacyNumber + legacySystem(pyFalse)), []string{"little_endian is false"}},
		{"keys that are no list", []byte(legacyHead + legacyNumber + legacySystem("\x88") + state + "\x80\x02}."), []string{"storage keys", "a dict"}},
		{"keys that are numbers", []byte(legacyHead + legacyNumber + legacySystem("\x88") + state + "\x80\x02]K\x01a."), []string{"storage keys", "element 0 is the integer 1"}},
		{"key twice", torchLegacy(state, []string{"0", "0"}, run(6, six), run(6, six)), []string{`"0" comes twice`}},
		{"key of no tensor", torchLegacy(state, []string{"0", "1"}, run(6, six), run(6, six)), []string{`"1"`, "type is unknown"}},
		{"no key", torchLegacy(state, nil), []string{`tensor "w"`, `storage "0" is not in the list`}},
		{"another length", torchLegacy(state, keys, run(5, six[:20])), []string{`tensor "w"`, "20 bytes", "6 elements of F32"}},
		{"storage larger than the file", torchLegacy(state, keys, run(6, six[:23])), []string{`storage "0"`, "6 elements of 4 bytes", "only 23 more"}},
		{"absurd length", torchLegacy(state, keys, run(-1, six)), []string{`storage "0"`, "18446744073709551615 elements"}},
		{"half a length", torchLegacy(state, keys, "1234"), []string{`storage "0"`, "4 bytes", "expected 8"}},
		{"spare data", torchLegacy(state, keys, run(6, six), "x"), []string{"the storages end at byte", "where the file ends"}},
		{"view past the storage", torchLegacy(pyState("w", pyTensor(pyStorage("FloatStorage", "0", 6, pyTuple(pyText("v"), pyInt(1), pyInt(5))), 0, []int{6}, []int{1})), keys, run(6, six)), []string{"past the 5 elements"}},
		{"endless pickle", torchLegacy(protocol2+"}"+strings.Repeat("q\x00", 1<<23+8), keys), []string{"tensors", "no end after 16777216 bytes"}},
		{"tar", append(make([]byte, 257), "ustar  \x00 and so on"...), []string{"tar archive", "not read"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := save(t, c.content)
			f, err := Open(path)
			if err == nil {
				f.Close()
				t.Fatal("opened, expected an error")
			}
			for _, want := range append(c.want, path) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error is %q, expected one with %q", err, want)
				}
			}
		})
	}
}

func TestHostileZips(t *testing.T) {
	pickle := zipMember{name: "m/data.pkl", data: good()}
	zero := zipMember{name: "m/data/0", data: six}
	with := func(change func(m *zipMember)) []byte {
		m := zero
		change(&m)
		return zipFile(pickle, m)
	}
	// A true zip bomb: a megabyte of zeros in a thousand bytes.
	var bomb bytes.Buffer
	w := zip.NewWriter(&bomb)
	for name, data := range map[string]string{"m/data.pkl": good(), "m/data/0": strings.Repeat("\x00", 1<<20)} {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole := zipFile(pickle, zero)
	patched := func(at int, text string) []byte { // from the end
		b := bytes.Clone(whole)
		copy(b[len(b)-at:], text)
		return b
	}
	for _, c := range []struct {
		name    string
		content []byte
		want    []string
	}{
		{"bomb", bomb.Bytes(), []string{"is compressed by method 8"}},
		{"no directory", whole[:len(whole)-1], []string{"no directory", "truncated"}},
		{"empty archive", zipFile(), []string{"0 entries without data.pkl"}},
		{"other archive", zipFile(zero), []string{"1 entries without data.pkl"}},
		{"two pickles", zipFile(pickle, zero, zipMember{name: "n/data.pkl"}), []string{`"m/data.pkl" and "n/data.pkl"`}},
		{"deep pickle", zipFile(zipMember{name: "a/b/data.pkl"}), []string{"without data.pkl"}},
		{"TorchScript", zipFile(pickle, zero, zipMember{name: "m/constants.pkl"}), []string{"TorchScript"}},
		{"big endian", zipFile(pickle, zero, zipMember{name: "m/byteorder", data: "big"}), []string{`byteorder is "big"`}},
		{"missing storage", zipFile(pickle), []string{`tensor "w"`, `no entry "m/data/0"`}},
		{"entry twice", zipFile(pickle, zero, zero), []string{`"m/data/0" comes twice`}},
		{"encrypted", with(func(m *zipMember) { m.flags = 1 }), []string{`"m/data/0" is encrypted`}},
		{"compressed", with(func(m *zipMember) { m.method = 8 }), []string{`"m/data/0" is compressed by method 8`}},
		{"compressed in its header", with(func(m *zipMember) { m.localMethod = 8 }), []string{`"m/data/0" is compressed by method 8 in its header`}},
		{"packed smaller", with(func(m *zipMember) { m.packed = number(3) }), []string{`"m/data/0" is stored in 3 bytes, expected its size, 24`}},
		{"lying size", with(func(m *zipMember) { m.packed, m.size = number(25), number(25) }), []string{`"m/data/0" has 25 bytes`, "before the directory"}},
		{"absurd size", with(func(m *zipMember) { m.packed, m.size = number(1<<32-2), number(1<<32-2) }), []string{"4294967294 bytes"}},
		{"size of 64 bits without one", with(func(m *zipMember) { m.packed, m.size = number(1<<32-1), number(1<<32-1) }), []string{`"m/data/0"`, "64 bits is missing"}},
		{"another size in its header", with(func(m *zipMember) { m.localSize = number(20) }), []string{`"m/data/0" has 20 bytes`, "expected 24 as in the directory"}},
		{"smaller size in the directory", with(func(m *zipMember) { m.packed, m.size = number(20), number(20) }), []string{`"m/data/0" has 24 bytes`, "expected 20"}},
		{"another name in its header", with(func(m *zipMember) { m.localName = "m/data/1" }), []string{`header of "m/data/1"`, `expected that of "m/data/0"`}},
		{"no header there", with(func(m *zipMember) { m.place = number(1) }), []string{`"m/data/0"`, "byte 1, where there is none"}},
		{"header past the directory", with(func(m *zipMember) { m.place = number(1 << 30) }), []string{"byte 1073741824, where there is none"}},
		{"overlap", overlapping(), []string{`entry "m/data/0"`, `overlaps entry "m/data.pkl"`}},
		{"two entries of one place", zipFile(pickle, zipMember{name: "m/data.pkl", data: "x", place: number(0)}), []string{`"m/data.pkl" has 312 bytes`, "expected 1 as in the directory"}},
		{"no record", bytes.Replace(whole, []byte(zipCentral), []byte("PK\x01\x03"), 1), []string{"expected a record of the directory"}},
		{"record cut short", bytes.Replace(whole, []byte("\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), []byte("\x08\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 1), []string{"the record has", "expected 310"}},
		{"more entries than records", patched(14, "\x03\x00\x03\x00"), []string{"3 entries in a directory of 110 bytes"}},
		{"fewer entries than records", patched(14, "\x01\x00\x01\x00"), []string{"1 entries end at byte"}},
		{"65535 entries", patched(14, "\xff\xff\xff\xff"), []string{"65535 entries in a directory of"}},
		{"several disks", patched(18, "\x01\x00"), []string{"several disks"}},
		{"directory elsewhere", patched(6, "\x00\x00\x00\x00"), []string{"expected it to end at"}},
		{"directory past the end", patched(6, "\xff\xff\xff\x7f"), []string{"from byte 2147483647"}},
		{"end of 64 bits elsewhere", append(bytes.Clone(whole[:len(whole)-22]), zip64Locator+"\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00\x00"+string(whole[len(whole)-22:])...), []string{"byte 18446744073709551615, where there is none"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := save(t, c.content)
			f, err := Open(path)
			if err == nil {
				f.Close()
				t.Fatal("opened, expected an error")
			}
			for _, want := range append(c.want, path) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error is %q, expected one with %q", err, want)
				}
			}
		})
	}
}

// wideZip is an archive whose sizes and places have 64 bits, as torch writes
// those of more than 4 GB.
func wideZip() []byte {
	u16, u32, u64 := binary.LittleEndian.AppendUint16, binary.LittleEndian.AppendUint32, binary.LittleEndian.AppendUint64
	const all = 1<<32 - 1
	var b, directory []byte
	for _, m := range [][2]string{{"m/data.pkl", good()}, {"m/data/0", six}} {
		place, size := uint64(len(b)), uint64(len(m[1]))
		// Padding comes first, in a field of its own.
		extra := append(u16(u16(nil, 0x4246), 3), "ZZZ"...)
		b = u32(u32(u32(append(b, "PK\x03\x04\x2d\x00\x00\x00\x00\x00\x00\x00\x00\x00"...), 0), all), all)
		b = u16(u16(b, uint16(len(m[0]))), uint16(len(extra)+20))
		b = u64(u64(u16(u16(append(append(b, m[0]...), extra...), zip64Extra), 16), size), size)
		b = append(b, m[1]...)
		d := append(directory, "PK\x01\x02\x2d\x00\x2d\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
		d = u32(u32(u32(d, 0), all), all)
		d = u32(u32(u16(u16(u16(u16(u16(d, uint16(len(m[0]))), uint16(len(extra)+28)), 0), 0), 0), 0), all)
		d = u16(u16(append(append(d, m[0]...), extra...), zip64Extra), 24)
		directory = u64(u64(u64(d, size), size), place)
	}
	start := uint64(len(b))
	b = append(b, directory...)
	end := uint64(len(b))
	b = u64(u64(u64(u64(u32(u32(u16(u16(u64(append(b, zip64End...), 44), 45), 45), 0), 0), 2), 2), uint64(len(directory))), start)
	b = u32(u64(u32(append(b, zip64Locator...), 0), end), 1)
	return u16(u32(u32(u16(u16(u32(append(b, zipEnd...), 0), 0xffff), 0xffff), all), all), 0)
}

// A pickle that no torch.save wrote is refused by what it asks for, whatever
// its protocol.
func TestPlainPickles(t *testing.T) {
	for name, pickle := range map[string]string{
		"protocol 0": "cos\nsystem\np0\n(Vtrue\np1\ntp2\nRp3\n.",
		"protocol 2": protocol2 + "cos\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03.",
		"protocol 4": "\x80\x04\x95\x1c\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85\x94R\x94.",
	} {
		path := filepath.Join(t.TempDir(), "pytorch_model.bin")
		if err := os.WriteFile(path, []byte(pickle), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := OpenDirectory(filepath.Dir(path))
		if err == nil {
			f.Close()
			t.Fatalf("%s: opened, expected an error", name)
		}
		for _, want := range []string{path, "magic number", `"os.system"`} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error is %q, expected one with %q", name, err, want)
			}
		}
	}
}

// overlapping is an archive whose second entry lies inside the first: with
// many of them a small file would pass for a large one.
func overlapping() []byte {
	inner := zipFile(zipMember{name: "m/data/0", data: six})
	header := inner[:bytes.Index(inner, []byte(zipCentral))]
	outer := zipMember{name: "m/data.pkl", data: good() + string(header)}
	place := uint32(zipLocalSize + len(outer.name) + len(good()))
	b := zipFile(outer, zipMember{name: "m/data/0", data: six, place: &place})
	return b
}

// A local header written by zipFile is right: what it makes is read.
func TestZipFileHelper(t *testing.T) {
	r, err := zip.NewReader(bytes.NewReader(goodZip()), int64(len(goodZip())))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(in); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	if len(r.File) != 4 {
		t.Errorf("found %d entries, expected 4", len(r.File))
	}
}

// wideZip is what other readers of archives take as well.
func TestWideZipHelper(t *testing.T) {
	content := wideZip()
	r, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.File) != 2 || r.File[1].UncompressedSize64 != 24 {
		t.Errorf("found %d entries, expected 2, the second of 24 bytes", len(r.File))
	}
}

// parsed reads a file in memory.
func parsed(data []byte) (*part, error) {
	p := &part{path: "memory", data: data, size: len(data)}
	return p, p.parse()
}

// Every cut of a good file is noticed, and a changed byte never goes beyond the file.
func TestTorchDamaged(t *testing.T) {
	for name, whole := range map[string][]byte{"zip": goodZip(), "legacy": goodLegacy()} {
		t.Run(name, func(t *testing.T) {
			if _, err := parsed(whole); err != nil {
				t.Fatal(err)
			}
			for n := 8; n < len(whole); n++ {
				if _, err := parsed(slices.Clip(whole[:n])); err == nil {
					t.Errorf("opened the first %d of %d bytes, expected an error", n, len(whole))
				}
			}
			survived := 0
			for i := range whole {
				for _, change := range []byte{0x01, 0x80, 0xff} {
					damaged := bytes.Clone(whole)
					damaged[i] ^= change
					if p, err := parsed(damaged); err == nil {
						survived++
						readAll(t, p)
					}
				}
			}
			t.Logf("%d bytes, %d changes go unnoticed", len(whole), survived)
		})
	}
	for _, dir := range []string{"torch-zip", "torch-legacy"} {
		whole, err := os.ReadFile(shared(t, "golden", "containers", dir, "pytorch_model.bin"))
		if err != nil {
			t.Fatal(err)
		}
		for n := 8; n < len(whole); n += 4001 {
			if _, err := parsed(whole[:n]); err == nil {
				t.Errorf("%s: opened the first %d of %d bytes, expected an error", dir, n, len(whole))
			}
		}
	}
}

// readAll reads every tensor of an accepted file.
func readAll(t testing.TB, p *part) {
	t.Helper()
	f := &File{path: p.path, tensors: p.tensors, parts: []*part{p}}
	total := 0
	for _, name := range f.Names() {
		info, _ := f.Info(name)
		total += info.Elements() * info.DType.Size()
		if list, err := f.Float32(name); err == nil && len(list) != info.Elements() {
			t.Errorf("%q: %d elements, expected %d", name, len(list), info.Elements())
		}
		if list, err := f.Int64(name); err == nil && len(list) != info.Elements() {
			t.Errorf("%q: %d elements, expected %d", name, len(list), info.Elements())
		}
	}
	if total > (maxRepeat+1)*len(p.data) {
		t.Errorf("the tensors have %d bytes, more than %d times the file's %d", total, maxRepeat+1, len(p.data))
	}
}

// Many names of one storage would make a small file a large model.
func TestTooMuchSharing(t *testing.T) {
	s := pyStorage("FloatStorage", "0", 1<<10)
	pairs := []string{"a", pyTensor(s, 0, []int{1 << 10}, []int{1}) + "q\x00"}
	for i := range 200 {
		pairs = append(pairs, "n"+string(rune('0'+i/10))+string(rune('0'+i%10)), "h\x00")
	}
	_, err := parsed(torchZip(pyState(pairs...), "0", string(make([]byte, 4<<10))))
	if err == nil || !strings.Contains(err.Error(), "8 times the file's") {
		t.Errorf("error is %v, expected one that says that tensors repeat the file", err)
	}
}

// shards writes a folder of files with one tensor or more, and an index.
func shards(t *testing.T, name, index string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, tensors := range map[string]map[string]float32{
		"1.safetensors": {"a": 1}, "2.safetensors": {"b": 2}, "4.safetensors": {"a": 4, "b": 4, "d": 4}, "5.safetensors": {"a": 5, "e": 5},
	} {
		var list []Tensor
		for tensor, v := range tensors {
			list = append(list, Tensor{Name: tensor, Shape: []int{1}, Float32: []float32{v}})
		}
		if err := Write(filepath.Join(dir, name), nil, list); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range map[string][]byte{
		"3.bin":           torchZip(pyState("c", pyTensor(pyStorage("FloatStorage", "0", 6), 2, []int{1}, []int{1})), "0", six),
		"bad.safetensors": bytes.Repeat([]byte{255}, 20),
		name:              []byte(index),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		name, file, index string
		parts             int
		want              map[string]float32
	}{
		{"safetensors", "model.safetensors.index.json", `{"metadata":{"total_size":12},"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}`, 2, map[string]float32{"a": 1, "b": 2}},
		{"torch", "pytorch_model.bin.index.json", `{"weight_map":{"a":"1.safetensors","b":"2.safetensors","c":"3.bin"}}`, 3, map[string]float32{"a": 1, "b": 2, "c": 2}},
		{"other order and keys", "model.safetensors.index.json", `{"weight_map":{"b":"2.safetensors","a":"1.safetensors"},"x":[{}]}`, 2, map[string]float32{"a": 1, "b": 2}},
		{"one file", "model.safetensors.index.json", `{"weight_map":{"a":"4.safetensors","b":"4.safetensors"}}`, 1, map[string]float32{"a": 4, "b": 4, "d": 4}},
		{"the index decides", "model.safetensors.index.json", `{"weight_map":{"a":"1.safetensors","b":"4.safetensors"}}`, 2, map[string]float32{"a": 1, "b": 4, "d": 4}},
		{"nothing", "model.safetensors.index.json", `{"weight_map":{}}`, 0, map[string]float32{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := shards(t, c.file, c.index)
			f, err := OpenDirectory(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if got := f.Names(); !slices.Equal(got, slices.Sorted(maps.Keys(c.want))) {
				t.Errorf("names are %v, expected those of %v", got, c.want)
			}
			for name, v := range c.want {
				if got, err := f.Float32(name); err != nil || !slices.Equal(got, []float32{v}) {
					t.Errorf("%s: read %v (%v), expected %v", name, got, err, v)
				}
			}
			if len(f.Parts()) != c.parts || f.Path() != filepath.Join(dir, c.file) {
				t.Errorf("parts are %v of %s, expected %d", f.Parts(), f.Path(), c.parts)
			}
		})
	}
}

func TestBadSplit(t *testing.T) {
	for _, c := range []struct {
		name, file, index string
		want              []string // of the error
	}{
		{"in another file", "model.safetensors.index.json", `{"weight_map":{"a":"2.safetensors"}}`, []string{`tensor "a" is said to be in 2.safetensors`}},
		{"not there", "model.safetensors.index.json", `{"weight_map":{"a":"1.safetensors","z":"2.safetensors"}}`, []string{`tensor "z"`}},
		{"in two files unsaid", "model.safetensors.index.json", `{"weight_map":{"b":"2.safetensors","d":"4.safetensors","e":"5.safetensors"}}`, []string{`tensor "a" is in`, "4.safetensors", "5.safetensors", "does not say"}},
		{"missing file", "model.safetensors.index.json", `{"weight_map":{"a":"9.safetensors"}}`, []string{"9.safetensors"}},
		{"bad file", "model.safetensors.index.json", `{"weight_map":{"a":"bad.safetensors"}}`, []string{"bad.safetensors", "header length"}},
		{"parent", "model.safetensors.index.json", `{"weight_map":{"a":"../1.safetensors"}}`, []string{`"../1.safetensors"`, "same folder"}},
		{"absolute", "model.safetensors.index.json", `{"weight_map":{"a":"/etc/passwd"}}`, []string{`"/etc/passwd"`, "same folder"}},
		{"the folder", "model.safetensors.index.json", `{"weight_map":{"a":".."}}`, []string{`".."`, "same folder"}},
		{"backslash", "model.safetensors.index.json", `{"weight_map":{"a":"..\\x"}}`, []string{"same folder"}},
		{"no name", "model.safetensors.index.json", `{"weight_map":{"a":""}}`, []string{"same folder"}},
		{"not a name", "model.safetensors.index.json", `{"weight_map":{"a":1}}`, []string{"the number 1", "expected a string"}},
		{"key twice", "model.safetensors.index.json", `{"weight_map":{"a":"1.safetensors","a":"2.safetensors"}}`, []string{`"a" comes twice`}},
		{"map twice", "model.safetensors.index.json", `{"weight_map":{},"weight_map":{}}`, []string{`"weight_map" comes twice`}},
		{"no map", "model.safetensors.index.json", `{}`, []string{"weight_map is missing"}},
		{"array", "model.safetensors.index.json", `[]`, []string{"an array", "expected an object"}},
		{"empty", "model.safetensors.index.json", ``, []string{"bad JSON"}},
		{"cut", "model.safetensors.index.json", `{"weight_map":{"a"`, []string{"bad JSON"}},
		{"cut elsewhere", "model.safetensors.index.json", `{"metadata":{`, []string{`"metadata"`, "bad JSON"}},
		{"more", "model.safetensors.index.json", `{"weight_map":{}} {}`, []string{"something follows"}},
		{"not UTF-8", "model.safetensors.index.json", "{\"\xff\":{}}", []string{"not UTF-8"}},
		{"deep", "model.safetensors.index.json", `{"x":` + strings.Repeat("[", 1<<20), []string{`"x"`, "bad JSON"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := shards(t, c.file, c.index)
			f, err := OpenDirectory(dir)
			if err == nil {
				f.Close()
				t.Fatal("opened, expected an error")
			}
			for _, want := range append(c.want, filepath.Join(dir, c.file)) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error is %q, expected one with %q", err, want)
				}
			}
		})
	}
}

// The first of the four files is taken.
func TestDirectoryOrder(t *testing.T) {
	dir := t.TempDir()
	files := map[string][]byte{
		"pytorch_model.bin.index.json": []byte(`{"weight_map":{"w":"x.bin"}}`),
		"x.bin":                        goodZip(),
		"pytorch_model.bin":            goodLegacy(),
		"model.safetensors.index.json": []byte(`{"weight_map":{"w":"x.safetensors"}}`),
		"x.safetensors":                file(`{"w":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`, 0, 0, 0, 0),
		"model.safetensors":            file(`{"w":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`, 0, 0, 0, 0),
	}
	for _, name := range []string{"pytorch_model.bin.index.json", "pytorch_model.bin", "model.safetensors.index.json", "model.safetensors"} {
		for add, data := range files {
			if add == name || strings.HasPrefix(add, "x.") {
				if err := os.WriteFile(filepath.Join(dir, add), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		f, err := OpenDirectory(dir)
		if err != nil {
			t.Fatal(err)
		}
		if f.Path() != filepath.Join(dir, name) {
			t.Errorf("opened %s, expected %s", f.Path(), name)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if _, err := f.Float32("w"); !errors.Is(err, os.ErrClosed) {
			t.Errorf("error is %v, expected that the file is closed", err)
		}
	}
}
