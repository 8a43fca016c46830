package compare

import (
	"encoding/json"
	"os"
	"testing"
)

// recorded reads the losses and gradient norms of a trajectory.json.
func recorded(t *testing.T, path string) (losses, norms []float64) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Loss     []float64 `json:"loss"`
		GradNorm []float64 `json:"grad_norm"`
	}
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return r.Loss, r.GradNorm
}
