package transformer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"testing"
)

// TestTrainingIsTheSameBitsOnEveryMachine pins what training gives: another
// processor, operating system or Go version must give the same. A change of the
// arithmetic changes these digests, and must be meant.
func TestTrainingIsTheSameBitsOnEveryMachine(t *testing.T) {
	digests := map[string]string{
		"bert/classifier":           "a66b106b85b07a7a",
		"bert/language_model":       "5390da476a7c9406",
		"roberta/classifier":        "8f26089f21a63c82",
		"roberta/language_model":    "12cce3ca65b0d716",
		"distilbert/classifier":     "25b0c066fb9d11d5",
		"distilbert/language_model": "cbb97ecde2a4c44e",
		"xlnet/classifier":          "6d4a67588be919fa",
		"xlnet/language_model":      "493e940346731954",
	}
	eachRun(t, func(t *testing.T, run func() []uint64) {
		h := sha256.New()
		if err := binary.Write(h, binary.LittleEndian, run()); err != nil {
			t.Fatal(err)
		}
		name := t.Name()[len("TestTrainingIsTheSameBitsOnEveryMachine/"):]
		if got := hex.EncodeToString(h.Sum(nil)[:8]); got != digests[name] {
			t.Errorf("%s: digest %s, want %s", name, got, digests[name])
		}
	})
}
