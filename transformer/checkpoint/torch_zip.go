package checkpoint

import (
	"errors"
	"fmt"
	"strings"
)

// parseTorchZip reads the file that torch.save writes since 1.6: a zip archive
// of one folder with the pickle data.pkl and a file data/KEY for each storage.
func parseTorchZip(p *part) (map[string]stored, error) {
	list, err := readZip(p.data)
	if err != nil {
		return nil, err
	}
	entries := make(map[string]zipEntry, len(list))
	var root string
	found := false
	for _, e := range list {
		entries[e.name] = e
		folder, ok := strings.CutSuffix(e.name, "data.pkl")
		if !ok || strings.Count(folder, "/") > 1 || folder != "" && !strings.HasSuffix(folder, "/") {
			continue
		}
		if found {
			return nil, fmt.Errorf("zip: found %q and %q, expected one pickle", clip(root+"data.pkl"), clip(e.name))
		}
		root, found = folder, true
	}
	if !found {
		return nil, fmt.Errorf("zip: found %d entries without data.pkl, expected a file of torch.save", len(list))
	}
	if _, ok := entries[root+"constants.pkl"]; ok {
		return nil, errors.New("zip: found constants.pkl: a TorchScript program, expected a file of torch.save")
	}
	if e, ok := entries[root+"byteorder"]; ok {
		if order := string(p.data[e.begin:e.end]); order != "little" {
			return nil, fmt.Errorf("zip: byteorder is %q, expected \"little\"", clip(order))
		}
	}
	script := entries[root+"data.pkl"]
	if n := script.end - script.begin; n > maxPickle {
		return nil, fmt.Errorf("zip: data.pkl has %d bytes, expected at most %d", n, maxPickle)
	}
	object, next, err := runPickle(p.data[:script.end], script.begin, newTorchBuilder())
	if err != nil {
		return nil, fmt.Errorf("data.pkl: %w", err)
	}
	if next != script.end {
		return nil, fmt.Errorf("data.pkl: the pickle ends at byte %d, expected %d, where the entry ends", next, script.end)
	}
	return stateDict(p, object, func(s *storage) (int, int, error) {
		e, ok := entries[root+"data/"+s.key]
		if !ok {
			return 0, 0, fmt.Errorf("there is no entry %q for its storage", clip(root+"data/"+s.key))
		}
		return e.begin, e.end, nil
	})
}
