package study

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// owner is what the lock file says of the process that holds it.
type owner struct {
	Process int       `json:"process"`
	Host    string    `json:"host"`
	Since   time.Time `json:"since"`
}

// lock keeps other processes from writing to a study's directory. The system
// takes the lock away from a process that ends, however it ends, so that what such a one
// left in the file holds nobody up.
func lock(dir string) (unlock func(), err error) {
	path := filepath.Join(dir, ".lock")
	l := flock.New(path)
	held, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !held {
		var o owner
		if data, err := os.ReadFile(path); err == nil && json.Unmarshal(data, &o) == nil && o.Process != 0 {
			return nil, fmt.Errorf("%s: the study is being run by process %d on %s since %s", path, o.Process, o.Host, o.Since.Format(time.DateTime))
		}
		return nil, fmt.Errorf("%s: the study is being run by another process", path)
	}
	host, _ := os.Hostname() // only to be shown
	data, err := json.Marshal(owner{os.Getpid(), host, time.Now()})
	if err == nil {
		err = os.WriteFile(path, data, 0o644)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return func() { l.Unlock() }, nil
}
