package app

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// lastBackup is what a backup leaves in the data directory for doctor.
type lastBackup struct {
	At    time.Time `json:"at"`
	File  string    `json:"file"`
	Bytes int64     `json:"bytes"`
	Rows  int64     `json:"rows"`
}

const backupNote = "last-backup.json"

func rememberBackup(dataDir string, b lastBackup) error {
	text, err := json.Marshal(b)
	if err == nil {
		err = os.WriteFile(filepath.Join(dataDir, backupNote), text, 0o600)
	}
	if err != nil {
		return fault.E("app.Backup", fault.Internal, "the backup is made, but doctor will not know: cannot write into "+dataDir, err)
	}
	return nil
}

// readBackupNote reads what the last backup left. Errors: os.ErrNotExist before the first.
func readBackupNote(dataDir string) (b lastBackup, err error) {
	text, err := os.ReadFile(filepath.Join(dataDir, backupNote))
	if err == nil {
		err = json.Unmarshal(text, &b)
	}
	return b, err
}

// checkBackup tells how old the last backup is that `usher backup` made on this machine.
// Where a house has begun to live without any, that is a warning.
func checkBackup(dataDir string, now time.Time) (string, error) {
	const op = "app.Doctor"
	s, err := backupOf(dataDir, now)
	switch {
	case err != nil:
		return "", err
	case s.None && !s.Needed:
		return "nothing to back up yet", nil
	case s.None:
		return "", warning(op, "`usher backup` has not been run here", "run `usher backup FILE` every night, and keep the file elsewhere")
	case s.Old:
		return "", warning(op, fmt.Sprintf("the last backup is %d days old: %s", days(now.Sub(s.Last.At)), s.Last.File), "run `usher backup FILE` every night")
	}
	return fmt.Sprintf("%s, %s, %s ago", s.Last.File, bytesOf(s.Last.Bytes), now.Sub(s.Last.At).Round(time.Minute)), nil
}
