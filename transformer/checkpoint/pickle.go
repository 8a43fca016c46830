package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"
)

// A pickle is a program for a stack machine that may call any function of
// Python. This machine knows the instructions that torch.save needs to
// describe tensors, and calls nothing: a global is looked up in an allow-list
// and a call is answered by a Go function or refused. What it builds is read
// at the top only, and never walked in depth, so that neither nesting nor
// objects that contain themselves cost anything.
//
// The format: https://docs.python.org/3/library/pickletools.html

// maxPickle is the longest pickle read, in bytes. A tensor takes some 200.
const maxPickle = 1 << 24

// maxStack is how many values and marks the stack may hold. Python writes
// items in batches of a thousand; other writers write all of a dict at once.
const maxStack = 1 << 18

// The values that a pickle may build, beside nil, bool, int64, float64 and string.
type (
	long     []byte // an integer of more than 64 bits: two's complement, little endian
	tuple    []any
	list     struct{ items []any }
	dict     struct{ keys, values []any }
	function string // a callable of the allow-list: its full name
)

// builder answers what a pickle asks of the world outside.
type builder interface {
	// global returns what stands for a global, ok false if it is not allowed.
	global(name string) (v any, ok bool)
	// call calls one of the functions that global returned.
	call(f function, args tuple) (any, error)
	// persistent returns what stands for an object outside the pickle.
	persistent(id any) (any, error)
}

// machine runs one pickle.
type machine struct {
	data  []byte // the file, up to where the pickle must have ended
	pos   int    // of the next byte to be read, in the file
	stack []any
	marks []int // lengths that the stack had at each MARK
	memo  []any
	build builder
}

// runPickle runs the pickle that starts at byte pos of data, and returns what
// it built and the position after it. It must end within data.
func runPickle(data []byte, pos int, b builder) (result any, next int, err error) {
	m := &machine{data: data, pos: pos, build: b}
	for {
		at := m.pos
		code, err := m.byte()
		if err == nil && at-pos > maxPickle {
			err = fmt.Errorf("no end after %d bytes", maxPickle)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("byte %d: the pickle that starts at byte %d: %w", at, pos, err)
		}
		if code == opStop {
			if len(m.stack) != 1 || len(m.marks) > 0 {
				return nil, 0, fmt.Errorf("byte %d: STOP: found %d values and %d marks on the stack, expected one value", at, len(m.stack), len(m.marks))
			}
			return m.stack[0], m.pos, nil
		}
		err = m.step(code)
		if err == nil && max(len(m.stack), len(m.marks)) > maxStack {
			err = fmt.Errorf("found more than %d values or marks on the stack", maxStack)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("byte %d: %s: %w", at, opName(code), err)
		}
	}
}

// widths are the bytes of the number that follows an instruction.
var widths = [256]int{
	opBinInt: 4, opBinInt1: 1, opBinInt2: 2,
	opBinPut: 1, opLongBinPut: 4, opBinGet: 1, opLongBinGet: 4,
	opShortBinString: 1, opShortBinUnicode: 1, opBinString: 4, opBinUnicode: 4, opBinUnicode8: 8,
	opFrame: 8,
}

