package checkpoint

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// zipEntry is a file inside a zip archive: bytes begin to end of the archive.
type zipEntry struct {
	name       string
	begin, end int
}

// Signatures and sizes of the records of a zip archive, as in PKWARE's
// APPNOTE.TXT 6.3.
const (
	zipLocal, zipLocalSize         = "PK\x03\x04", 30
	zipCentral, zipCentralSize     = "PK\x01\x02", 46
	zipEnd, zipEndSize             = "PK\x05\x06", 22
	zip64End, zip64EndSize         = "PK\x06\x06", 56
	zip64Locator, zip64LocatorSize = "PK\x06\x07", 20
	zip64Extra                     = 1 // the tag of the field with sizes of 64 bits
)

// readZip lists the entries of a zip archive, in the order of their places.
//
// It reads what torch writes and nothing else: entries that are stored as they
// are, not compressed, not encrypted, in one disk. Both descriptions of an
// entry must agree, and the entries may neither overlap each other nor the
// directory: so what is read is never more than the archive. Checksums are not
// compared, because torch can be told to write none.
func readZip(data []byte) ([]zipEntry, error) {
	count, begin, end, err := zipDirectory(data)
	if err != nil {
		return nil, err
	}
	// The count is not trusted with memory: every record has its bytes.
	if count > uint64(end-begin)/zipCentralSize {
		return nil, fmt.Errorf("zip: found %d entries in a directory of %d bytes", count, end-begin)
	}
	entries := make([]zipEntry, 0, count)
	starts := make([]int, 0, count) // of the local headers
	names := make(map[string]bool, count)
	at := begin
	for range count {
		e, header, next, err := zipRecord(data[:end], at, begin)
		if err != nil {
			return nil, err
		}
		if names[e.name] {
			return nil, fmt.Errorf("zip: byte %d: the entry %q comes twice", at, clip(e.name))
		}
		names[e.name] = true
		entries, starts = append(entries, e), append(starts, header)
		at = next
	}
	if at != end {
		return nil, fmt.Errorf("zip: the directory's %d entries end at byte %d, expected %d", count, at, end)
	}
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(starts[a], starts[b]) })
	sorted := make([]zipEntry, len(entries))
	filled := 0
	for i, o := range order {
		sorted[i] = entries[o]
		if starts[o] < filled {
			return nil, fmt.Errorf("zip: entry %q starts at byte %d and overlaps entry %q, which ends at %d", clip(sorted[i].name), starts[o], clip(sorted[i-1].name), filled)
		}
		filled = sorted[i].end
	}
	return sorted, nil
}

// zipDirectory finds the directory at the end of the archive: how many
// records it has, and its bytes begin to end.
func zipDirectory(data []byte) (count uint64, begin, end int, err error) {
	// A comment of up to 65535 bytes may follow the last record.
	tail := max(0, len(data)-zipEndSize-math.MaxUint16)
	at := -1
	for from := len(data); from > tail; {
		i := bytes.LastIndex(data[tail:from], []byte(zipEnd))
		if i < 0 {
			break
		}
		i += tail
		if i+zipEndSize <= len(data) && i+zipEndSize+int(binary.LittleEndian.Uint16(data[i+20:])) == len(data) {
			at = i
			break
		}
		from = i
	}
	if at < 0 {
		return 0, 0, 0, fmt.Errorf("zip: the %d bytes have no directory at their end: the file is truncated", len(data))
	}
	record := data[at:]
	disks := binary.LittleEndian.Uint32(record[4:]) // two numbers of 16 bits
	here, count16 := binary.LittleEndian.Uint16(record[8:]), binary.LittleEndian.Uint16(record[10:])
	size, offset := uint64(binary.LittleEndian.Uint32(record[12:])), uint64(binary.LittleEndian.Uint32(record[16:]))
	count, limit := uint64(count16), at
	split := disks != 0 || here != count16
	if locator := at - zip64LocatorSize; locator >= 0 && string(data[locator:locator+4]) == zip64Locator {
		place := binary.LittleEndian.Uint64(data[locator+8:])
		if place > uint64(locator) || uint64(locator)-place < zip64EndSize || string(data[place:place+4]) != zip64End {
			return 0, 0, 0, fmt.Errorf("zip: byte %d: the end of the directory is said to be at byte %d, where there is none", locator, place)
		}
		record, limit = data[place:], int(place)
		count = binary.LittleEndian.Uint64(record[32:])
		size, offset = binary.LittleEndian.Uint64(record[40:]), binary.LittleEndian.Uint64(record[48:])
		split = binary.LittleEndian.Uint64(record[16:]) != 0 || binary.LittleEndian.Uint64(record[24:]) != count
	}
	if split {
		return 0, 0, 0, fmt.Errorf("zip: byte %d: found one of several disks, expected a whole archive", at)
	}
	if offset > uint64(limit) || size != uint64(limit)-offset {
		return 0, 0, 0, fmt.Errorf("zip: byte %d: the directory has %d bytes from byte %d, expected it to end at %d", at, size, offset, limit)
	}
	return count, int(offset), limit, nil
}

