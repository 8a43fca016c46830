package checkpoint

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// legacyMagic is the number that a legacy file starts with: 0x1950a86a20f9469cfc6c.
var legacyMagic = long{0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19}

const legacyProtocol = 1001

// parseTorchLegacy reads the file that torch.save wrote from 0.1.10 up to 1.5:
// five pickles, that are the magic number, the protocol, the machine it was
// written on, the tensors and the list of the storages' keys, and then the
// storages in that order, each as the number of its elements (64 bits) and the
// elements.
func parseTorchLegacy(p *part) (map[string]stored, error) {
	magic, at, err := runPickle(p.data, 0, nil)
	if err != nil {
		return nil, fmt.Errorf("magic number: %w", err)
	}
	if n, ok := magic.(long); !ok || !bytes.Equal(n, legacyMagic) {
		return nil, fmt.Errorf("the file starts with a pickle of %s, expected the magic number of torch.save", describeValue(magic))
	}
	protocol, at, err := runPickle(p.data, at, nil)
	if err != nil {
		return nil, fmt.Errorf("protocol: %w", err)
	}
	if protocol != int64(legacyProtocol) {
		return nil, fmt.Errorf("protocol: found %s, expected %d", describeValue(protocol), legacyProtocol)
	}
	system, at, err := runPickle(p.data, at, nil)
	if err != nil {
		return nil, fmt.Errorf("system: %w", err)
	}
	if err := checkSystem(system); err != nil {
		return nil, err
	}
	builder := newTorchBuilder()
	object, at, err := runPickle(p.data, at, builder)
	if err != nil {
		return nil, fmt.Errorf("tensors: %w", err)
	}
	keys, at, err := runPickle(p.data, at, nil)
	if err != nil {
		return nil, fmt.Errorf("storage keys: %w", err)
	}
	l, ok := keys.(*list)
	if !ok {
		return nil, fmt.Errorf("storage keys: found %s, expected a list", describeValue(keys))
	}
	places, err := legacyStorages(p.data, at, l.items, builder.storages)
	if err != nil {
		return nil, err
	}
	return stateDict(p, object, func(s *storage) (int, int, error) {
		place, ok := places[s.key]
		if !ok {
			return 0, 0, fmt.Errorf("its storage %q is not in the list of storages", clip(s.key))
		}
		return place.begin, place.end, nil
	})
}

// checkSystem demands a little-endian writer.
func checkSystem(v any) error {
	d, ok := v.(*dict)
	if !ok {
		return fmt.Errorf("system: found %s, expected a dict", describeValue(v))
	}
	for i, key := range d.keys {
		if key == "little_endian" && d.values[i] != true {
			return fmt.Errorf("system: little_endian is %s, expected true", describeValue(d.values[i]))
		}
	}
	return nil
}

// legacyPlace is where a storage lies, in bytes of the file.
type legacyPlace struct{ begin, end int }

// legacyStorages walks the storages that start at byte at. The tensors told
// their types.
func legacyStorages(data []byte, at int, keys []any, storages map[string]*storage) (map[string]legacyPlace, error) {
	places := make(map[string]legacyPlace, len(keys))
	for i, k := range keys {
		key, ok := k.(string)
		if !ok {
			return nil, fmt.Errorf("storage keys: element %d is %s, expected a string", i, describeValue(k))
		}
		if _, ok := places[key]; ok {
			return nil, fmt.Errorf("storage keys: %q comes twice", clip(key))
		}
		s := storages[key]
		if s == nil {
			return nil, fmt.Errorf("storage keys: no tensor has the storage %q, so its type is unknown", clip(key))
		}
		if len(data)-at < 8 {
			return nil, fmt.Errorf("storage %q: found %d bytes at byte %d, expected 8 for its length: the file is truncated", clip(key), len(data)-at, at)
		}
		n := binary.LittleEndian.Uint64(data[at:])
		at += 8
		size := uint64(s.unit())
		if n > uint64(len(data)-at)/size {
			return nil, fmt.Errorf("storage %q: %d elements of %d bytes from byte %d, but the file has only %d more: it is truncated", clip(key), n, size, at, len(data)-at)
		}
		end := at + int(n*size)
		places[key] = legacyPlace{at, end}
		at = end
	}
	if at != len(data) {
		return nil, fmt.Errorf("the storages end at byte %d, expected %d, where the file ends", at, len(data))
	}
	return places, nil
}
