package sharedtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms in the order in which they may import: only those before.
var rooms = []string{"asm", "kernels", "tensor", "nn", "transformer", "experiments"}

// engine rooms import nothing from outside but these.
var engineImports = []string{"golang.org/x/sys/", "github.com/klauspost/cpuid/", "gonum.org/v1/gonum/"}

// TestImportsOnlyGoUp reads the imports of every Go file of the repository.
func TestImportsOnlyGoUp(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	files := 0
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		room, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		at := slices.Index(rooms, room)
		if at < 0 {
			t.Errorf("%s is in none of the rooms %q", rel, rooms)
			return nil
		}
		files++
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range f.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if name == "C" {
				t.Errorf("%s uses cgo", rel)
			}
			if own, ok := strings.CutPrefix(name, "godwit/"); ok {
				other, _, _ := strings.Cut(own, "/")
				if o := slices.Index(rooms, other); o < 0 || o > at {
					t.Errorf("%s imports %s, which is above it", rel, name)
				}
				continue
			}
			outside := strings.Contains(strings.SplitN(name, "/", 2)[0], ".")
			if outside && at <= slices.Index(rooms, "nn") && !slices.ContainsFunc(engineImports, func(p string) bool { return strings.HasPrefix(name, p) }) {
				t.Errorf("%s imports %s", rel, name)
			}
			if strings.HasPrefix(name, "gonum.org/") && at <= slices.Index(rooms, "nn") && !strings.HasSuffix(path, "_test.go") {
				t.Errorf("%s imports %s outside of a test", rel, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("only %d files were read", files)
	}
}
