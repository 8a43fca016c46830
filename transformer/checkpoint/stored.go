package checkpoint

// stored says where in a file the elements of a tensor lie.
type stored struct {
	name     string
	dtype    DType
	shape    []int
	elements int // the product of shape
	part     *part
	begin    int // of the first element, in bytes of the file
	// strides are the steps of the dimensions in elements; nil where the
	// elements lie row by row without gaps.
	strides []int
}

// bytes returns the size of the tensor written row by row.
func (s stored) bytes() int { return s.elements * s.dtype.Size() }

// raw returns the elements row by row: a view of the file where they lie so,
// a copy otherwise.
func (s stored) raw() []byte {
	if s.strides == nil {
		end := s.begin + s.bytes()
		return s.part.data[s.begin:end:end]
	}
	size := s.dtype.Size()
	rows := make([]byte, 0, s.bytes())
	inner := len(s.shape) - 1
	index := make([]int, inner) // of the row
	at := s.begin
	for {
		for i := range s.shape[inner] {
			p := at + i*s.strides[inner]*size
			rows = append(rows, s.part.data[p:p+size]...)
		}
		d := inner - 1
		for ; d >= 0; d-- {
			index[d]++
			at += s.strides[d] * size
			if index[d] < s.shape[d] {
				break
			}
			at -= index[d] * s.strides[d] * size
			index[d] = 0
		}
		if d < 0 {
			return rows
		}
	}
}

// rowMajor reports whether strides are those of elements that lie row by row.
func rowMajor(shape, strides []int) bool {
	step := 1
	for i := len(shape) - 1; i >= 0; i-- {
		if shape[i] != 1 && strides[i] != step {
			return false
		}
		step *= shape[i]
	}
	return true
}
