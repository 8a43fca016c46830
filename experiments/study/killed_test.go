package study

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Of the process that TestKilled starts: the directories of its model and of its study.
const (
	killedModel  = "GODWIT_TEST_KILLED_MODEL"
	killedOutput = "GODWIT_TEST_KILLED_OUTPUT"
)

// TestKilledProcess is the process that TestKilled kills.
func TestKilledProcess(t *testing.T) {
	if os.Getenv(killedOutput) == "" {
		return
	}
	c := tinyStudy(t, os.Getenv(killedModel))
	c.Output = os.Getenv(killedOutput)
	if _, err := Run(context.Background(), c, Options{Jobs: 2, SaveEvery: 1}); err != nil {
		t.Fatal(err)
	}
}

// TestKilled kills a study without warning at 20 random moments, and again goes on with it: its
// results are those of an undisturbed one, byte for byte.
func TestKilled(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	model := tinyModel(t)
	start := func(dir string) *exec.Cmd {
		c := exec.Command(program, "-test.run=^TestKilledProcess$", "-test.count=1")
		c.Env = append(os.Environ(), killedModel+"="+model, killedOutput+"="+dir)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	whole := t.TempDir()
	begin := time.Now()
	if err := start(whole).Wait(); err != nil {
		t.Fatalf("the undisturbed study: %v", err)
	}
	took, want := time.Since(begin), resultsFile(t, whole)

	const kills = 20
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	dir := t.TempDir()
	killed, studies, halves := 0, 0, 0
	compare := func() {
		if got := resultsFile(t, dir); got != want {
			t.Fatalf("after %d kills: results.json differs from the undisturbed study's", killed)
		}
		studies++
	}
	for killed < kills {
		c := start(dir)
		time.Sleep(time.Duration(r.Float64() * float64(took)))
		c.Process.Kill()
		if c.Wait() == nil { // it was faster
			compare()
			dir = t.TempDir()
			continue
		}
		killed++
		if left, _ := filepath.Glob(filepath.Join(dir, "stages", unfinishedPrefix+"*", "state-*")); len(left) > 0 {
			halves++
		}
	}
	if err := start(dir).Wait(); err != nil {
		t.Fatalf("the last run: %v", err)
	}
	compare()
	t.Logf("%d kills, of which %d left a stage half-way, in %d studies", killed, halves, studies)
}
