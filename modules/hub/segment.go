package hub

import (
	"strings"

	"github.com/usherhq/usher/modules/kernel/db"
)

// SetSegments says which persons are in which segment, within tx, in place of all that
// was said before: the tag $Segment:{name} stands for the installations of its persons.
// A neighbour that groups customers calls it.
func (s *Service) SetSegments(tx *db.Tx, persons map[string][]string) error {
	rows := make([][]any, 0, len(persons))
	for segment, all := range persons {
		for _, person := range all {
			rows = append(rows, []any{strings.ToLower(segment), strings.ToLower(person)})
		}
	}
	return replaceSegments(tx, rows)
}
