package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// lastBackup is what a backup leaves in the data directory for doctor.
type lastBackup struct {
	At    time.Time `json:"at"`
	File  string    `json:"file"`
	Bytes int64     `json:"bytes"`
	Rows  int64     `json:"rows"`
}

const (
	backupNote = "last-backup.json"
	backupAge  = 8 * 24 * time.Hour // older than a week and a day is too old
)

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
// Where a house has begun to live without any, that is a fault.
func checkBackup(dataDir string) (string, error) {
	const op = "app.Doctor"
	b, err := readBackupNote(dataDir)
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dataDir, "seal.key")); err != nil {
			return "nothing to back up yet", nil
		}
		return "", warning(op, "`usher backup` has not been run here", "run `usher backup FILE` every night, and keep the file elsewhere")
	}
	if err != nil {
		return "", fault.E(op, fault.Invalid, "cannot read "+backupNote, err).WithFix("remove it, and run `usher backup FILE`")
	}
	age := clock.System{}.Now().Sub(b.At)
	if age > backupAge {
		return "", warning(op, fmt.Sprintf("the last backup is %d days old: %s", int(age.Hours()/24), b.File), "run `usher backup FILE` every night")
	}
	return fmt.Sprintf("%s, %s, %s ago", b.File, bytesOf(b.Bytes), age.Round(time.Minute)), nil
}