// step executes one instruction.
func (m *machine) step(code byte) error {
	switch code {
	case opProto:
		version, err := m.byte()
		if err == nil && (version < 2 || version > 5) {
			err = fmt.Errorf("found protocol %d, expected 2 to 5", version)
		}
		return err
	case opFrame:
		n, err := m.number(widths[code])
		if err == nil && n > uint64(len(m.data)-m.pos) {
			err = fmt.Errorf("found a frame of %d bytes, expected at most the %d that follow", n, len(m.data)-m.pos)
		}
		return err

	// Constants.
	case opNone:
		m.push(nil)
	case opNewTrue:
		m.push(true)
	case opNewFalse:
		m.push(false)
	case opBinInt, opBinInt1, opBinInt2:
		n, err := m.number(widths[code])
		if err != nil {
			return err
		}
		if code == opBinInt {
			m.push(int64(int32(n)))
		} else {
			m.push(int64(n))
		}
	case opLong1:
		return m.long()
	case opBinFloat:
		raw, err := m.take(8)
		if err != nil {
			return err
		}
		m.push(math.Float64frombits(binary.BigEndian.Uint64(raw)))
	case opShortBinString, opShortBinUnicode, opBinString, opBinUnicode, opBinUnicode8:
		return m.text(widths[code])

	// Containers.
	case opMark:
		m.marks = append(m.marks, len(m.stack))
	case opEmptyTuple:
		m.push(tuple{})
	case opTuple:
		items, err := m.popMark()
		if err != nil {
			return err
		}
		m.push(append(tuple{}, items...))
	case opTuple1, opTuple2, opTuple3:
		items, err := m.pop(int(code-opTuple1) + 1)
		if err != nil {
			return err
		}
		m.push(append(tuple{}, items...))
	case opEmptyList:
		m.push(new(list))
	case opAppend:
		items, err := m.pop(1)
		if err != nil {
			return err
		}
		return m.extend(items)
	case opAppends:
		items, err := m.popMark()
		if err != nil {
			return err
		}
		return m.extend(items)
	case opEmptyDict:
		m.push(new(dict))
	case opSetItem:
		items, err := m.pop(2)
		if err != nil {
			return err
		}
		return m.set(items)
	case opSetItems:
		items, err := m.popMark()
		if err != nil {
			return err
		}
		return m.set(items)

	// The memo: values that are used again.
	case opMemoize:
		return m.put(uint64(len(m.memo)))
	case opBinPut, opLongBinPut:
		index, err := m.number(widths[code])
		if err != nil {
			return err
		}
		return m.put(index)
	case opBinGet, opLongBinGet:
		index, err := m.number(widths[code])
		if err != nil {
			return err
		}
		if index >= uint64(len(m.memo)) {
			return fmt.Errorf("found memo index %d, expected one below %d, stored before", index, len(m.memo))
		}
		m.push(m.memo[index])

	// The world outside.
	case opGlobal, opStackGlobal:
		return m.global(code)
	case opReduce:
		pair, err := m.pop(2)
		if err != nil {
			return err
		}
		f, ok := pair[0].(function)
		args, isTuple := pair[1].(tuple)
		if !ok || !isTuple {
			return fmt.Errorf("found a call of %s with %s, expected a function and a tuple", describeValue(pair[0]), describeValue(pair[1]))
		}
		result, err := m.build.call(f, args)
		if err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
		m.push(result)
	case opBuild:
		// torch gives the OrderedDict of a state dict attributes, its
		// _metadata: no tensor is in them.
		pair, err := m.pop(2)
		if err != nil {
			return err
		}
		if _, ok := pair[0].(*dict); !ok {
			return fmt.Errorf("found attributes of %s, expected those of a dict", describeValue(pair[0]))
		}
		m.push(pair[0])
	case opBinPersID:
		id, err := m.pop(1)
		if err != nil {
			return err
		}
		if m.build == nil {
			return errors.New("found an object outside the pickle, expected none here")
		}
		v, err := m.build.persistent(id[0])
		if err != nil {
			return err
		}
		m.push(v)
	default:
		return errors.New("this instruction is not allowed: expected those that describe tensors")
	}
	return nil
}

// global looks a global up, by two lines of text or by two strings on the stack.
func (m *machine) global(code byte) error {
	var module, name string
	if code == opGlobal {
		for _, part := range []*string{&module, &name} {
			length := bytes.IndexByte(m.data[m.pos:], '\n')
			if length < 0 {
				return io.ErrUnexpectedEOF
			}
			line, err := m.take(length + 1)
			if err != nil {
				return err
			}
			*part = string(line[:length])
		}
	} else {
		pair, err := m.pop(2)
		if err != nil {
			return err
		}
		var ok, too bool
		module, ok = pair[0].(string)
		name, too = pair[1].(string)
		if !ok || !too {
			return fmt.Errorf("found %s and %s, expected the names of a module and a global", describeValue(pair[0]), describeValue(pair[1]))
		}
	}
	full := module + "." + name
	if m.build != nil {
		if v, ok := m.build.global(full); ok {
			m.push(v)
			return nil
		}
	}
	return fmt.Errorf("%s is not allowed: expected only what builds tensors", strconv.Quote(clip(full)))
}

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

// pop takes n values off the stack, none from below the last mark. They are
// valid until the next push.
func (m *machine) pop(n int) ([]any, error) {
	bottom := 0
	if len(m.marks) > 0 {
		bottom = m.marks[len(m.marks)-1]
	}
	if len(m.stack)-bottom < n {
		return nil, fmt.Errorf("found %d values on the stack, expected %d", len(m.stack)-bottom, n)
	}
	items := m.stack[len(m.stack)-n:]
	m.stack = m.stack[:len(m.stack)-n]
	return items, nil
}

