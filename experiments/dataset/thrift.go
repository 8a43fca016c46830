package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Thrift is the form of the structures of Parquet, in its compact protocol
// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
// A decoder makes room for as many elements as a list claims to have, and
// calls itself for what is nested; so that neither memory nor stack is taken
// by a few bytes, what it is given is looked through first.
const (
	// maxThriftDepth is the most that structures may be nested. Those of
	// Parquet are nested to about eight.
	maxThriftDepth = 32
	// maxStructures is the most structures in one footer: some twelve for each
	// column of each row group.
	maxStructures = 1 << 19
)

// look is a place in what is looked through.
type look struct {
	b          []byte
	at         int
	structures int
}

// The types of the compact protocol. A boolean field has its value for a type.
const (
	thriftStop = iota
	thriftTrue
	thriftFalse
	thriftByte
	thriftInt16
	thriftInt32
	thriftInt64
	thriftDouble
	thriftBinary
	thriftList
	thriftSet
	thriftMap
	thriftStruct
	thriftUUID
)

func (l *look) structure(depth int) error {
	if depth == 0 {
		return fmt.Errorf("structures are nested to more than %d, expected at most so many", maxThriftDepth)
	}
	if l.structures++; l.structures > maxStructures {
		return fmt.Errorf("found more than %d structures, expected at most so many", maxStructures)
	}
	for {
		head, err := l.byte()
		if err != nil {
			return err
		}
		kind := head & 15
		if kind == thriftStop {
			return nil
		}
		if head>>4 == 0 { // the field's number follows, else it is a step
			if _, err := l.varint(); err != nil {
				return err
			}
		}
		if kind == thriftTrue || kind == thriftFalse {
			continue
		}
		if err := l.value(kind, depth); err != nil {
			return err
		}
	}
}

// value passes a value of the given type.
func (l *look) value(kind byte, depth int) error {
	switch kind {
	case thriftTrue, thriftFalse, thriftByte:
		return l.skip(1)
	case thriftInt16, thriftInt32, thriftInt64:
		_, err := l.varint()
		return err
	case thriftDouble:
		return l.skip(8)
	case thriftUUID:
		return l.skip(16)
	case thriftBinary:
		n, err := l.varint()
		if err != nil {
			return err
		}
		return l.skip(n)
	case thriftList, thriftSet:
		head, err := l.byte()
		if err != nil {
			return err
		}
		n := uint64(head >> 4)
		if n == 15 { // the length follows
			if n, err = l.varint(); err != nil {
				return err
			}
		}
		return l.values(n, depth, head&15)
	case thriftMap:
		n, err := l.varint()
		if err != nil || n == 0 {
			return err
		}
		kinds, err := l.byte()
		if err != nil {
			return err
		}
		return l.values(n, depth, kinds>>4, kinds&15)
	case thriftStruct:
		return l.structure(depth - 1)
	}
	return fmt.Errorf("found the thrift type %d, expected one from 1 to 13", kind)
}

// values passes n times a value of each of the given types.
func (l *look) values(n uint64, depth int, kinds ...byte) error {
	if depth == 0 {
		return fmt.Errorf("structures are nested to more than %d, expected at most so many", maxThriftDepth)
	}
	if n > uint64(len(l.b)-l.at) { // each takes a byte or more
		return io.EOF
	}
	for range n {
		for _, kind := range kinds {
			if err := l.value(kind, depth-1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *look) byte() (byte, error) {
	if l.at == len(l.b) {
		return 0, io.EOF
	}
	l.at++
	return l.b[l.at-1], nil
}

func (l *look) varint() (uint64, error) {
	v, n := binary.Uvarint(l.b[l.at:])
	switch {
	case n == 0:
		return 0, io.EOF
	case n < 0:
		return 0, errors.New("found an integer of more than 64 bits")
	}
	l.at += n
	return v, nil
}

func (l *look) skip(n uint64) error {
	if n > uint64(len(l.b)-l.at) {
		return io.EOF
	}
	l.at += int(n)
	return nil
}
