package checkpoint

import (
	"errors"
	"fmt"
	"strconv"
)

// What torch.save writes of a tensor: a call of a function that rebuilds it
// from a storage, an offset, a shape and strides. The storage is an object
// outside the pickle: a type, a key and a number of elements.

// storageType is a class of storages: its elements' type, "" for bytes without one.
type storageType DType

// elementType is torch.float32 and its like.
type elementType DType

// storage is a run of elements, or a part of one, that tensors share.
type storage struct {
	key    string
	dtype  DType // "" where the storage is bytes without a type
	length int   // of the whole run, in elements
	offset int   // of this part, in elements
	size   int   // of this part, in elements
}

func (s *storage) typeName() string {
	if s.dtype == "" {
		return "bytes"
	}
	return string(s.dtype)
}

// unit returns the bytes of one element.
func (s *storage) unit() int { return max(s.dtype.Size(), 1) }

// torchTensor is a view of a storage. Offset and strides count elements.
type torchTensor struct {
	storage        *storage
	dtype          DType
	shape, strides []int
	offset         int
}

// Functions that a pickle may call.
const (
	orderedDict               function = "collections.OrderedDict"
	rebuildTensor             function = "torch._utils._rebuild_tensor"
	rebuildTensorV2           function = "torch._utils._rebuild_tensor_v2"
	rebuildTensorV3           function = "torch._utils._rebuild_tensor_v3"
	rebuildParameter          function = "torch._utils._rebuild_parameter"
	rebuildParameterWithState function = "torch._utils._rebuild_parameter_with_state"
	torchSize                 function = "torch.Size"
)

// globals is the allow-list.
var globals = allowed()

func allowed() map[string]any {
	g := map[string]any{
		"torch.storage.UntypedStorage": storageType(""),
	}
	for _, f := range []function{orderedDict, rebuildTensor, rebuildTensorV2, rebuildTensorV3, rebuildParameter, rebuildParameterWithState, torchSize} {
		g[string(f)] = f
	}
	for name, dtype := range map[string]DType{
		"Double": F64, "Float": F32, "Half": F16, "BFloat16": BF16,
		"Long": I64, "Int": I32, "Short": I16, "Char": I8, "Byte": U8, "Bool": Bool,
	} {
		g["torch."+name+"Storage"] = storageType(dtype)
		g["torch.cuda."+name+"Storage"] = storageType(dtype) // saved from a GPU by an old torch
	}
	for name, dtype := range map[string]DType{
		"float64": F64, "float32": F32, "float16": F16, "bfloat16": BF16,
		"int64": I64, "int32": I32, "int16": I16, "int8": I8, "uint64": U64, "uint32": U32, "uint16": U16, "uint8": U8,
		"bool": Bool, "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
	} {
		g["torch."+name] = elementType(dtype)
	}
	return g
}

// torchBuilder builds the tensors of a torch file.
type torchBuilder struct {
	storages map[string]*storage // by key, as they were first seen
}

func newTorchBuilder() *torchBuilder { return &torchBuilder{storages: map[string]*storage{}} }

func (*torchBuilder) global(name string) (any, bool) {
	v, ok := globals[name]
	return v, ok
}

func (*torchBuilder) call(f function, args tuple) (any, error) {
	switch f {
	case orderedDict:
		return newOrderedDict(args)
	case torchSize:
		if len(args) != 1 {
			return nil, fmt.Errorf("found %d arguments, expected 1", len(args))
		}
		size, ok := args[0].(tuple)
		if !ok {
			return nil, fmt.Errorf("found %s, expected a tuple", describeValue(args[0]))
		}
		return size, nil
	case rebuildParameter, rebuildParameterWithState:
		// (tensor, requires_grad, backward_hooks[, state])
		if len(args) < 3 || len(args) > 4 {
			return nil, fmt.Errorf("found %d arguments, expected 3 or 4", len(args))
		}
		t, ok := args[0].(*torchTensor)
		if !ok {
			return nil, fmt.Errorf("found %s, expected a tensor", describeValue(args[0]))
		}
		return t, nil
	}
	return rebuild(f, args)
}

// newOrderedDict makes a dict of nothing, or of a list of pairs, which is how
// Python 2 writes one.
func newOrderedDict(args tuple) (*dict, error) {
	d := new(dict)
	if len(args) == 0 {
		return d, nil
	}
	l, ok := args[0].(*list)
	if !ok || len(args) != 1 {
		return nil, fmt.Errorf("found %d arguments and first %s, expected a list of pairs or nothing", len(args), describeValue(args[0]))
	}
	for i, item := range l.items {
		pair, ok := item.(tuple)
		if inner, isList := item.(*list); isList {
			pair, ok = inner.items, true
		}
		if !ok || len(pair) != 2 {
			return nil, fmt.Errorf("element %d is %s, expected a pair", i, describeValue(item))
		}
		d.keys, d.values = append(d.keys, pair[0]), append(d.values, pair[1])
	}
	return d, nil
}

