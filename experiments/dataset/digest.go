package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// Digest returns the SHA-256 of a file's bytes in hexadecimal. It reads them
// each time: size and time of a file say nothing sure about what it holds.
func Digest(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", fmt.Errorf("%s: reading: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