// zipRecord reads the record at byte at of the directory, which starts at byte
// directory, and compares it with the header in front of the entry. It returns
// the place of that header and of the next record.
func zipRecord(data []byte, at, directory int) (e zipEntry, header, next int, err error) {
	fail := func(format string, args ...any) (zipEntry, int, int, error) {
		return zipEntry{}, 0, 0, fmt.Errorf("zip: "+format, args...)
	}
	if len(data)-at < zipCentralSize || string(data[at:at+4]) != zipCentral {
		return fail("byte %d: expected a record of the directory", at)
	}
	r := data[at:]
	u16 := func(i int) int { return int(binary.LittleEndian.Uint16(r[i:])) }
	u32 := func(i int) uint64 { return uint64(binary.LittleEndian.Uint32(r[i:])) }
	flags, method := u16(8), u16(10)
	packed, size, place := u32(20), u32(24), u32(42)
	nameLength, extraLength, commentLength := u16(28), u16(30), u16(32)
	length := zipCentralSize + nameLength + extraLength + commentLength
	if len(r) < length {
		return fail("byte %d: the record has %d bytes, expected %d", at, len(r), length)
	}
	name := string(r[zipCentralSize : zipCentralSize+nameLength])
	quoted := fmt.Sprintf("%q", clip(name))
	extra := r[zipCentralSize+nameLength:][:extraLength]
	if err := wide(extra, &size, &packed, &place); err != nil {
		return fail("byte %d: entry %s: %w", at, quoted, err)
	}
	switch {
	case flags&(1|1<<6|1<<13) != 0:
		return fail("byte %d: entry %s is encrypted", at, quoted)
	case method != 0:
		return fail("byte %d: entry %s is compressed by method %d, expected 0, stored: torch writes no other", at, quoted, method)
	case packed != size:
		return fail("byte %d: entry %s is stored in %d bytes, expected its size, %d", at, quoted, packed, size)
	case place > uint64(directory) || uint64(directory)-place < zipLocalSize || string(data[place:place+4]) != zipLocal:
		return fail("byte %d: entry %s: its header is said to be at byte %d, where there is none", at, quoted, place)
	}
	header = int(place)
	local := data[header:]
	localName, localExtra := int(binary.LittleEndian.Uint16(local[26:])), int(binary.LittleEndian.Uint16(local[28:]))
	begin := uint64(header + zipLocalSize + localName + localExtra)
	switch {
	case begin > uint64(directory) || size > uint64(directory)-begin:
		return fail("byte %d: entry %s has %d bytes from byte %d, expected it to end before the directory at %d", at, quoted, size, begin, directory)
	case string(local[zipLocalSize:zipLocalSize+localName]) != name:
		return fail("byte %d: found the header of %q, expected that of %s", header, clip(string(local[zipLocalSize:zipLocalSize+localName])), quoted)
	case binary.LittleEndian.Uint16(local[8:]) != 0:
		return fail("byte %d: entry %s is compressed by method %d in its header, stored in the directory", header, quoted, binary.LittleEndian.Uint16(local[8:]))
	}
	// A header written before the size was known has zeros, and the size follows the entry.
	if follows := binary.LittleEndian.Uint16(local[6:])&(1<<3) != 0; !follows {
		localPacked, localSize := uint64(binary.LittleEndian.Uint32(local[18:])), uint64(binary.LittleEndian.Uint32(local[22:]))
		if err := wide(local[zipLocalSize+localName:][:localExtra], &localSize, &localPacked); err != nil {
			return fail("byte %d: entry %s: %w", header, quoted, err)
		}
		if localSize != size || localPacked != size {
			return fail("byte %d: entry %s has %d bytes stored in %d, expected %d as in the directory", header, quoted, localSize, localPacked, size)
		}
	}
	return zipEntry{name: name, begin: int(begin), end: int(begin + size)}, header, at + length, nil
}

// wide replaces the numbers that do not fit 32 bits, which are all ones, by
// those of the extra field, which has them in this order.
func wide(extra []byte, numbers ...*uint64) error {
	var found []byte
	for rest := extra; len(rest) >= 4; {
		tag, length := binary.LittleEndian.Uint16(rest), int(binary.LittleEndian.Uint16(rest[2:]))
		if length > len(rest)-4 {
			break // padding, as torch writes it, need not be well formed
		}
		if tag == zip64Extra {
			found = rest[4 : 4+length]
			break
		}
		rest = rest[4+length:]
	}
	for _, n := range numbers {
		if *n != math.MaxUint32 {
			continue
		}
		if len(found) < 8 {
			return fmt.Errorf("a number of 64 bits is missing in its extra field")
		}
		*n, found = binary.LittleEndian.Uint64(found), found[8:]
	}
	return nil
}