// rebuild makes a tensor of (storage, storage_offset, size, stride,
// requires_grad, backward_hooks, metadata) for version 2, with the dtype
// before metadata for version 3, and the first four for the oldest.
func rebuild(f function, args tuple) (*torchTensor, error) {
	count := map[function][2]int{rebuildTensor: {4, 4}, rebuildTensorV2: {6, 7}, rebuildTensorV3: {7, 8}}[f]
	if len(args) < count[0] || len(args) > count[1] {
		return nil, fmt.Errorf("found %d arguments, expected %d to %d", len(args), count[0], count[1])
	}
	s, ok := args[0].(*storage)
	if !ok {
		return nil, fmt.Errorf("found %s, expected a storage", describeValue(args[0]))
	}
	t := &torchTensor{storage: s, dtype: s.dtype}
	var err error
	if t.offset, err = natural("storage_offset", args[1]); err != nil {
		return nil, err
	}
	if t.shape, err = naturals("size", args[2]); err != nil {
		return nil, err
	}
	if t.strides, err = naturals("stride", args[3]); err != nil {
		return nil, err
	}
	if len(t.shape) != len(t.strides) {
		return nil, fmt.Errorf("found %d strides, expected %d as in the size", len(t.strides), len(t.shape))
	}
	metadata := 6
	if f == rebuildTensorV3 {
		dtype, ok := args[6].(elementType)
		if !ok {
			return nil, fmt.Errorf("found %s, expected a dtype", describeValue(args[6]))
		}
		t.dtype = DType(dtype)
		metadata = 7
	}
	if t.dtype == "" {
		return nil, errors.New("found a storage without a type, expected one with the type of the elements")
	}
	if len(args) > metadata {
		if d, ok := args[metadata].(*dict); !ok || len(d.keys) > 0 {
			return nil, fmt.Errorf("found %s as metadata (a conjugated or negated view?), expected none", describeValue(args[metadata]))
		}
	}
	return t, nil
}

// persistent makes a storage of ("storage", type, key, location, elements) and,
// in the legacy format, None or (key, offset, elements) of a part of it.
func (b *torchBuilder) persistent(id any) (any, error) {
	args, ok := id.(tuple)
	if !ok || len(args) < 5 || len(args) > 6 || args[0] != "storage" {
		what := describeValue(id)
		if ok && len(args) > 0 {
			what += " that starts with " + describeValue(args[0])
		}
		return nil, fmt.Errorf(`found %s, expected ("storage", type, key, location, elements)`, what)
	}
	typ, ok := args[1].(storageType)
	if !ok {
		return nil, fmt.Errorf("storage: found %s, expected a type of storages", describeValue(args[1]))
	}
	key, ok := args[2].(string)
	if !ok {
		return nil, fmt.Errorf("storage: found %s, expected a key", describeValue(args[2]))
	}
	length, err := natural("storage "+strconv.Quote(clip(key))+": elements", args[4])
	if err != nil {
		return nil, err
	}
	s := &storage{key: key, dtype: DType(typ), length: length, size: length}
	if first := b.storages[key]; first == nil {
		b.storages[key] = s
	} else if first.dtype != s.dtype || first.length != length {
		return nil, fmt.Errorf("storage %q: found %d elements of %s, before %d of %s", clip(key), length, s.typeName(), first.length, first.typeName())
	}
	if len(args) == 5 || args[5] == nil {
		return s, nil
	}
	part, ok := args[5].(tuple)
	if !ok || len(part) != 3 {
		return nil, fmt.Errorf("storage %q: found %s, expected None or (key, offset, elements)", clip(key), describeValue(args[5]))
	}
	if s.offset, err = natural("offset of a part", part[1]); err != nil {
		return nil, err
	}
	if s.size, err = natural("elements of a part", part[2]); err != nil {
		return nil, err
	}
	if s.offset > length || s.size > length-s.offset {
		return nil, fmt.Errorf("storage %q: found a part of %d elements at %d, expected it within the %d elements", clip(key), s.size, s.offset, length)
	}
	return s, nil
}

