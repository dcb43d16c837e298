package sales

import (
	"strconv"

	"github.com/usherhq/usher/modules/kernel/id"
)

// maxRows bounds the rows of a category, and the seats of a row.
const maxRows = 500

// Seat is one numbered place of a category. Its stock is 1.
type Seat struct {
	ID     id.ID
	Row    int // from 1, the front
	Column int // from 1
	Free   bool
}

// Name is what stands on the ticket: the row's letters and the seat's number, "C12".
func (s Seat) Name() string { return RowName(s.Row) + strconv.Itoa(s.Column) }

// RowName counts rows as spreadsheets count columns: A … Z, AA, AB, …
func RowName(row int) string {
	name := ""
	for ; row > 0; row = (row - 1) / 26 {
		name = string(rune('A'+(row-1)%26)) + name
	}
	return name
}
