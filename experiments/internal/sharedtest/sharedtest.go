// Package sharedtest finds the reference files that tests compare with. They
// are kept beside the repository, not in it.
package sharedtest

import (
	"os"
	"path/filepath"
	"testing"
)

// Dir returns the path of elements below the shared folder: $GODWIT_SHARED, or
// a folder "shared" beside a parent of the working directory. Without it the
// test is skipped with a message that says what was not checked.
func Dir(t testing.TB, elements ...string) string {
	t.Helper()
	candidates := []string{os.Getenv("GODWIT_SHARED")}
	if candidates[0] == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		candidates = nil
		for d := dir; filepath.Dir(d) != d; d = filepath.Dir(d) {
			candidates = append(candidates, filepath.Join(filepath.Dir(d), "shared"))
		}
	}
	for _, c := range candidates {
		path := filepath.Join(append([]string{c}, elements...)...)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Skipf("not checked: %s is not there (set GODWIT_SHARED to the folder that has it)", filepath.Join(elements...))
	return ""
}