// natural demands a number that is not negative and fits an int.
func natural(what string, v any) (int, error) {
	n, ok := v.(int64)
	if !ok || n < 0 || int64(int(n)) != n {
		return 0, fmt.Errorf("%s: found %s, expected a number from 0 up", what, describeValue(v))
	}
	return int(n), nil
}

func naturals(what string, v any) ([]int, error) {
	items, ok := v.(tuple)
	if !ok {
		return nil, fmt.Errorf("%s: found %s, expected a tuple", what, describeValue(v))
	}
	if len(items) > maxDimensions {
		return nil, fmt.Errorf("%s: found %d dimensions, expected at most %d", what, len(items), maxDimensions)
	}
	list := make([]int, len(items))
	for i, item := range items {
		var err error
		if list[i], err = natural(fmt.Sprintf("%s[%d]", what, i), item); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// maxDimensions is how many dimensions torch allows.
const maxDimensions = 64

// maxRepeat bounds how many times the size of a file its tensors may have, all
// in all. Views may repeat elements; tied weights do, some two times.
const maxRepeat = 8

// stateDict turns what a pickle built into tensors of the file p. find tells
// where a storage lies, in bytes of the file.
func stateDict(p *part, root any, find func(*storage) (begin, end int, err error)) (map[string]stored, error) {
	d, ok := root.(*dict)
	if !ok {
		return nil, fmt.Errorf("the pickle holds %s, expected a dict of tensors", describeValue(root))
	}
	// Training frameworks put the parameters beside an epoch, an optimizer, ….
	for i, key := range d.keys {
		if inner, ok := d.values[i].(*dict); ok && key == "state_dict" {
			d = inner
			break
		}
	}
	tensors := make(map[string]stored, len(d.keys))
	total := 0
	for i, key := range d.keys {
		name, ok := key.(string)
		if !ok {
			return nil, fmt.Errorf("the dict of tensors has %s as a key, expected a name", describeValue(key))
		}
		t, ok := d.values[i].(*torchTensor)
		if !ok {
			return nil, fmt.Errorf("tensor %q: found %s, expected a tensor", clip(name), describeValue(d.values[i]))
		}
		if _, ok := tensors[name]; ok {
			return nil, fmt.Errorf("tensor %q: the name comes twice", clip(name))
		}
		begin, end, err := find(t.storage)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", clip(name), err)
		}
		s, err := t.locate(begin, end)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: storage %q: %w", clip(name), clip(t.storage.key), err)
		}
		s.name, s.part = name, p
		tensors[name] = s
		if total += s.bytes(); total/maxRepeat > len(p.data) {
			return nil, fmt.Errorf("tensor %q: up to here the tensors have %d bytes, expected at most %d times the file's %d: views repeat its elements", clip(name), total, maxRepeat, len(p.data))
		}
	}
	return tensors, nil
}

// locate finds the elements of a tensor whose whole storage lies at bytes
// begin to end.
func (t *torchTensor) locate(begin, end int) (stored, error) {
	size, unit := t.dtype.Size(), t.storage.unit()
	if want, ok := product([]int{t.storage.length, unit}); !ok || want != end-begin {
		return stored{}, fmt.Errorf("found %d bytes, expected those of %d elements of %s", end-begin, t.storage.length, t.storage.typeName())
	}
	first := begin + t.storage.offset*unit
	room := t.storage.size * unit / size // in elements
	elements, ok := product(t.shape)
	if !ok {
		return stored{}, fmt.Errorf("the number of elements of shape %v overflows", t.shape)
	}
	s := stored{dtype: t.dtype, shape: t.shape, elements: elements}
	if elements == 0 {
		s.begin = begin
		return s, nil
	}
	last := t.offset // the element that lies furthest
	for i, n := range t.shape {
		step, ok := product([]int{n - 1, t.strides[i]})
		if last += step; !ok || last < 0 || last >= room {
			return stored{}, t.past(room)
		}
	}
	if last >= room {
		return stored{}, t.past(room)
	}
	s.begin = first + t.offset*size
	if _, ok := product([]int{elements, size}); !ok || elements > maxRepeat*max(room, 1) {
		return stored{}, fmt.Errorf("shape %v with strides %v has %d elements, expected at most %d times the %d stored", t.shape, t.strides, elements, maxRepeat, room)
	}
	if !rowMajor(t.shape, t.strides) {
		s.strides = t.strides
	}
	return s, nil
}

func (t *torchTensor) past(room int) error {
	return fmt.Errorf("shape %v with strides %v at offset %d reaches past the %d elements stored", t.shape, t.strides, t.offset, room)
}