// popMark takes all values down to the last mark, and the mark.
func (m *machine) popMark() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, errors.New("found no mark on the stack")
	}
	bottom := m.marks[len(m.marks)-1]
	m.marks = m.marks[:len(m.marks)-1]
	items := m.stack[bottom:]
	m.stack = m.stack[:bottom]
	return items, nil
}

// top returns the value on top of the stack and leaves it there.
func (m *machine) top() (any, error) {
	items, err := m.pop(1)
	if err != nil {
		return nil, err
	}
	m.stack = m.stack[:len(m.stack)+1]
	return items[0], nil
}

func (m *machine) put(index uint64) error {
	// Writers count up from 0, in Python 2 from 1.
	if most := len(m.memo) + 1; index > uint64(most) {
		return fmt.Errorf("found memo index %d, expected at most %d: they count up", index, most)
	}
	v, err := m.top()
	if err != nil {
		return err
	}
	for uint64(len(m.memo)) <= index {
		m.memo = append(m.memo, nil)
	}
	m.memo[index] = v
	return nil
}

func (m *machine) extend(items []any) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	l, ok := v.(*list)
	if !ok {
		return fmt.Errorf("found %s, expected a list", describeValue(v))
	}
	l.items = append(l.items, items...)
	return nil
}

func (m *machine) set(items []any) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	d, ok := v.(*dict)
	if !ok {
		return fmt.Errorf("found %s, expected a dict", describeValue(v))
	}
	if len(items)%2 != 0 {
		return fmt.Errorf("found %d values, expected pairs of key and value", len(items))
	}
	for i := 0; i < len(items); i += 2 {
		d.keys, d.values = append(d.keys, items[i]), append(d.values, items[i+1])
	}
	return nil
}

// take returns the next n bytes.
func (m *machine) take(n int) ([]byte, error) {
	if n > len(m.data)-m.pos {
		return nil, fmt.Errorf("found %d bytes, expected %d: %w", len(m.data)-m.pos, n, io.ErrUnexpectedEOF)
	}
	raw := m.data[m.pos : m.pos+n]
	m.pos += n
	return raw, nil
}

func (m *machine) byte() (byte, error) {
	raw, err := m.take(1)
	if err != nil {
		return 0, err
	}
	return raw[0], nil
}

// number reads an unsigned number of size bytes, little endian.
func (m *machine) number(size int) (uint64, error) {
	raw, err := m.take(size)
	if err != nil {
		return 0, err
	}
	var word [8]byte
	copy(word[:], raw)
	return binary.LittleEndian.Uint64(word[:]), nil
}

// long reads an integer of any length below 256 bytes.
func (m *machine) long() error {
	n, err := m.byte()
	if err != nil {
		return err
	}
	raw, err := m.take(int(n))
	if err != nil {
		return err
	}
	if n > 8 {
		m.push(long(bytes.Clone(raw)))
		return nil
	}
	var word [8]byte
	if n > 0 && raw[n-1]&0x80 != 0 {
		word = [8]byte{255, 255, 255, 255, 255, 255, 255, 255} // the sign
	}
	copy(word[:], raw)
	m.push(int64(binary.LittleEndian.Uint64(word[:])))
	return nil
}

// text reads a string whose length is a number of size bytes.
func (m *machine) text(size int) error {
	n, err := m.number(size)
	if err != nil {
		return err
	}
	if rest := len(m.data) - m.pos; n > uint64(rest) {
		return fmt.Errorf("found %d bytes, expected a string of %d: %w", rest, n, io.ErrUnexpectedEOF)
	}
	raw, err := m.take(int(n))
	if err != nil {
		return err
	}
	if !utf8.Valid(raw) {
		return fmt.Errorf("found %q, expected UTF-8", clip(string(raw)))
	}
	m.push(string(raw))
	return nil
}

// describeValue names a value in an error.
func describeValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return "the integer " + strconv.FormatInt(v, 10)
	case long:
		return fmt.Sprintf("an integer of %d bytes", len(v))
	case float64:
		return fmt.Sprintf("the number %v", v)
	case string:
		return "the string " + strconv.Quote(clip(v))
	case tuple:
		return fmt.Sprintf("a tuple of %d", len(v))
	case *list:
		return fmt.Sprintf("a list of %d", len(v.items))
	case *dict:
		return fmt.Sprintf("a dict of %d", len(v.keys))
	case function:
		return "the function " + string(v)
	case storageType:
		return "a type of storages"
	case elementType:
		return "a dtype"
	case *storage:
		return "a storage"
	case *torchTensor:
		return "a tensor"
	}
	return fmt.Sprintf("a %T", v)
}
