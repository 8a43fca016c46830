package checkpoint

import (
	"slices"
	"strings"
)

// DType is the element type of a stored tensor, spelled as in a safetensors
// header.
type DType string

// The element types that a file may hold. [File.Float32] reads the floating
// ones of 16 bits and more, [File.Int64] reads the integers but for U64; of
// the others only the description and the bounds are looked at.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U64  DType = "U64"
	U32  DType = "U32"
	U16  DType = "U16"
	U8   DType = "U8"
	Bool DType = "BOOL"
)

// sizes holds the bytes of one element.
var sizes = map[DType]int{
	F64: 8, F32: 4, F16: 2, BF16: 2,
	I64: 8, I32: 4, I16: 2, I8: 1,
	U64: 8, U32: 4, U16: 2, U8: 1,
	Bool: 1, "F8_E4M3": 1, "F8_E5M2": 1,
}

// Size returns the bytes of one element, 0 for an unknown type.
func (d DType) Size() int { return sizes[d] }

// knownDTypes lists the known types for error messages.
func knownDTypes() string {
	names := make([]string, 0, len(sizes))
	for d := range sizes {
		names = append(names, string(d))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
